package pulse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
)

// toneFade is the raised cosine at either end.
const toneFade = 30 * time.Millisecond

// ToneGains are a tone's amplitude on each channel of a sink: left, right or both. A sink
// without left and right plays "both" on all it has.
func ToneGains(side string, channels []string, amplitude float64) ([]float32, error) {
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
		return nil, fmt.Errorf("the sink has no %s channel, only %s", side, text.List(channels))
	}
	return gains, nil
}

// How often, and after what, a sink that went away is looked for: it is back within a
// second.
const (
	anewTries = 20
	anewPause = 100 * time.Millisecond
)

// Tone is a sine with a fade at either end.
type Tone struct {
	gains      []float32
	step       float64 // turns a frame
	phase      float64 // turns
	done, left aes67.Frames
	fade       aes67.Frames
}

// NewTone makes one of a length and frequency in Hz, with an amplitude a channel (1: full
// scale) and a fade of 30 ms.
func NewTone(gains []float32, frequency float64, rate aes67.Hz, length time.Duration) *Tone {
	return &Tone{gains: gains, step: frequency / float64(rate), left: aes67.FramesIn(length, rate), fade: aes67.FramesIn(toneFade, rate)}
}

// Read fills interleaved samples and returns how many; fewer than asked for
// means the end.
func (t *Tone) Read(samples []float32) int {
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

// PlaySide plays a tone of 440 Hz to the left or right of a sink until ctx ends, a minute
// at most, at a level in dBFS before the sink's volume. A sink that is made anew meanwhile,
// as for a pair that was just found, is played on into.
func PlaySide(ctx context.Context, sinkID string, rate aes67.Hz, channels []string, side string, dbfs float64) error {
	gains, err := ToneGains(side, channels, math.Pow(10, dbfs/20))
	if err != nil {
		return err
	}
	tone := NewTone(gains, 440, rate, time.Minute)
	play := func() error {
		return Play(ctx, PlayConfig{SinkID: sinkID, Rate: rate, Channels: channels, Name: "aes67-sink pairing"}, tone.Read)
	}
	err = play()
	for tries := 0; tries < anewTries && (errors.Is(err, errGone) || tries > 0 && errors.Is(err, ErrNoSink)); tries++ {
		if wake.Pause(ctx, anewPause) {
			err = play()
		}
	}
	return err
}
