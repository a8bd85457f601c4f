package page

import (
	"fmt"
	"slices"
	"strings"

	"aes67-sink/status"
)

// outputsTexts are those of several sinks; of one the rest of the page tells.
func outputsTexts(l language, m *status.Model, all map[string]string) {
	for i := range m.Sinks {
		outputTexts(l, m, &m.Sinks[i], fmt.Sprintf("output.%d", i+1), all)
	}
}

func outputTexts(l language, m *status.Model, r *status.Room, id string, all map[string]string) {
	for _, what := range []string{".volume", ".playing", ".latency"} {
		all[id+what] = absent
	}
	sound, buffer := soundLink(l, r), bufferLink(l, r)
	all[id+".name"], all[id+".sound"], all[id+".buffer"] = r.Name, sound.Word, buffer.Word
	all[id+".state"] = string(worse(sound.State, buffer.State))
	switch {
	case r.Muted != nil && *r.Muted:
		all[id+".volume"] = l.word("output.muted")
	case r.VolumeDB != nil:
		all[id+".volume"] = l.decibels(*r.VolumeDB, "dB")
	}
	if r.Playing != nil {
		all[id+".playing"] = count(uint64(max(0, *r.Playing)))
	}
	all[id+".dry"] = count(r.Drift.Underruns)
	if r.LatencyMS != nil {
		all[id+".latency"] = l.decimal(float64(r.LatencyMS.Total), 1) + narrow + "ms"
	}
	all[id+".into"] = strings.Join(heardIn(m, r), ", ")
}

// heardIn are the names of the sinks whose streams have the sound of one.
func heardIn(m *status.Model, r *status.Room) (names []string) {
	for i := range m.Sinks {
		if len(r.PlaysInto) == 0 && m.Sinks[i].ID == r.ID || slices.Contains(r.PlaysInto, m.Sinks[i].ID) {
			names = append(names, m.Sinks[i].Name)
		}
	}
	return names
}

// outputNames are those of all sinks.
func outputNames(m *status.Model) string {
	var names []string
	for _, r := range m.Rooms() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// peakNames are those of the channels in the streams, in the order of the recorder's
// peaks; with several sinks after the sink's name.
func peakNames(l language, m *status.Model) (names []string) {
	rooms := m.Rooms()
	for i := range rooms {
		if len(rooms[i].PlaysInto) > 0 { // it has no streams
			continue
		}
		for _, channel := range rooms[i].Channels {
			name := l.wordOf("channel", channel)
			if len(rooms) > 1 {
				name = rooms[i].Name + " " + name
			}
			names = append(names, name)
		}
	}
	return names
}

// underruns are those of all sinks.
func underruns(m *status.Model) (n uint64) {
	for _, r := range m.Rooms() {
		n += r.Drift.Underruns
	}
	return n
}
