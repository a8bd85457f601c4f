package ptp

import (
	"time"

	"aes67-sink/aes67"
)

// Nobody needs our time while nothing is sent, unless somebody follows it. So that a
// desk on which nothing plays is no grandmaster, serving can be withheld; whoever asks
// for the delay to us keeps us serving all the same.

// askedFor is for how long one who has asked counts as a follower: twice the longest
// interval of Delay_Req in the media profile, 32 s (AES67-2018, annex A).
const askedFor = 64 * time.Second

// Withhold keeps us from serving, or lets us, in the mode "auto".
func (e *Engine) Withhold(now aes67.RawTime, yes bool) {
	if e.withheld != yes {
		e.withheld = yes
		e.decide(now)
	}
}

// withholds reports whether we do not serve though we could.
func (e *Engine) withholds(now aes67.RawTime) bool {
	asked := e.grandmaster.askedAt != 0 && now.Sub(e.grandmaster.askedAt) < askedFor
	return e.withheld && e.cfg.Mode == aes67.ClockAuto && !(e.state == PortMaster && asked)
}
