package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestMessages(t *testing.T) {
	for want, v := range map[string]struct {
		path  Path
		value Value
	}{
		`{"device":{"identity":{"product":null}}}`:     {Product, Null},
		`{"audio":{"out":{"mute":true}}}`:              {Mute, Bool(true)},
		`{"audio":{"out":{"level":84.0}}}`:             {Level, Float(84)},
		`{"audio":{"out":{"level":71.25}}}`:            {Level, Float(71.25)},
		`{"audio":{"out":{"delay":96}}}`:               {Delay, Int(96)},
		`{"audio":{"in":{"interface":"DIGITAL <&>"}}}`: {Interface, Text("DIGITAL <&>")},
		`{"device":{"name":"a\"b"}}`:                   {Name, Text(`a"b`)},
	} {
		if line, err := Message(v.path, v.value); err != nil || string(line) != want+"\r\n" {
			t.Errorf("%q, %v; want %s", line, err, want)
		}
	}
	for _, p := range []Path{"", "/", "a//b", "a/", Path(strings.Repeat("a/", 20) + "b")} {
		if _, err := Message(p, Null); !errors.Is(err, ErrPath) {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, v := range []Value{{}, Float(math.NaN()), Float(math.Inf(1))} {
		if _, err := Message(Level, v); err == nil {
			t.Errorf("%v was written", v)
		}
	}
	if line, _ := AskLimits(Delay); string(line) != `{"osc":{"limits":[{"audio":{"out":{"delay":null}}}]}}`+"\r\n" {
		t.Errorf("%q", line)
	}
	if line, _ := AskSchema(""); string(line) != `{"osc":{"schema":null}}`+"\r\n" {
		t.Errorf("%q", line)
	}
}

func TestReplies(t *testing.T) {
	for line, want := range map[string]Reply{
		`{"audio":{"out":{"level":84.0}}}` + "\r\n":                                         {Path: Level, Value: Value{"84.0"}},
		`{ "audio": {"out": {"level": 84.0} } , "osc":{"xid":7} }` + "\n":                   {Path: Level, Value: Value{"84.0"}},
		`{"m":{"in":{"level":[-120.0, -42.5]}}}`:                                            {Path: Meter, Value: Value{"[-120.0,-42.5]"}},
		`{"osc":{"error":[400,{"desc":"message not understood"}]}}`:                         {Err: &Error{Code: 400, Desc: "message not understood"}},
		`{"osc":{"error":[{"audio":{"out":{"dimm":[404,{"desc":"address not found"}]}}}]}}`: {Err: &Error{Code: 404, Desc: "address not found", Path: Dimm}},
		`{"osc":{"error":[413]}}`:                                                           {Err: &Error{Code: 413}},
		`{"osc":{"schema":[{"audio":{"out":{"level":null}}}]}}`:                             {Path: "osc/schema", Value: Value{`[{"audio":{"out":{"level":null}}}]`}},
	} {
		got, err := Parse([]byte(line))
		if err != nil || got.Path != want.Path || got.Value != want.Value || (got.Err == nil) != (want.Err == nil) || got.Err != nil && *got.Err != *want.Err {
			t.Errorf("%s: %+v %+v, %v; want %+v", line, got, got.Err, err, want)
		}
	}
	for _, line := range []string{"", "\r\n", "7", "[]", "{}", "null", `{"a":`, `{"a/b":1}`, `{"":1}`, `{"a":1,"b":2}`, `{"osc":{"error":[]}}`, `{"osc":{"error":[{}]}}`, `{"osc":{"error":["x"]}}`} {
		if got, err := Parse([]byte(line)); err == nil {
			t.Errorf("%q: %+v, want an error", line, got)
		}
	}
	if _, err := Parse(bytes.Repeat([]byte("x"), MaxLine+1)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	for _, said := range []string{
		`[{"audio":{"out":{"delay":[{"type":"Number","units":"samples","min":0,"max":3360,"writeable":true,"option":7}]}}}]`,
		`[{"type":"Number","units":"samples","min":0,"max":3360,"writeable":true}]`,
		`{"audio":{"out":{"delay":{"type":"Number","units":"samples","min":0,"max":3360,"writeable":true}}}}`,
	} {
		l, err := ParseLimits(Delay, Value{said})
		if err != nil || !l.Told || l.Units != "samples" || !l.Holds(3360) || l.Holds(3361) || l.Holds(-1) || !*l.Writeable {
			t.Errorf("%s: %+v, %v", said, l, err)
		}
	}
	for _, said := range []string{"", "null", "[]", "7", `[{"audio":{}}]`} {
		if l, err := ParseLimits(Delay, Value{said}); err == nil {
			t.Errorf("%s: %+v, want an error", said, l)
		}
	}
	for model, most := range map[string]float64{"KH 80": 3360, "KH 120 II": 5760, "KH 120 II AES67": 5760, "KH 750": 1000, "of tomorrow": 1000} {
		if l, ok := KnownLimits(model, Delay); !ok || *l.Max != most || l.Told {
			t.Errorf("%s: %+v", model, l)
		}
	}
}

func TestWhatIsNeverWritten(t *testing.T) {
	for _, line := range []string{
		`{"ui":{"control_mode":"LOCAL"}}`, `{"ui":{"control_mode":"local"}}`, `{"ui":{"control_mode":0}}`, `{"ui":{"control_mode":["LOCAL"]}}`,
		`{"ui":{"control_mode":"LOCAL","control_mode":null}}`, `{"ui":{"control_mode":null,"control_mode":"LOCAL"}}`,
		`{"ui":{"control_mode":"\u004cOCAL"}}`, `{"UI":{"Control_Mode":"LOCAL"}}`, `{"m":null,"ui":[{"control_mode":"LOCAL"}]}`,
		`{"device":{"restore":"FACTORY_DEFAULTS"}}`, `{"device":{"restore":true}}`,
	} {
		if err := AllowedLine([]byte(line)); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", line, err)
		}
	}
	for _, line := range []string{`{"ui":{"control_mode":null}}`, `{"ui":{"control_mode":"NETWORK"}}`, `{"audio":{"out":{"level":84.0}}}`, ` {"osc":{"schema":null}}`} {
		if err := AllowedLine([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{"", "x", "[]", "{}\n{}", "{\n}", "{} {}"} {
		if err := AllowedLine([]byte(line)); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	if !TouchesEqualizer([]byte(`{"audio":{"out":{"eq2":{"gain":[1.0]}}}}`)) || TouchesEqualizer([]byte(`{"audio":{"out":{"eq2":{"gain":null}}}}`)) || TouchesEqualizer([]byte(`{"audio":{"out":{"level":1.0}}}`)) {
		t.Error("an equalizer is not known by its address")
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"84.0", "84", true}, {"[1.0,2]", "[1,2.0]", true}, {"84", "84.1", false}, {`"a"`, `"b"`, false}, {"null", "0", false}, {"true", "true", true}} {
		if got := (Value{c.a}).Same(Value{c.b}); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}

var lines = []string{
	`{"audio":{"out":{"level":84.0}}}`, `{"m":{"in":{"level":[-120.0,-42.5]}}}`, `{"audio":{"in":{"interface":"DIGITAL ONLY"}}}`,
	`{"osc":{"error":[400,{"desc":"message not understood"}]}}`,
	`{"osc":{"error":[{"audio":{"out":{"dimm":[404,{"desc":"address not found"}]}}}]}}`,
	`{"osc":{"schema":[{"audio":{"out":{},"in":null}}]}}`, `{"warnings":["NO_WARNING"],"osc":{"xid":1}}`,
	`{"osc":{"limits":[{"audio":{"out":{"delay":[{"min":0,"max":3360,"units":"samples"}]}}}]}}`,
	`{"ui":{"control_mode":"LOCAL","control_mode":null}}`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}}}}}`,
}

func FuzzParse(f *testing.F) {
	for _, line := range lines {
		f.Add([]byte(line + "\r\n"))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Parse(line)
		if err != nil {
			return
		}
		if r.Err != nil {
			if r.Err.Code == 0 || r.Err.Error() == "" {
				t.Errorf("%q: %+v", line, r.Err)
			}
			return
		}
		again, err := Message(r.Path, r.Value)
		if err != nil {
			t.Fatalf("%q: %v of %+v", line, err, r)
		}
		if !strings.HasPrefix(string(r.Path), "osc") {
			if back, err := Parse(again); err != nil || back != r {
				t.Errorf("%q: %+v, and back %+v, %v", line, r, back, err)
			}
		}
	})
}

func FuzzDescriptions(f *testing.F) {
	for _, line := range lines {
		if r, err := Parse([]byte(line)); err == nil {
			f.Add(string(r.Path), r.Value.String())
		}
	}
	f.Add("audio/out/delay", `[{"audio":{"out":{"delay":[{"min":0,"max":3360}]}}}]`)
	f.Add("", `[{"audio":{},"warnings":null}]`)
	f.Fuzz(func(t *testing.T, path, said string) {
		v, err := JSON(said)
		if err != nil {
			return
		}
		if l, err := ParseLimits(Path(path), v); err == nil && !l.Told {
			t.Errorf("%q: not told", said)
		}
		if below, err := ParseSchema(Path(path), v); err == nil && below == nil {
			t.Errorf("%q: nothing, and no error", said)
		}
	})
}

// FuzzAllowedLine compares with a reader that takes the last of two members of a name:
// what it sees of the forbidden is never let through.
func FuzzAllowedLine(f *testing.F) {
	for _, line := range lines {
		f.Add([]byte(line))
	}
	f.Add([]byte(`{"device":{"restore":"FACTORY_DEFAULTS"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var seen struct {
			UI struct {
				ControlMode *string `json:"control_mode"`
			}
			Device struct{ Restore *string }
		}
		if AllowedLine(line) != nil {
			return
		}
		if bytes.ContainsAny(Trim(line), "\r\n") {
			t.Errorf("%q: two lines", line)
		}
		TouchesEqualizer(line)
		if json.Unmarshal(line, &seen) != nil {
			return
		}
		if m := seen.UI.ControlMode; m != nil && *m != Network || seen.Device.Restore != nil {
			t.Errorf("%q was let through", line)
		}
	})
}
