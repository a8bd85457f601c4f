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
	gains, err := pulse.ToneGains(c.Channel, sink.Channels, math.Pow(10, c.Level/20))
	if err != nil {
		return fmt.Errorf("tone --channel=%s: %w; use --channel=both", c.Channel, err)
	}
	t := pulse.NewTone(gains, c.Freq, sink.StartRate(), time.Duration(c.Seconds*float64(time.Second)))
	fmt.Fprintf(to.stdout, "%g Hz at %g dBFS on %s for %g s\n", c.Freq, c.Level, c.Channel, c.Seconds)
	if muted {
		fmt.Fprintf(to.stdout, "%s is muted: nothing is heard; pactl set-sink-mute %[1]s 0\n", sink.ID)
	}
	play := pulse.PlayConfig{SinkID: sink.ID, Rate: sink.StartRate(), Channels: sink.Channels, Name: "aes67-sink test tone"}
	switch err := pulse.Play(ctx, play, t.Read); {
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
