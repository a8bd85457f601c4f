package pulse

import (
	"strings"
	"testing"
	"unicode"
)

// pulseArguments reads module arguments as PulseAudio does (modargs.c,
// proplist.c): quotes of either kind, backslash escapes within them.
func pulseArguments(s string) (map[string]string, bool) {
	return arguments(s, true)
}

// pipewireArguments reads them as pipewire-pulse does (module.c): the same, but
// a backslash stays.
func pipewireArguments(s string) (map[string]string, bool) {
	return arguments(s, false)
}

func arguments(s string, unescape bool) (map[string]string, bool) {
	found := map[string]string{}
	for {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
		if s == "" {
			return found, true
		}
		key, rest, ok := strings.Cut(s, "=")
		if !ok || key == "" || rest == "" {
			return nil, false
		}
		quote := rest[0]
		if quote != '"' && quote != '\'' {
			end := strings.IndexAny(rest+" ", " ")
			found[key], s = rest[:end], rest[end:]
			continue
		}
		var value strings.Builder
		i := 1
		for ; i < len(rest) && rest[i] != quote; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				if !unescape {
					value.WriteByte('\\')
				}
				i++
			}
			value.WriteByte(rest[i])
		}
		if i >= len(rest) {
			return nil, false
		}
		found[key], s = value.String(), rest[i+1:]
	}
}

func checkArguments(t *testing.T, id, name string) {
	t.Helper()
	args := moduleArgs(id, name, 48000, []string{"front-left", "aux3"}, true)
	for server, read := range map[string]func(string) (map[string]string, bool){"PulseAudio": pulseArguments, "PipeWire": pipewireArguments} {
		outer, ok := read(args)
		if !ok {
			t.Fatalf("%s cannot read %s", server, args)
		}
		inner, ok := read(outer["sink_properties"])
		if !ok {
			t.Fatalf("%s cannot read %s", server, outer["sink_properties"])
		}
		if got := outer["sink_name"]; got != id {
			t.Errorf("%s: sink_name %q, want %q", server, got, id)
		}
		if got := outer["channel_map"]; got != "front-left,aux3" {
			t.Errorf("%s: channel_map %q", server, got)
		}
		if got := inner["device.description"]; got != label(name) {
			t.Errorf("%s: label %q, want %q", server, got, label(name))
		}
		if inner[ownerKey] != ownerValue || inner["state.restore-props"] != "false" || inner["node.driver"] != "false" || inner["device.icon_name"] != Icon || len(inner) != 6 || len(outer) != 7 {
			t.Errorf("%s: %q read as %q and %q", server, args, outer, inner)
		}
	}
}

func TestModuleArgumentsReadBack(t *testing.T) {
	for _, name := range []string{
		"AES67 Speakers", "Bob's \"loud\" ones", "a=b", " lead and trail ", "{x: [y], #z}; $HOME %s", "Lautsprecher für Küche ☃",
	} {
		t.Run(name, func(t *testing.T) { checkArguments(t, "aes67", name) })
	}
}

func TestLabelReadsTheSame(t *testing.T) {
	if got, want := label(`Bob's "loud" ones`), "Bob’s ”loud” ones"; got != want {
		t.Errorf("label %q, want %q", got, want)
	}
}

func FuzzModuleArguments(f *testing.F) {
	f.Add("aes67", "AES67 Speakers")
	f.Add("a-b_c.d", `it's "x"`)
	f.Fuzz(func(t *testing.T, id, name string) {
		if checkSinkID(id) != nil || checkSinkName(name) != nil {
			return
		}
		checkArguments(t, id, name)
		if n := len(moduleArgs(id, name, 192000, []string{"front-right-of-center", "front-left-of-center", "front-right-of-center", "front-left-of-center", "front-right-of-center", "front-left-of-center", "front-right-of-center", "front-left-of-center"}, true)); n > maxRequest-50 {
			t.Fatalf("arguments of %d bytes", n)
		}
	})
}

func TestConfigTellsEveryFault(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"id empty", func(c *Config) { c.SinkID = "" }, `sink id ""`},
		{"id with a space", func(c *Config) { c.SinkID = "a b" }, "is not a letter"},
		{"id too long", func(c *Config) { c.SinkID = strings.Repeat("a", 128) }, "1 to 127"},
		{"name empty", func(c *Config) { c.SinkName = " " }, "empty"},
		{"name with a backslash", func(c *Config) { c.SinkName = `a\b` }, "backslash"},
		{"name with a newline", func(c *Config) { c.SinkName = "a\nb" }, "control character"},
		{"name not UTF-8", func(c *Config) { c.SinkName = "\xff" }, "UTF-8"},
		{"name too long", func(c *Config) { c.SinkName = strings.Repeat("'", 70) }, "at most 200"},
		{"rate", func(c *Config) { c.Rate = 8000 }, "sink rate 8000 Hz"},
		{"no channel", func(c *Config) { c.Channels = nil }, "0 of them"},
		{"nine channels", func(c *Config) { c.Channels = make([]string, 9) }, "9 of them"},
		{"unknown channel", func(c *Config) { c.Channels = []string{"left"} }, `"left": not a channel name`},
		{"aux out of range", func(c *Config) { c.Channels = []string{"aux32"} }, `"aux32"`},
		{"aux with a zero", func(c *Config) { c.Channels = []string{"aux01"} }, `"aux01"`},
		{"loud first volume", func(c *Config) { c.FirstVolumeDB = 3 }, "first volume 3 dB"},
		{"message", func(c *Config) { c.Message = -1 }, "message -1ns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := stereo()
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate: %v, want %q in it", err, c.want)
			}
		})
	}
	cfg := stereo()
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}
