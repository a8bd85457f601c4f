package resample_test

import (
	"testing"

	"aes67-sink/resample"
)

// Stereo in packets of 48 output frames, at the ratio of a clock 37 ppm fast.
func BenchmarkStereo(b *testing.B) {
	for _, p := range pairs() {
		b.Run(p.String(), func(b *testing.B) { benchmark(b, p, 2, 48) })
	}
}

// The same by each arithmetic.
func BenchmarkArithmetic(b *testing.B) {
	for _, p := range []pair{{48000, 48000}, {44100, 48000}, {48000, 96000}, {96000, 48000}} {
		for _, name := range resample.Arithmetics() {
			b.Run(p.String()+"/"+name, func(b *testing.B) { benchmarkBy(b, name, p, 2, 48) })
		}
	}
}

func BenchmarkChannels(b *testing.B) {
	p := pair{48000, 48000}
	b.Run("one", func(b *testing.B) { benchmark(b, p, 1, 48) })
	b.Run("eight", func(b *testing.B) { benchmark(b, p, 8, 48) })
}

// The shortest packet time shows what a call costs beside the frames.
func BenchmarkPacketsOfSixFrames(b *testing.B) { benchmark(b, pair{48000, 48000}, 2, 6) }

func benchmark(b *testing.B, p pair, channels, block int) {
	b.Helper()
	benchmarkBy(b, "", p, channels, block)
}

func benchmarkBy(b *testing.B, arithmetic string, p pair, channels, block int) {
	b.Helper()
	r := newResampler(b, channels, p)
	if arithmetic != "" {
		if err := r.Use(arithmetic); err != nil {
			b.Fatal(err)
		}
	}
	r.SetRatio(37_000, 0)
	in, out := make([]float32, channels*4*block), make([][]float64, channels)
	for c := range out {
		out[c] = make([]float64, block)
	}
	for i := range in {
		in[i] = float32(i%7) / 8
	}
	for b.Loop() {
		r.Push(in[:channels*r.Needed(block)])
		r.Process(out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*block), "ns/frame")
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newResampler(b, 2, pair{44100, 48000})
	}
}
