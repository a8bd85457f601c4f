package lab

import (
	"math"
	"math/rand/v2"
	"time"

	"aes67-sink/aes67"
)

// Oscillator is a clock whose every reading is known: what it shows is a pure
// function of the time of another clock, CLOCK_MONOTONIC_RAW of this machine or
// the true time of a simulation. The zero Oscillator is that other clock.
type Oscillator struct {
	Start aes67.RawTime // where it shows Epoch
	Epoch aes67.PTPTime
	Skew  aes67.PPB // constant part of its frequency, plus = fast

	// Wander swings the frequency by up to this much about Skew, as a sine.
	Wander aes67.PPB
	Period time.Duration // of the sine

	// Noise is the rms of a random wander: sines of many periods, from 10 s to
	// 1000 s, with phases drawn from Seed.
	Noise aes67.PPB
	Seed  uint64

	// Course is added to the frequency, from Start on; nil: nothing.
	Course *Course
}

// Course is a frequency over time, straight from second to second.
type Course struct {
	ppb []float64 // at each second
	ns  []float64 // gained until then
}

// NewCourse makes a course of so many seconds, which goes on as it ends, from the
// frequency at each second.
func NewCourse(seconds int, frequency func(s float64) aes67.PPB) *Course {
	c := &Course{ppb: make([]float64, seconds+1), ns: make([]float64, seconds+1)}
	for i := range c.ppb {
		c.ppb[i] = float64(frequency(float64(i)))
		if i > 0 {
			c.ns[i] = c.ns[i-1] + (c.ppb[i-1]+c.ppb[i])/2
		}
	}
	return c
}

func (c *Course) gained(s float64) float64 {
	last := len(c.ppb) - 1
	i := min(max(int(s), 0), last)
	next := c.ppb[min(i+1, last)]
	s -= float64(i)
	ns := c.ns[i] + c.ppb[i]*s
	if i < last {
		ns += (next - c.ppb[i]) * s * s / 2
	}
	return ns
}

// WarmUp is a quartz that is that much off when it is switched on, and settles
// exponentially.
func WarmUp(off aes67.PPB, settle time.Duration) *Course {
	return NewCourse(courseSeconds, func(s float64) aes67.PPB { return off * aes67.PPB(math.Exp(-s/settle.Seconds())) })
}

// RandomWalk is the frequency of a free quartz: it moves by the given rms in a
// second, and by the root of the time in longer ones.
func RandomWalk(seed uint64, step aes67.PPB) *Course {
	random, at := rand.New(rand.NewPCG(seed, 2)), aes67.PPB(0)
	return NewCourse(courseSeconds, func(float64) aes67.PPB {
		at += step * aes67.PPB(random.NormFloat64())
		return at
	})
}

// Thermostat is a saw-tooth: a heater drives the frequency up by swing within a
// fifth of the period, and it falls in the rest.
func Thermostat(swing aes67.PPB, period time.Duration) *Course {
	return NewCourse(courseSeconds, func(s float64) aes67.PPB {
		turn := math.Mod(s/period.Seconds(), 1)
		return swing * aes67.PPB(min(5*turn, (1-turn)/0.8))
	})
}

// Disciplined is a clock that NTP corrects at each poll: its frequency is another
// one, within the given limit.
func Disciplined(seed uint64, limit aes67.PPB, poll time.Duration) *Course {
	random, at := rand.New(rand.NewPCG(seed, 3)), aes67.PPB(0)
	return NewCourse(courseSeconds, func(s float64) aes67.PPB {
		if math.Mod(s, poll.Seconds()) == 0 {
			at = limit * aes67.PPB(2*random.Float64()-1)
		}
		return at
	})
}

// courseSeconds is how long those above are.
const courseSeconds = 3700

// noisePeriods are those of the random wander, in seconds; the slower, the
// stronger, as in a quartz that follows the room's temperature.
var noisePeriods = [...]float64{10, 23, 51, 110, 240, 480, 1000}

// At returns what the clock shows at an instant of the other clock.
func (o *Oscillator) At(t aes67.RawTime) aes67.PTPTime {
	elapsed := t.Sub(o.Start)
	return o.Epoch.Add(elapsed + time.Duration(math.Round(o.gained(elapsed.Seconds()))))
}

// Rate returns its frequency then.
func (o *Oscillator) Rate(t aes67.RawTime) aes67.PPB {
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
	if o.Course != nil {
		ns += o.Course.gained(s)
	}
	return ns
}
