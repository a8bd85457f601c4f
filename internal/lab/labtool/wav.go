package main

import (
	"flag"
	"fmt"
	"math"
	"os"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

// wavCommand writes a stereo file with a tone in each channel.
func wavCommand(args []string) error {
	flags := flag.NewFlagSet("wav", flag.ContinueOnError)
	left := flags.Float64("left", 997, "tone of the left channel in `Hz`, 0: silence")
	right := flags.Float64("right", 1499, "tone of the right channel in `Hz`, 0: silence")
	level := flags.Float64("level", -6, "of the tones in `dBFS`, 0 reaches full scale")
	seconds := flags.Float64("seconds", 60, "length")
	rate := flags.Int("rate", 48000, "sample rate in `Hz`")
	fade := flags.Float64("fade", 0.01, "raised-cosine fade at either end in `seconds`")
	format := flags.String("format", "float32", "of the samples: float32 or int24")
	if err := parse(flags, "FILE", args); err != nil {
		return err
	}
	frames := int(math.Round(*seconds * float64(*rate)))
	kind, known := map[string]lab.WAVFormat{"float32": lab.WAVFloat32, "int24": lab.WAVInt24}[*format]
	switch {
	case flags.NArg() != 1:
		return wrongUsage(flags, "one file is needed, not %d", flags.NArg())
	case !known:
		return wrongUsage(flags, "-format %q: must be float32 or int24", *format)
	case *rate < 8000 || *rate > 384000 || *seconds <= 0 || *seconds > 3600:
		return wrongUsage(flags, "-rate %d -seconds %g: must be 8000 to 384000 Hz and at most an hour", *rate, *seconds)
	}
	w := lab.WAV{Rate: aes67.Hz(*rate)}
	for _, hz := range []float64{*left, *right} {
		w.Channels = append(w.Channels, tone(frames, *rate, hz, math.Pow(10, *level/20), *fade))
	}
	b, err := w.Bytes(kind)
	if err != nil {
		return err
	}
	if err := os.WriteFile(flags.Arg(0), b, 0o644); err != nil {
		return fmt.Errorf("writing the file: %w", err)
	}
	return nil
}

func tone(frames, rate int, hz, amplitude, fade float64) []float64 {
	x := make([]float64, frames)
	edge := min(int(fade*float64(rate)), frames/2)
	for i := range x {
		cycles := hz * float64(i) / float64(rate)
		x[i] = amplitude * math.Sin(2*math.Pi*(cycles-math.Floor(cycles)))
		if distance := min(i, frames-1-i); distance < edge {
			x[i] *= 0.5 - 0.5*math.Cos(math.Pi*float64(distance)/float64(edge))
		}
	}
	return x
}
