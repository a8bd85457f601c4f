package daemon

import (
	"aes67-sink/config"
	"aes67-sink/status"
	"aes67-sink/volume"
)

// movesSpeakers reports whether the slider is to move the speakers of a pair: of several
// sinks each has a slider, and the speakers one level.
func movesSpeakers(c config.Config) bool {
	return c.Speakers.Volume != config.VolumeSink && len(c.Sinks()) == 1
}

// speakerModels are the speakers of the pair, and what the slider moves; nothing without a
// pair.
func speakerModels(p *volume.Pair) (moves string, all []status.Speaker) {
	told := p.Snapshot()
	if len(told) == 0 {
		return "", nil
	}
	moves = "stream"
	if p.Moves() {
		moves = "speakers"
	}
	for i := range told {
		m := &told[i]
		s := status.Speaker{
			Name: m.Name, Channel: []string{"front-left", "front-right"}[i], Model: m.Product, Serial: m.Serial, Address: m.Address,
			Reachable: m.Told.Reachable, Warnings: m.Warnings, Problem: m.Problem,
		}
		if m.Told.Reachable {
			s.LevelDBSPL, s.Muted, s.Local = new(status.Tenths(m.Told.LevelDB)), new(m.Told.Muted), new(m.Told.Local)
		}
		if m.Told.Reachable && m.Metered {
			s.InputDB = new(status.Tenths(m.MeterDB))
		}
		if m.Told.Reachable && m.Counts && m.Sleeps {
			s.StandbyInM = new(status.Tenths(m.Countdown))
		}
		all = append(all, s)
	}
	return moves, all
}
