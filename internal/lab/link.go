package lab

import (
	"math/rand/v2"
	"time"
)

// Jitter draws the random part of a delay.
type Jitter func(*rand.Rand) time.Duration

// Uniform draws from 0 to limit: the one-sided jitter of a queue.
func Uniform(limit time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(limit) + 1)) }
}

// Gaussian draws about 0; sigma is its standard deviation.
func Gaussian(sigma time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.NormFloat64() * float64(sigma)) }
}

// Exponential draws the waiting time of a busy queue.
func Exponential(mean time.Duration) Jitter {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
}

// Erlang draws the waiting time of so many busy queues in a row.
func Erlang(hops int, mean time.Duration) Jitter {
	return func(r *rand.Rand) (d time.Duration) {
		for range hops {
			d += Exponential(mean)(r)
		}
		return d
	}
}

// Kernel draws what software timestamps of two Linux machines show: a narrow
// core with a tail of a few microseconds, and now and then an interrupt that
// was late.
func Kernel() Jitter {
	return func(r *rand.Rand) time.Duration {
		ns := 60*r.NormFloat64() + 250*r.ExpFloat64()
		switch u := r.Float64(); {
		case u < 0.005:
			ns += 50_000 * r.ExpFloat64()
		case u < 0.05:
			ns += 3_000 * r.ExpFloat64()
		}
		return time.Duration(ns)
	}
}

// Sum adds several jitters.
func Sum(parts ...Jitter) Jitter {
	return func(r *rand.Rand) (d time.Duration) {
		for _, part := range parts {
			d += part(r)
		}
		return d
	}
}

// Link is one direction of a simulated cable and all that is on its way.
type Link struct {
	Delay     time.Duration // of the fastest message
	Jitter    Jitter        // nil: none
	Loss      float64       // 0 to 1
	Duplicate float64       // 0 to 1
	random    *rand.Rand
}

// NewLink makes a link; equal seeds give equal histories.
func NewLink(seed uint64, delay time.Duration, jitter Jitter, loss float64) *Link {
	return &Link{Delay: delay, Jitter: jitter, Loss: loss, random: rand.New(rand.NewPCG(seed, 1))}
}

// Pass says how long each copy of one message takes; a lost one has no copy.
// Messages with different delays may overtake each other.
func (l *Link) Pass() (delays []time.Duration) {
	if l.random.Float64() < l.Loss {
		return nil
	}
	delays = append(delays, l.draw())
	if l.Duplicate > 0 && l.random.Float64() < l.Duplicate {
		delays = append(delays, l.draw())
	}
	return delays
}

func (l *Link) draw() time.Duration {
	d := l.Delay
	if l.Jitter != nil {
		d += l.Jitter(l.random)
	}
	return max(d, 0)
}
