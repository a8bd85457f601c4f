package bridge

import (
	"math"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/resample"
	"aes67-sink/safety"
)

// Whatever the rates and the ratio, the limiter knows what comes before it comes:
// bursts 6 dB above the ceiling are turned down and never clipped, so the right
// channel stays the left one at a quarter. That holds while the ratio moves.
func TestTheLimiterLooksAheadThroughTheResampler(t *testing.T) {
	plainOnly(t)
	const ceilingDBFS, packets = -20, 1500
	ceiling := math.Pow(10, ceilingDBFS/20.)
	for _, in := range aes67.Rates {
		for _, out := range aes67.Rates {
			resampler, err := resample.New(2, in, out)
			if err != nil {
				t.Fatal(err)
			}
			stage := safety.New(safety.Config{Channels: 2, SinkRate: in, StreamRate: out, Delay: resampler.Delay(), CeilingDBFS: ceilingDBFS})
			sound := [][]float64{make([]float64, block), make([]float64, block)}
			most, told := 0.0, 0
			at := func() float64 {
				whole, part := resampler.At()
				return float64(whole) + part
			}
			for i := range packets {
				resampler.SetRatio(aes67.PPB(3_000_000*math.Sin(float64(i)/300)), block)
				samples := make([]float32, 2*resampler.Needed(block))
				for j := 0; j < len(samples); j += 2 { // four bursts a second, of 200, 2000 and 7000 Hz
					now := float64(told) / float64(in)
					told++
					envelope := math.Exp(-20*math.Mod(now, 0.25)) * min(1, math.Mod(now, 0.25)*1000)
					x := 0.1*math.Sin(2*math.Pi*200*now) + 0.06*math.Sin(2*math.Pi*2000*now) + 0.06*math.Sin(2*math.Pi*7000*now)
					samples[j], samples[j+1] = float32(envelope*x), float32(envelope*x)/4
				}
				resampler.Push(samples)
				stage.Ahead(samples, false)
				shows := safety.Span{From: at()}
				resampler.Process(sound)
				shows.To = at()
				stage.Process(sound, shows, true)
				for f := range block {
					left, right := sound[0][f], sound[1][f]
					if most = max(most, math.Abs(left)); math.Abs(left) > ceiling {
						t.Fatalf("%d to %d Hz, packet %d: %v is above the ceiling", in, out, i, left)
					}
					if math.Abs(left-4*right) > 1e-12 {
						t.Fatalf("%d to %d Hz, packet %d: left is %v, four times right %v: it was clipped", in, out, i, left, 4*right)
					}
				}
			}
			if most < 0.97*ceiling || stage.GainReduction() < 3 {
				t.Errorf("%d to %d Hz: peaks of %v below a ceiling of %v, turned down by %.1f dB", in, out, most, ceiling, stage.GainReduction())
			}
		}
	}
}
