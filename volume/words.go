package volume

import (
	"fmt"
	"strconv"

	"aes67-sink/slider"
)

// Problems are what the speakers of the pair have that keeps the sound from being as the
// slider says.
func (p *Pair) Problems(playing, pipeWire bool) (all []string) {
	told := p.Snapshot()
	wanted, _, fault := p.loudness.state()
	if wanted {
		if why := sliderProblem(fault, told, pipeWire); why != "" {
			all = append(all, why)
		}
	}
	for i := range told {
		m, side := &told[i], []string{"left", "right"}[i]
		switch {
		case !m.Told.Reachable:
		case m.Told.Muted && !p.loudness.muted():
			all = append(all, fmt.Sprintf("%q is muted at the speaker: nothing is heard of it; `aes67-sink speakers mute off --on %s`", m.Name, side))
		case playing && m.asleep():
			all = append(all, fmt.Sprintf("%q sleeps although something plays: it is below the speaker's auto-standby level of %g dBu; play louder, or `aes67-sink speakers standby off --on %s`", m.Name, m.asleepDB, side))
		case playing && m.sleepsSoon():
			all = append(all, fmt.Sprintf("%q goes to sleep in %g minutes although something plays: it is below the speaker's auto-standby level of %g dBu; play louder, or `aes67-sink speakers standby off --on %s`", m.Name, m.Countdown, m.asleepDB, side))
		}
	}
	return all
}

// sliderProblem says what keeps the slider from the speakers, or nothing.
func sliderProblem(fault slider.Fault, told []Member, pipeWire bool) string {
	name, problem, another := "", "", false
	if fault.Speaker < len(told) {
		m := &told[fault.Speaker]
		name, problem, another = strconv.Quote(m.Name), m.Problem, m.another
	}
	switch fault.Why {
	case slider.Scaled:
		if pipeWire {
			return "the slider moves the stream's level, not the speakers': the sink is still of the other kind; it is made anew when nothing plays"
		}
		return "the slider moves the stream's level, not the speakers': PulseAudio scales what is recorded whatever one does; use PipeWire, or set speakers.volume = \"sink\""
	case slider.Unreachable:
		if another {
			return "the slider moves the stream's level, not the speakers': " + name + " is looked for: " + problem + "; if it was replaced, pair them again (`aes67-sink speakers pair`)"
		}
		if problem == "" {
			return "the slider moves the stream's level, not the speakers': " + name + " does not answer; is it on?"
		}
		return "the slider moves the stream's level, not the speakers': " + name + " does not answer: " + problem
	case slider.Local:
		return "the slider moves the stream's level, not the speakers': " + name + " is set to LOCAL; set the switch at its rear to NETWORK"
	case slider.Mixed:
		return "the slider moves the stream's level, not the speakers': the speakers are of different models; set speakers.volume = \"sink\""
	case slider.Bounded:
		return "the slider moves the stream's level, not the speakers': " + name + " takes less than the pair's reference level; pair them again (`aes67-sink speakers pair`)"
	case slider.Refused:
		return "the slider moves the stream's level, not the speakers': " + name + " refuses a level; see aes67-sink speakers"
	case slider.NotConfirmed:
		return "the slider moves the stream's level, not the speakers': " + name + " confirms another level than was set; see aes67-sink speakers"
	default: // all is well, or nobody wants it
		return ""
	}
}

// sleepsSoon reports whether half of the time has passed after which it goes to sleep.
func (m *Member) sleepsSoon() bool {
	return m.Sleeps && m.Counts && m.afterMin > 0 && m.Countdown <= m.afterMin/2
}

// Moves reports whether the slider moves the speakers' own level.
func (p *Pair) Moves() bool {
	_, mode, _ := p.loudness.state()
	return mode == slider.Device
}
