package pod

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// captured are the bodies of messages between pw-cli 0.3.65 and PipeWire 1.4.2; their
// names tell what they are.
func captured(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.pod")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages: %v", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = b
	}
	return all
}

func TestEachValueReadsBack(t *testing.T) {
	var all []byte
	all = AppendNone(all)
	all = AppendID(all, 16)
	all = AppendInt(all, -7)
	all = AppendLong(all, -1<<40)
	all = AppendString(all, "seven b")
	all = AppendObject(all, 0x40002, 2, Property{0x1000e, AppendLong(nil, 50_000_000)}, Property{3, AppendInt(nil, 4)})
	whole := AppendStruct(nil, all)
	if len(whole)%alignment != 0 {
		t.Errorf("%d bytes: not a multiple of %d", len(whole), alignment)
	}
	outer, rest, ok := Next(whole)
	if !ok || len(rest) != 0 {
		t.Fatalf("the struct is not whole; %d bytes are left", len(rest))
	}
	values := slices.Collect(outer.Values())
	if len(values) != 6 {
		t.Fatalf("%d values, want 6", len(values))
	}
	if values[0].Type != None || values[1].Int() != 16 || values[2].Int() != -7 || values[3].Int() != -1<<40 || values[4].Text() != "seven b" {
		t.Errorf("values read back as %v", values)
	}
	got := map[uint32]int64{}
	for key, v := range values[5].Properties() {
		got[key] = v.Int()
	}
	if len(got) != 2 || got[0x1000e] != 50_000_000 || got[3] != 4 {
		t.Errorf("properties %v", got)
	}
}

// TestSetParamAsCaptured holds our bytes against those of PipeWire's own client.
func TestSetParamAsCaptured(t *testing.T) {
	const (
		props     = 2       // SPA_PARAM_Props
		offset    = 0x1000e // SPA_PROP_latencyOffsetNsec
		objectOf  = 0x40002 // SPA_TYPE_OBJECT_Props
		thirtyMSs = 30_000_000
	)
	body := AppendID(nil, props)
	body = AppendInt(body, 0)
	body = AppendObject(body, objectOf, props, Property{offset, AppendLong(nil, thirtyMSs)})
	ours := AppendStruct(nil, body)
	if theirs := captured(t)["node-set-param.pod"]; !bytes.Equal(ours, theirs) {
		t.Errorf("ours   %x\ntheirs %x", ours, theirs)
	}
}

func FuzzRead(f *testing.F) {
	for _, message := range captured(f) {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; ; {
			v, after, ok := Next(rest)
			if !ok {
				return
			}
			if len(after) >= len(rest) {
				t.Fatal("nothing was cut off")
			}
			rest = after
			walk(v, 0)
			again, _, ok := Next(value(nil, v.Type, v.Body))
			if !ok || again.Type != v.Type || !bytes.Equal(again.Body, v.Body) {
				t.Fatalf("%v reads back as %v", v, again)
			}
		}
	})
}

// walk reads all that is in a value, as far as 16 levels down.
func walk(v Value, depth int) {
	_, _, _ = v.Int(), v.Float(), v.Text()
	if depth == 16 {
		return
	}
	for each := range v.Values() {
		walk(each, depth+1)
	}
	for _, each := range v.Properties() {
		walk(each, depth+1)
	}
}
