package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// furnish gives a random configuration further sinks, sometimes.
func furnish(r *rand.Rand, c *Config) {
	for _, s := range []*Sink{&c.Sink} {
		outfit(r, s)
	}
	for i := range r.IntN(4) * r.IntN(2) {
		s := Sink{Name: fmt.Sprintf("Room %d", i), ID: fmt.Sprintf("room.%d", i), Rate: 48000, Channels: []string{"front-right", "aux3"}[:1+r.IntN(2)]}
		if outfit(r, &s); r.IntN(4) == 0 {
			s.Layout, s.Gains, s.Delays, s.PlaysInto = nil, nil, nil, []string{c.Sink.ID}
		}
		c.More = append(c.More, s)
	}
}

func outfit(r *rand.Rand, s *Sink) {
	if r.IntN(3) == 0 {
		s.Layout = new(Layout(r.IntN(3)))
	}
	if r.IntN(3) == 0 {
		for range s.Channels {
			s.Gains = append(s.Gains, -60*r.Float64())
		}
	}
	if r.IntN(3) == 0 {
		for range s.Channels {
			s.Delays = append(s.Delays, time.Duration(r.Int64N(int64(maxDelay+1))))
		}
	}
}

const threeSinks = `
[[sink]]
name = "Living room"
id = "living"

[[sink]]
name = "Cinema"
id = "cinema"
channels = ["front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right"]
layout = "pairs"
gains = [0, 0, -1.5, -3, 0, 0]
delays = ["0s", "0s", "1ms", "12.5ms", "0s", "0s"]

[[sink]]
name = "Everywhere"
id = "all"
plays-into = ["living", "cinema"]

[stream]
layout = "mono"
`

func TestSeveralSinks(t *testing.T) {
	c, faults := read(threeSinks)
	if len(faults) != 0 {
		t.Fatal(faults)
	}
	var spread []string
	for _, s := range c.Sinks() {
		spread = append(spread, fmt.Sprintf("%s%v%v", s.ID, c.Spread(s), c.Into(s)))
	}
	want := []string{
		"living[[front-left] [front-right]][]",
		"cinema[[front-left front-right] [front-center lfe] [rear-left rear-right]][]",
		"all[][0 1]",
	}
	if !slices.Equal(spread, want) || c.StreamCount() != 5 {
		t.Errorf("got %q and %d streams, want %q", spread, c.StreamCount(), want)
	}
	if s := c.More[0]; s.Gains[2] != -1.5 || s.Delays[3] != 12500*time.Microsecond || s.Rate != 48000 {
		t.Errorf("the second sink is %+v", s)
	}
	readsBack(t, c)
	one, faults := read(strings.Split(threeSinks, "\n\n")[0])
	if len(faults) != 0 || len(one.More) != 0 || one.Sink.ID != "living" {
		t.Errorf("one [[sink]]: %+v, %v", one, faults)
	}
}

// TestARateMayFollowWhatPlays: "auto" is a word beside the numbers, of each sink.
func TestARateMayFollowWhatPlays(t *testing.T) {
	c, faults := read("[sink]\nrate = \"auto\"\n")
	if len(faults) != 0 || !slices.Equal(c.Sink.Rates(), []aes67.Hz{48000, 44100}) || c.Sink.StartRate() != 48000 {
		t.Errorf("got %+v, %v", c.Sink, faults)
	}
	readsBack(t, c)
	c, faults = read(threeSinks, "sink.0.rate=auto", "sink.cinema.rate=96000")
	if len(faults) != 0 || c.Sink.StartRate() != 48000 || !slices.Equal(c.More[0].Rates(), []aes67.Hz{96000}) {
		t.Errorf("got %+v, %v", c.Sinks(), faults)
	}
}

func TestSettingsOfSeveralSinks(t *testing.T) {
	c, faults := read(threeSinks, "sink.0.rate=44100", "sink.cinema.latency=20ms", "sink.2.name=All")
	if len(faults) != 0 || c.Sink.Rate != 44100 || c.More[0].Latency != 20*time.Millisecond || c.More[1].Name != "All" {
		t.Errorf("got %+v, %v", c.Sinks(), faults)
	}
	one, faults := read("", "sink.0.rate=44100", "sink.aes67.name=x")
	if len(faults) != 0 || one.Sink.Rate != 44100 || one.Sink.Name != "x" {
		t.Errorf("got %+v, %v", one.Sink, faults)
	}
	for set, want := range map[string]string{
		"sink.rate=44100":       `--set: sink.rate: there are 3 sinks; say which: sink.living.rate or sink.0.rate`,
		"sink.3.rate=44100":     `--set: sink.3.rate: no sink "3"; the sinks are living, cinema, all`,
		"sink.hall.rate=44100":  `--set: sink.hall.rate: no sink "hall"; the sinks are living, cinema, all`,
		"sink.1.rate=1":         `--set: sink.1.rate = 1: unknown sample rate; must be "auto" or one of 44100, 48000, 88200, 96000 Hz; the default is 48000`,
		"sink.1.rates=1":        `--set: sink.1.rates: unknown key; did you mean sink.rate?`,
		"sink.cinema.gains=[0]": `--set: sink.1.gains = [0.0]: 1 gain for 6 channels; must be 6 in the order of the channels, or []`,
	} {
		if _, faults := read(threeSinks, set); faults.Error() != want {
			t.Errorf("%s: %v\nwant %s", set, faults, want)
		}
	}
}

func TestFaultsOfSeveralSinks(t *testing.T) {
	channels := `channels = ["aux0", "aux1", "aux2", "aux3", "aux4", "aux5", "aux6", "aux7"]`
	var many strings.Builder
	for i := range 9 {
		fmt.Fprintf(&many, "[[sink]]\nid = \"s%d\"\nname = \"S%d\"\n%s\n", i, i, channels)
	}
	for _, test := range []struct{ name, text, want string }{
		{"an id twice", "[[sink]]\nname = \"a\"\n[[sink]]\nid = \"AES67\"\nname = \"b\"", `config.toml:4: sink.1.id = "AES67": sink 0 has it too; give each sink one of its own`},
		{"the id of what is behind another", "[[sink]]\n[[sink]]\nid = \"aes67_null\"\nname = \"b\"", `config.toml:3: sink.1.id = "aes67_null": is what the sink behind aes67 is called; choose another`},
		{"a name twice", "[[sink]]\nid = \"a\"\n[[sink]]\nid = \"b\"", `sink.1.name = "AES67 Speakers": sink 0 has it too; give each sink one of its own`},
		{"an unknown sink", "[[sink]]\n[[sink]]\nid = \"b\"\nname = \"B\"\nplays-into = [\"x\"]", `config.toml:5: sink.1.plays-into = ["x"]: no sink has the id "x"; name sinks that have streams of their own: aes67`},
		{"into itself", "[sink]\nplays-into = [\"aes67\"]", `config.toml:2: sink.plays-into = ["aes67"]: a sink cannot play into itself; leave plays-into out of a sink, so that there is one with streams`},
		{
			"in a circle", "[[sink]]\nplays-into = [\"b\"]\n[[sink]]\nid = \"b\"\nname = \"B\"\nplays-into = [\"aes67\"]",
			`config.toml:2: sink.0.plays-into = ["b"]: "b" plays into others itself; leave plays-into out of a sink, so that there is one with streams` + "\n" +
				`config.toml:6: sink.1.plays-into = ["aes67"]: "aes67" plays into others itself; leave plays-into out of a sink, so that there is one with streams`,
		},
		{"everywhere with gains", "[[sink]]\n[[sink]]\nid = \"b\"\nname = \"B\"\nplays-into = [\"aes67\"]\ngains = [0, 0]", `config.toml:5: sink.1.plays-into = ["aes67"]: such a sink has no streams of its own; leave its layout, gains and delays out: those of the sinks named hold`},
		{"too many streams", many.String(), `config.toml:4: stream.layout = "mono": the sinks have 72 streams together: must be at most 64; take fewer channels, or layout = "pairs" or "multi"`},
		{"too few delays", "[sink]\ndelays = [\"1ms\"]", `config.toml:2: sink.delays = ["1ms"]: 1 delay for 2 channels; must be 2 in the order of the channels, or []`},
		{"a delay too long", "[sink]\ndelays = [\"501ms\", \"0s\"]", `config.toml:2: sink.delays = ["501ms", "0s"]: item 1: out of range; must be a list of durations from 0ms to 500ms in quotes, or []; the default is []`},
		{"a gain that raises", "[sink]\ngains = [0, 3]", `config.toml:2: sink.gains = [0, 3]: item 2: out of range; must be a list of numbers of -60 to 0 dB, or []; the default is []`},
		{"an unknown key of the second", "[[sink]]\n[[sink]]\nid = \"b\"\nname = \"B\"\ncolour = 3", `config.toml:5: sink.1.colour: unknown key; aes67-sink config prints every key there is`},
		{
			"a packet too small for the second", "[[sink]]\n[[sink]]\nid = \"b\"\nname = \"B\"\nlayout = \"multi\"\n" + channels + "\n[stream]\nptime = \"4ms\"",
			`config.toml:8: stream.ptime = "4ms": 8 channels of L24 at 48000 Hz make 4608 bytes a packet: must be at most 1440; take stream.ptime = "1ms" or sink.1.layout = "mono"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := read(test.text)
			if faults.Error() != test.want {
				t.Errorf("got  %s\nwant %s", faults.Error(), test.want)
			}
		})
	}
}

func TestWhatDiffersBetweenSeveralSinks(t *testing.T) {
	a, _ := read(threeSinks)
	for set, want := range map[string][]string{
		"sink.cinema.gains=[0, 0, 0, 0, 0, 0]": {"sink.gains"},
		"sink.living.name=x":                   {"sink.name"},
	} {
		b, _ := read(threeSinks, set)
		if got := Differing(a, b); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", set, got, want)
		}
	}
	if got := Differing(a, Default()); !slices.Equal(got, []string{"sink.id"}) {
		t.Errorf("fewer sinks: %v", got)
	}
}

func TestRecipesOfRooms(t *testing.T) {
	text, err := os.ReadFile("../docs/rooms.md")
	if err != nil {
		t.Fatal(err)
	}
	recipes := strings.Split(string(text), "```toml\n")[1:]
	if len(recipes) < 3 {
		t.Fatalf("%d recipes, want 3 at least", len(recipes))
	}
	for _, recipe := range recipes {
		recipe, _, _ = strings.Cut(recipe, "```")
		if _, faults := read(recipe); len(faults) != 0 {
			t.Errorf("%v in\n%s", faults, recipe)
		}
	}
}
