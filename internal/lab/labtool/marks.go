package main

import (
	"flag"
	"fmt"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/pulse"
)

// marksCommand plays marks into a sink as a program does, and prints when it
// wrote each: its number, CLOCK_MONOTONIC in ns, and with -ahead after how many ns the
// server says that it is heard, a line each.
func marksCommand(args []string) error {
	flags := flag.NewFlagSet("marks", flag.ContinueOnError)
	sink := flags.String("sink", "aes67", "the sink's `name`")
	latency := flags.Duration("latency", 20*time.Millisecond, "the player's own buffer")
	seconds := flags.Float64("seconds", 0, "end after so much; 0: with Ctrl-C")
	ask := flags.Bool("ahead", false, "ask the server when each is heard")
	if err := parse(flags, "", args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *latency <= 0 || *latency > time.Second {
		return wrongUsage(flags, "takes no arguments, and -latency up to 1s")
	}
	ctx, stop := untilSignal()
	defer stop()
	const rate = 48000
	length := aes67.FramesIn(time.Duration(*seconds*1e9), rate)
	var written aes67.Frames
	cfg := pulse.PlayConfig{
		SinkID: *sink, Rate: rate, Channels: []string{"front-left", "front-right"}, Name: "marks", Latency: *latency,
	}
	var ahead time.Duration
	if *ask {
		cfg.Ahead = func(d time.Duration) { ahead = d }
	}
	err := pulse.Play(ctx, cfg, func(samples []float32) int {
		frames := aes67.Frames(len(samples) / 2)
		if length > 0 {
			frames = min(frames, length-written)
		}
		for i := range frames {
			v := float32(lab.MarkSample(written + i))
			samples[2*i], samples[2*i+1] = v, v
		}
		if mark, after, ok := lab.MarkPeak(written, frames); ok {
			fmt.Println(mark, int64(rtthread.Now()), int64(ahead+after.Duration(rate)))
		}
		written += frames
		return int(2 * frames)
	})
	if ctx.Err() != nil {
		return nil // ended by its user
	}
	return err
}
