package page

import (
	"fmt"
	"strings"

	"aes67-sink/health"
	"aes67-sink/status"
)

// speaker is what a row of the table of speakers is made of beside its texts.
type speaker struct {
	Number  int // from 1
	Side    string
	Channel string // as the form says it
}

func speakers(l language, m *status.Model) []speaker {
	all := make([]speaker, len(m.Speakers))
	for i := range all {
		channel := m.Speakers[i].Channel
		all[i] = speaker{i + 1, l.wordOf("channel", channel), channel}
	}
	return all
}

// speakersTexts are those of the pair; none without one.
func speakersTexts(l language, m *status.Model, all map[string]string) {
	if len(m.Speakers) == 0 {
		return
	}
	all["speakers.note"] = l.wordOf("speakers", m.SliderMoves)
	for i := range m.Speakers {
		speakerTexts(l, &m.Speakers[i], fmt.Sprintf("speaker.%d", i+1), all)
	}
}

func speakerTexts(l language, s *status.Speaker, id string, all map[string]string) {
	for _, what := range []string{".model", ".level", ".input", ".mute", ".standby"} {
		all[id+what] = absent
	}
	all[id+".name"] = s.Name
	if s.Model != "" {
		all[id+".model"] = s.Model
	}
	if s.LevelDBSPL != nil {
		all[id+".level"] = l.decibels(*s.LevelDBSPL, "dB SPL")
	}
	if s.InputDB != nil {
		all[id+".input"] = l.decibels(*s.InputDB, "dB")
	}
	if s.Muted != nil {
		all[id+".mute"] = l.word("speaker.loud")
		if *s.Muted {
			all[id+".mute"] = l.word("speaker.muted")
		}
	}
	if s.Asleep() {
		all[id+".standby"] = l.word("speaker.asleep")
	} else if s.StandbyInM != nil {
		all[id+".standby"] = l.fill("speaker.in", l.decimal(float64(*s.StandbyInM), 0))
	}
	state, wrong, said := condition(l, s)
	all[id+".state"], all[id+".wrong"], all[id+".said"] = string(state), wrong, said
}

// condition is what is wrong with a speaker, in the page's words, and in those of the
// bridge and the speaker.
func condition(l language, s *status.Speaker) (state health.Status, wrong, said string) {
	if !s.Reachable {
		return health.Unhealthy, l.word("speaker.gone"), s.Problem
	}
	var all []string
	if s.Local != nil && *s.Local {
		all = append(all, l.word("speaker.local"))
	}
	if len(s.Warnings) > 0 {
		all = append(all, l.word("speaker.warns"))
		said = strings.Join(s.Warnings, ", ")
	}
	if len(all) == 0 {
		return health.Healthy, l.wordOf("health", string(health.Healthy)), ""
	}
	return health.PartiallyHealthy, strings.Join(all, "; "), said
}
