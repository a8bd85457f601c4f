package lab

import (
	"math"
	"math/rand/v2"
	"time"

	"aes67-sink/aes67"
)

// Oscillator is a clock whose every reading is known: what it shows is a pure
// function of the time of another clock, CLOCK_MONOTONIC of this machine or
// the true time of a simulation. The zero Oscillator is that other clock.
type Oscillator struct {
	Start aes67.MonoTime // where it shows Epoch
	Epoch aes67.PTPTime
	Skew  aes67.PPB // constant part of its frequency, plus = fast

	// Wander swings the frequency by up to this much about Skew, as a sine.
	Wander aes67.PPB
	Period time.Duration // of the sine

	// Noise is the rms of a random wander: sines of many periods, from 10 s to
	// 1000 s, with phases drawn from Seed.
	Noise aes67.PPB
	Seed  uint64
}

// noisePeriods are those of the random wander, in seconds; the slower, the
// stronger, as in a quartz that follows the room's temperature.
var noisePeriods = [...]float64{10, 23, 51, 110, 240, 480, 1000}

// At returns what the clock shows at an instant of the other clock.
func (o *Oscillator) At(t aes67.MonoTime) aes67.PTPTime {
	elapsed := t.Sub(o.Start)
	return o.Epoch.Add(elapsed + time.Duration(math.Round(o.gained(elapsed.Seconds()))))
}

// Rate returns its frequency then.
func (o *Oscillator) Rate(t aes67.MonoTime) aes67.PPB {
	const h = 0.01 // s; every wander is far slower
	s := t.Sub(o.Start).Seconds()
	return aes67.PPB((o.gained(s+h) - o.gained(s-h)) / (2 * h))
}

// gained returns by how many nanoseconds it got ahead in s seconds.
func (o *Oscillator) gained(s float64) float64 {
	ns := float64(o.Skew) * s
	if o.Wander != 0 && o.Period > 0 {
		w := 2 * math.Pi / o.Period.Seconds()
		ns += float64(o.Wander) / w * (1 - math.Cos(w*s))
	}
	if o.Noise != 0 {
		var power float64
		for _, p := range noisePeriods {
			power += p / 2
		}
		random := rand.New(rand.NewPCG(o.Seed, 0))
		for _, p := range noisePeriods {
			phase, w := 2*math.Pi*random.Float64(), 2*math.Pi/p
			amplitude := float64(o.Noise) * math.Sqrt(p/power)
			ns += amplitude / w * (math.Cos(phase) - math.Cos(w*s+phase))
		}
	}
	return ns
}
