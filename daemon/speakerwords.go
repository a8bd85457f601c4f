package daemon

import (
	"fmt"

	"aes67-sink/slider"
	"aes67-sink/status"
)

// problems are what the speakers of the pair have that keeps the sound from being as the
// slider says.
func (p *paired) problems(playing, pipeWire bool) (all []string) {
	told := p.snapshot()
	wanted, _, fault := p.loudness.state()
	if wanted {
		if why := sliderProblem(fault, told, pipeWire); why != "" {
			all = append(all, why)
		}
	}
	for i := range told {
		m := &told[i]
		switch {
		case !m.told.Reachable:
		case m.told.Muted && !p.loudness.muted():
			all = append(all, fmt.Sprintf("%s is muted at the speaker: nothing is heard of it; `aes67-sink speakers mute off --on %q`", m.Name, m.Name))
		case playing && m.sleepsSoon():
			all = append(all, fmt.Sprintf("%s goes to sleep in %g minutes although something plays: it is below the speaker's auto-standby level of %g dBu; play louder, or `aes67-sink speakers standby off --on %q`", m.Name, m.countdown, m.asleepDB, m.Name))
		}
	}
	return all
}

// sliderProblem says what keeps the slider from the speakers, or nothing.
func sliderProblem(fault slider.Fault, told []member, pipeWire bool) string {
	const head = "the slider moves the stream's level, not the speakers': "
	name, problem := "", ""
	if fault.Speaker < len(told) {
		name, problem = told[fault.Speaker].Name, told[fault.Speaker].problem
	}
	switch fault.Why {
	case slider.Scaled:
		if pipeWire {
			return head + "the sink is still of the other kind; it is made anew when nothing plays"
		}
		return head + "PulseAudio scales what is recorded whatever one does; use PipeWire, or set speakers.volume = \"sink\""
	case slider.Unreachable:
		if problem == "" {
			return head + name + " does not answer; is it on?"
		}
		return head + name + " does not answer: " + problem
	case slider.Local:
		return head + name + " is set to LOCAL; set the switch at its rear to NETWORK"
	case slider.Mixed:
		return head + "the speakers are of different models; set speakers.volume = \"sink\""
	case slider.Bounded:
		return head + name + " takes less than the pair's reference level; pair them again (`aes67-sink speakers pair`)"
	case slider.Refused:
		return head + name + " refuses a level; see aes67-sink speakers"
	case slider.NotConfirmed:
		return head + name + " confirms another level than was set; see aes67-sink speakers"
	}
	return ""
}

// sleepsSoon reports whether half of the time has passed after which it goes to sleep.
func (m *member) sleepsSoon() bool {
	return m.sleeps && m.counts && m.afterMin > 0 && m.countdown <= m.afterMin/2
}

// models are the speakers of the pair, and what the slider moves; nothing without a
// pair.
func (p *paired) models() (moves string, all []status.Speaker) {
	told := p.snapshot()
	if len(told) == 0 {
		return "", nil
	}
	moves = "stream"
	if _, mode, _ := p.loudness.state(); mode == slider.Device {
		moves = "speakers"
	}
	for i := range told {
		m := &told[i]
		s := status.Speaker{
			Name: m.Name, Channel: []string{"front-left", "front-right"}[i], Model: m.Product, Serial: m.Serial, Address: m.Address,
			Reachable: m.told.Reachable, Warnings: m.warnings, Problem: m.problem,
		}
		if m.told.Reachable {
			s.LevelDBSPL, s.Muted, s.Local = new(status.Tenths(m.told.LevelDB)), new(m.told.Muted), new(m.told.Local)
		}
		if m.told.Reachable && m.metered {
			s.InputDB = new(status.Tenths(m.meterDB))
		}
		if m.told.Reachable && m.counts && m.sleeps {
			s.StandbyInM = new(status.Tenths(m.countdown))
		}
		all = append(all, s)
	}
	return moves, all
}
