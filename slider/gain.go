package slider

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// gain is that of the stream, and how loud what has left may still be.
type gain struct {
	ramp   aes67.Ramp
	number uint64

	// A louder one may be on its way until the one of this number is in force, and
	// flight longer.
	louder  float64 // dB
	until   uint64
	inForce aes67.MonoTime // since when it is; 0: it is not
	some    bool
	flight  time.Duration
}

// setGain tells the stream's gain by the law, with room for the levels that are next.
func (s *Slider) setGain(now aes67.MonoTime, targets []float64) {
	ramp := s.law.Ramp()
	ramp.FromDB, ramp.At = ramp.DB(now), now
	if above := s.reference - s.top(targets); ramp.ToDB <= aes67.SilenceDB {
		// Nothing is heard of it at any level.
	} else if s.mode == Device {
		if math.Abs(above+s.law.VolumeDB) < sameDB {
			above = -s.law.VolumeDB
		}
		ramp.ToDB = min(0, ramp.ToDB+above)
		ramp.FromDB = min(ramp.ToDB, ramp.FromDB+above)
	} else if s.wanted {
		ramp.ToDB += min(0, above)
		ramp.FromDB += min(0, above)
	}
	s.gain.set(now, ramp)
}

// top is the highest level that a speaker has, may have, or is next to have.
func (s *Slider) top(targets []float64) float64 {
	top := math.Inf(-1)
	for i := range s.devices {
		top = max(top, s.devices[i].most())
		if !math.IsNaN(targets[i]) {
			top = max(top, targets[i])
		}
	}
	return top
}

func (g *gain) set(now aes67.MonoTime, ramp aes67.Ramp) {
	const same = 1e-6
	before := g.ramp.DB(now)
	if math.Abs(before-ramp.FromDB) < same && math.Abs(g.ramp.ToDB-ramp.ToDB) < same && (g.ramp.Rise == ramp.Rise || ramp.FromDB >= ramp.ToDB-same) {
		return
	}
	if g.number++; before > ramp.FromDB {
		g.louder = max(before, g.most(now))
		g.until, g.inForce, g.some = g.number, 0, true
	}
	g.ramp = ramp
}

// applied notes that the gain of a number is in force.
func (g *gain) applied(now aes67.MonoTime, number uint64) {
	if g.some && g.inForce == 0 && number >= g.until {
		g.inForce = now
	}
}

// most is how loud the stream may be at an ear now.
func (g *gain) most(now aes67.MonoTime) float64 {
	if g.some && g.inForce != 0 && now >= g.inForce.Add(g.flight) {
		g.some = false
	}
	if g.some {
		return max(g.louder, g.ramp.DB(now))
	}
	return g.ramp.DB(now)
}

// arrives is when the present gain is all that is heard, or when to look whether it is.
func (g *gain) arrives(now aes67.MonoTime) aes67.MonoTime {
	if g.some && g.inForce != 0 {
		return g.inForce.Add(g.flight)
	}
	return now.Add(g.flight)
}
