package speakers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

// ErrUsage is a command that cannot be meant.
var ErrUsage = errors.New("speakers")

// verb is a setting by the name of its command.
type verb struct {
	name, takes string
	path        func(s Speaker, value string) ssc.Path
	value       func(said string) (ssc.Value, bool)
}

func always(p ssc.Path) func(Speaker, string) ssc.Path {
	return func(Speaker, string) ssc.Path { return p }
}

// verbs are the settings.
var verbs = []verb{
	{"level", "dB SPL, such as 84", func(s Speaker, _ string) ssc.Path { return s.level() }, float},
	{"mute", "on or off", func(s Speaker, _ string) ssc.Path { return s.mute() }, toggle},
	{"brightness", "% of the logo's light, such as 20", always(wire.Brightness), integer},
	{"identify", "on or off", always(wire.Identify), toggle},
	{"name", "a name of at most 52 bytes", always(wire.Name), naming},
	{"standby", "on, off, or minutes of silence, such as 60", func(_ Speaker, said string) ssc.Path {
		if _, ok := toggle(said); ok {
			return wire.StandbyEnabled
		}
		return wire.StandbyTime
	}, func(said string) (ssc.Value, bool) {
		if v, ok := toggle(said); ok {
			return v, true
		}
		return integer(said)
	}},
	{"delay", "samples of 1/48000 s, or ms, such as 96 or 2ms", always(wire.Delay), delay},
	{"dim", "dB less, such as 20; 0 ends it", always(wire.Dimm), dim},
	{"save", "on: keep the settings over a loss of power", always(wire.SaveSettings), toggle},
}

func float(said string) (ssc.Value, bool) {
	x, err := strconv.ParseFloat(said, 64)
	return wire.Float(x), err == nil && !wire.Float(x).IsZero()
}

func integer(said string) (ssc.Value, bool) {
	n, err := strconv.Atoi(said)
	return wire.Int(n), err == nil
}

func toggle(said string) (ssc.Value, bool) {
	return wire.Bool(said == "on"), said == "on" || said == "off"
}

func naming(said string) (ssc.Value, bool) {
	return wire.Text(said), said != "" && len(said) <= wire.MaxName
}

// samplesPerMs is of the unit of audio/out/delay, 1/48 000 s.
const samplesPerMs = 48

func delay(said string) (ssc.Value, bool) {
	if ms, ok := strings.CutSuffix(said, "ms"); ok {
		x, err := strconv.ParseFloat(ms, 64)
		return wire.Int(int(math.Round(x * samplesPerMs))), err == nil && math.Abs(x) < 1e6
	}
	return integer(said)
}

func dim(said string) (ssc.Value, bool) {
	x, err := strconv.ParseFloat(said, 64)
	v := wire.Float(-math.Abs(x))
	if x == 0 {
		v = wire.Float(0)
	}
	return v, err == nil && !v.IsZero()
}

// parseVerb checks a command before any speaker is asked.
func parseVerb(name, said string) (verb, ssc.Value, error) {
	for _, v := range verbs {
		if v.name != name {
			continue
		}
		value, ok := v.value(said)
		if !ok {
			return verb{}, ssc.Value{}, fmt.Errorf("%w %s %q: must be %s", ErrUsage, name, said, v.takes)
		}
		return v, value, nil
	}
	return verb{}, ssc.Value{}, fmt.Errorf("%w %s: no such command; see aes67-sink speakers --help", ErrUsage, name)
}

// Result is what became of a setting at one speaker.
type Result struct {
	Name    string    `json:"name"`
	Serial  string    `json:"serial,omitempty"`
	Address string    `json:"address"`
	Path    ssc.Path  `json:"path,omitempty"`
	Value   ssc.Value `json:"value"` // as the speaker confirms
	Note    string    `json:"note,omitempty"`
	Problem string    `json:"problem,omitempty"`
}

func (s Speaker) result() Result {
	return Result{Name: s.label(), Serial: s.Serial, Address: s.Address, Problem: s.Problem}
}

// set writes one setting, if the speaker's limits let it.
func (s Speaker) set(ctx context.Context, p ssc.Path, v ssc.Value) Result {
	ctx, stop := context.WithTimeout(ctx, budget)
	defer stop()
	r := s.result()
	r.Path = p
	if s.Problem != "" {
		return r
	}
	if x, isNumber := v.Float(); isNumber {
		l, known, err := s.device.Limits(ctx, p)
		if err != nil {
			r.Problem = err.Error()
			return r
		}
		if known && !l.Holds(x) {
			r.Problem = fmt.Sprintf("%s=%s: the speaker takes %s", p, v, span(l))
			return r
		}
	}
	confirmed, err := s.device.Set(ctx, p, v)
	var refused *ssc.Error
	switch {
	case errors.Is(err, ssc.ErrLocal):
		r.Problem = err.Error() + "; set the switch at its rear to NETWORK"
	case errors.As(err, &refused) && refused.Code == 404:
		r.Problem = fmt.Sprintf("%s has no %s", s.Model, p)
	case errors.As(err, &refused) && refused.Code == 405:
		r.Problem = fmt.Sprintf("%s lets nobody set %s", s.Model, p)
	case err != nil:
		r.Problem = err.Error()
	default:
		r.Value = confirmed
		if !confirmed.Same(v) {
			r.Note = "asked for " + v.String()
		}
	}
	return r
}

// span says what limits hold.
func span(l ssc.Limits) string {
	low, high := "any", "any"
	if l.Min != nil {
		low = strconv.FormatFloat(*l.Min, 'g', -1, 64)
	}
	if l.Max != nil {
		high = strconv.FormatFloat(*l.Max, 'g', -1, 64)
	}
	return strings.TrimSpace(low + " to " + high + " " + l.Units)
}

// Verbs are the commands, for completions.
func Verbs() []string {
	var out []string
	for _, v := range verbs {
		out = append(out, v.name)
	}
	return append(out, "pair", "raw", "backup", "restore")
}
