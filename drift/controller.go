package drift

// Hot: runs in the sender context.

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// controller decides the ratio: the feed-forward divided by the server's rate,
// less a push that moves the fill to its target. Shares of 1, not PPB, inside.
type controller struct {
	rate   aes67.Hz
	ratio  float64 // given out last
	trim   float64 // of it, beyond the feed-forward
	steady float64 // what it would be without a push
	wanted float64 // where it is going

	first, second float64 // the feed-forward, smoothed once and twice
	fed           float64 // what is made of both

	target  float64 // frames, on its way to goal
	goal    float64 // frames
	offset  float64 // frames by which Fine lets the fill be off its target
	pushing bool    // whether Coarse is ending an error
}

const (
	// trimLimit bounds what is added to the feed-forward. Quartz clocks are
	// within 100 ppm; 500 ppm is less than a cent, a tenth of what is heard.
	trimLimit = 500e-6
	// pushLimit leaves room for the server's rate.
	pushLimit = 300e-6
	// rampLimit is the push that moves the fill to a new target.
	rampLimit = 100e-6

	// coarsePush ends an error beyond the dead zone within some seconds.
	coarsePush = 0.5 // per second
	// finePush is for small errors; at fineKnee it has doubled, and it grows
	// with the square of the error up to fineMost.
	finePush = 0.0003 // per second
	fineMost = 0.25   // per second
	fineKnee = 150 * time.Microsecond

	// Bounds of the ratio's slope, per second. Acquire is silent; in Coarse
	// vibrato would be heard from 1000 ppm up; Fine is for measuring
	// instruments.
	acquireSlope = 5000e-6
	coarseSlope  = 200e-6
	fineSlope    = 0.25e-6

	// calmRatio is the change of the ratio that Fine may begin with.
	calmRatio = 0.1e-6

	// smoothing of the feed-forward keeps the servo's noise out of the pitch. What
	// it leaves of a wander of ±5 ppm over 20 s is 0.17 ppm.
	smoothing = 600 * time.Millisecond
	// The trim goes where it is wanted in times of these: each bend in the ratio
	// is noise around a tone, and the slower it turns, the less.
	coarseApproach, fineApproach = 500 * time.Millisecond, 2 * time.Second
)

// begin forgets what fine control had settled on.
func (c *controller) begin() { c.target, c.offset, c.pushing = c.goal, 0, false }

// update moves the ratio on by the time dt. Fill in frames; fast is the
// server's rate and forward the grandmaster's, both against CLOCK_MONOTONIC.
func (c *controller) update(dt time.Duration, state State, fill, fast, forward float64) {
	c.smooth(dt, state, forward)
	c.steady = (1+c.forward())/(1+fast) - 1
	c.wanted = c.steady + c.ramp(dt)
	slope, approach := fineSlope, fineApproach
	switch state {
	case Acquire: // silent
		c.wanted = c.forward() + clamp(c.wanted-c.forward(), trimLimit)
		c.ratio += clamp(c.wanted-c.ratio, acquireSlope*dt.Seconds())
		c.trim = c.ratio - c.forward()
		return
	case Coarse:
		slope, approach = coarseSlope, coarseApproach
		c.wanted -= clamp(c.coarse(fill), pushLimit)
	case Fine:
		c.wanted -= clamp(c.fine(fill), pushLimit)
	case Holding:
		c.trim = c.ratio - c.forward()
		return
	}
	trim := clamp(c.wanted-c.forward(), trimLimit)
	c.wanted = c.forward() + trim
	c.trim += clamp((trim-c.trim)*portion(dt, approach), slope*dt.Seconds())
	c.ratio = c.forward() + c.trim
}

// portion returns how much of its way something goes in dt.
func portion(dt, time time.Duration) float64 { return -math.Expm1(-float64(dt) / float64(time)) }

// error returns by how long a time the fill is off the target, in seconds of
// the input, which makes of a push per second a share of the ratio.
func (c *controller) error(fill float64) float64 { return (fill - c.target) / float64(c.rate) }

// coarse returns the push of Coarse: none in the dead zone; once beyond it, one
// that ends the error.
func (c *controller) coarse(fill float64) float64 {
	off := c.error(fill)
	switch far := math.Abs(off); {
	case far > deadZone.Seconds():
		c.pushing = true
	case far < deadZone.Seconds()/8:
		c.pushing = false
	}
	if !c.pushing {
		return 0
	}
	return coarsePush * off
}

// calm reports whether the ratio is where Fine would have it.
func (c *controller) calm() bool {
	return !c.pushing && c.target == c.goal && math.Abs(c.wanted-c.ratio) < calmRatio
}

func (c *controller) fine(fill float64) float64 {
	off := c.error(fill - c.offset)
	knee := off / fineKnee.Seconds()
	return off * min(finePush*(1+knee*knee), fineMost)
}

// smooth passes the feed-forward through two equal low passes.
func (c *controller) smooth(dt time.Duration, state State, forward float64) {
	if state == Acquire {
		c.first, c.second, c.fed = forward, forward, forward
		return
	}
	gain := portion(dt, smoothing)
	c.first += gain * (forward - c.first)
	c.second += gain * (c.first - c.second)
	c.fed += clamp(2*c.first-c.second-c.fed, coarseSlope*dt.Seconds())
}

// forward returns the smoothed feed-forward. Twice the first less the second
// does not lag behind a ramp, and after a step it has in sum given what was due,
// but for what the bound of its slope costs: smoothing does not move the fill.
func (c *controller) forward() float64 { return c.fed }

// ramp moves the target towards the goal and returns the share that takes.
func (c *controller) ramp(dt time.Duration) float64 {
	if dt <= 0 || c.target == c.goal {
		return 0
	}
	frames := float64(c.rate) * dt.Seconds()
	move := clamp(c.goal-c.target, rampLimit*frames)
	c.target += move
	return move / frames
}
