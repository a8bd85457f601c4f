package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/text"
	"aes67-sink/pulse"
	"aes67-sink/status"
)

const (
	// maxToneDBFS is as loud as a test tone may be: a tone has all its power in
	// one place of the ear and one driver of the speaker.
	maxToneDBFS = -20
	minToneDBFS = -120 // below it 24 bits hold next to nothing
	minToneHz   = 20
	maxToneHz   = 20000
	maxToneTime = time.Hour
	// toneFade is the raised cosine at either end.
	toneFade = 30 * time.Millisecond
)

type toneCommand struct {
	Channel string  `default:"both" placeholder:"left|right|both" help:"Where to play: left, right or both (${default})."`
	Freq    float64 `default:"440" placeholder:"HZ" help:"Frequency in Hz, 20 to 20000 (${default})."`
	Level   float64 `default:"-40" placeholder:"DBFS" help:"Level in dBFS before the sink's volume, -120 to -20 (${default})."`
	Seconds float64 `default:"5" placeholder:"S" help:"How long, 0.1 to 3600 (${default})."`
}

// Run plays the tone to its end, or until a signal, with a fade in either case.
func (c *toneCommand) Run(to streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	ctx, stop := untilEnded(false)
	defer stop()
	sink, muted, running, err := toneSink(ctx)
	if err != nil {
		return err
	}
	gains, err := toneGains(c.Channel, sink.Channels, math.Pow(10, c.Level/20))
	if err != nil {
		return err
	}
	t := tone{
		gains: gains,
		step:  c.Freq / float64(sink.Rate),
		left:  aes67.FramesIn(time.Duration(c.Seconds*float64(time.Second)), sink.Rate),
		fade:  aes67.FramesIn(toneFade, sink.Rate),
	}
	fmt.Fprintf(to.stdout, "%g Hz at %g dBFS on %s for %g s\n", c.Freq, c.Level, c.Channel, c.Seconds)
	if muted {
		fmt.Fprintf(to.stdout, "%s is muted: nothing is heard; pactl set-sink-mute %[1]s 0\n", sink.ID)
	}
	play := pulse.PlayConfig{SinkID: sink.ID, Rate: sink.Rate, Channels: sink.Channels, Name: "aes67-sink test tone"}
	switch err := pulse.Play(ctx, play, t.read); {
	case errors.Is(err, pulse.ErrNoSink) && running:
		return fmt.Errorf("tone: %w; aes67-sink status says why", err)
	case errors.Is(err, pulse.ErrNoSink):
		return fmt.Errorf("tone: %w; start the bridge with %s", err, ourUnit.StartCommand())
	case err != nil:
		return fmt.Errorf("tone: %w", err)
	}
	return nil
}

func (c *toneCommand) validate() error {
	for _, flag := range []struct {
		name             string
		value, low, high float64
		unit             string
	}{
		{"freq", c.Freq, minToneHz, maxToneHz, "Hz"},
		{"level", c.Level, minToneDBFS, maxToneDBFS, "dBFS"},
		{"seconds", c.Seconds, 0.1, maxToneTime.Seconds(), "s"},
	} {
		if !(flag.value >= flag.low && flag.value <= flag.high) { // NaN too
			return usageError{fmt.Sprintf("tone --%s=%g: must be %g to %g %s; see aes67-sink tone --help",
				flag.name, flag.value, flag.low, flag.high, flag.unit)}
		}
	}
	if !slices.Contains([]string{"left", "right", "both"}, c.Channel) {
		return usageError{fmt.Sprintf("tone --channel=%s: must be left, right or both; see aes67-sink tone --help", c.Channel)}
	}
	return nil
}

// toneSink is the sink of the running bridge, else that of the configuration:
// the sound server tells whether it is there.
func toneSink(ctx context.Context) (sink config.Sink, muted, running bool, err error) {
	if m, err := status.NewClient().Model(ctx); err == nil && m.Sink.ID != "" && len(m.Sink.Channels) > 0 {
		return config.Sink{ID: m.Sink.ID, Rate: aes67.Hz(m.Sink.RateHz), Channels: m.Sink.Channels}, m.Sink.Muted != nil && *m.Sink.Muted, true, nil
	}
	loaded, err := configFlags{}.load()
	return loaded.Config.Sink, false, false, err
}

// toneGains is the tone's amplitude on each channel of the sink. A sink
// without left and right plays "both" on all it has.
func toneGains(side string, channels []string, amplitude float64) ([]float32, error) {
	sides := []string{"front-left", "front-right"}
	if side != "both" {
		sides = []string{"front-" + side}
	}
	gains := make([]float32, len(channels))
	found := false
	for i, channel := range channels {
		if slices.Contains(sides, channel) {
			gains[i], found = float32(amplitude), true
		}
	}
	switch {
	case !found && side == "both":
		for i := range gains {
			gains[i] = float32(amplitude)
		}
	case !found:
		return nil, fmt.Errorf("tone --channel=%s: the sink has no such channel, only %s; use --channel=both", side, text.List(channels))
	}
	return gains, nil
}

// tone is a sine with a fade at either end.
type tone struct {
	gains      []float32
	step       float64 // turns a frame
	phase      float64 // turns
	done, left aes67.Frames
	fade       aes67.Frames
}

// read fills interleaved samples and returns how many; fewer than asked for
// means the end.
func (t *tone) read(samples []float32) int {
	n := 0
	for ; n+len(t.gains) <= len(samples) && t.left > 0; n += len(t.gains) {
		edge := min(float64(t.done)/float64(t.fade), float64(t.left)/float64(t.fade), 1)
		x := float32(math.Sin(2*math.Pi*t.phase) * (1 - math.Cos(math.Pi*edge)) / 2)
		for c, gain := range t.gains {
			samples[n+c] = gain * x
		}
		_, t.phase = math.Modf(t.phase + t.step)
		t.done++
		t.left--
	}
	return n
}
