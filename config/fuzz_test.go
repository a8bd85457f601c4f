package config

import (
	"strings"
	"testing"
)

// readsBack fails unless what was accepted is valid and prints to a text that
// reads back to the same.
func readsBack(t *testing.T, c Config) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatalf("accepted, then refused: %v", err)
	}
	again, faults := read(c.TOML())
	if len(faults) != 0 {
		t.Fatalf("%v in\n%s", faults, c.TOML())
	}
	equal(t, again, c)
}

// oneLineEach fails unless every fault is one line.
func oneLineEach(t *testing.T, faults Faults) {
	t.Helper()
	for _, f := range faults {
		if line := f.Error(); line == "" || strings.ContainsAny(line, "\n\r\x1b\x00") {
			t.Fatalf("fault %q is not one line", line)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Default().TOML())
	f.Add("[sink]\nname = \"a\"\nchannels = [\"aux0\", \"lfe\"]\nlatency = \"1.5s\"\n")
	f.Add("sink.name = 'x'\nstream = {ttl = 1, addresses = [\"239.1.1.1\", \"239.1.1.2\"]}\n")
	f.Add("\x16") // an error without a place
	f.Add("[[sink]]\n[sink.rate]\n[\"\"]\n\"\" = 1\n")
	f.Add("[safety]\nceiling = -0.0\nfirst-volume = -1e1\n[status]\nlisten = \"[::1%lo]:1\"")
	f.Fuzz(func(t *testing.T, text string) {
		c, faults := read(text)
		if len(faults) == 0 {
			readsBack(t, c)
		}
		oneLineEach(t, faults)
	})
}

func FuzzSet(f *testing.F) {
	f.Add("sink.name=Living room")
	f.Add(`sink.channels=["aux0", "front-left"]`)
	f.Add("sink.latency=20ms")
	f.Add("safety.ceiling=-1e-3")
	f.Add("stream.addresses=[\"239.1.1.1\",\"239.1.1.2\"] # two")
	f.Fuzz(func(t *testing.T, setting string) {
		c, faults := read("", setting)
		if len(faults) == 0 {
			readsBack(t, c)
		}
		oneLineEach(t, faults)
	})
}
