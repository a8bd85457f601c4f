package page

import (
	"slices"

	"aes67-sink/health"
	"aes67-sink/status"
)

// link is a part of the way of the sound.
type link struct {
	ID     string // sound, buffer, clock, network, streams
	State  health.Status
	Word   string // what it does, of the table of words
	Detail string // which it is
}

// chain are the five links, in the order of the sound's way.
func chain(l language, m *status.Model) []link {
	all := []link{worstLink(l, m, soundLink), worstLink(l, m, bufferLink), clockLink(l, m), networkLink(l, m), streamsLink(l, m)}
	if told := m.Status; told != nil {
		for i, state := range []health.Status{told.Essence, "", told.ExternalSynchronization, told.Link, told.Transmission} {
			all[i].State = worse(all[i].State, state)
		}
	}
	if last := &all[len(all)-1]; last.State == health.PartiallyHealthy || last.State == health.Unhealthy {
		if sends(m) {
			last.Word = l.word("streams.ill")
		}
	}
	return all
}

// worse of two statuses; one that nobody told counts for nothing.
func worse(a, b health.Status) health.Status {
	if rank(b) > rank(a) && b != health.Healthy {
		return b
	}
	return a
}

// rank orders statuses, the worst last.
func rank(s health.Status) int {
	return slices.Index([]health.Status{health.Inactive, health.Healthy, health.PartiallyHealthy, health.Unhealthy}, s)
}

// worstLink is that of the sink whose link is the worst.
func worstLink(l language, m *status.Model, of func(language, *status.Room) link) (all link) {
	rooms := m.Rooms()
	for i := range rooms {
		if one := of(l, &rooms[i]); i == 0 || rank(one.State) > rank(all.State) {
			all = one
		}
	}
	return all
}

func sends(m *status.Model) bool { return m.State == status.Sending || m.State == status.Holdover }

func soundLink(l language, r *status.Room) link {
	state := map[string]health.Status{"running": health.Healthy, "preparing": health.PartiallyHealthy, "withdrawn": health.Inactive}[r.State]
	if state == "" {
		state = health.Unhealthy
	}
	word := r.State
	if word == "" {
		word = "waiting"
	}
	return link{"sound", state, l.wordOf("sound", word), r.Server}
}

func bufferLink(l language, r *status.Room) link {
	d := r.Drift
	all := link{"buffer", health.Inactive, l.word("buffer.none"), ""}
	switch d.State {
	case "":
	case "fine":
		all.State, all.Word = health.Healthy, l.word("buffer.fine")
	default:
		all.State, all.Word = health.PartiallyHealthy, l.wordOf("buffer", d.State)
	}
	if r.LatencyMS != nil && d.State != "" {
		all.Detail = l.decimal(float64(r.LatencyMS.Buffer), 1) + narrow + "ms"
	}
	return all
}

func clockLink(l language, m *status.Model) link {
	c := m.Clock
	if c.State == "" {
		return link{"clock", health.Inactive, l.word("clock.none"), ""}
	}
	state := map[string]health.Status{status.ClockLocked: health.Healthy, status.ClockHoldover: health.PartiallyHealthy}[c.State]
	if state == "" {
		state = health.Unhealthy
	}
	detail := ""
	switch {
	case c.Role == status.RoleGrandmaster:
		detail = l.word("clock.grandmaster")
	case c.Grandmaster != "":
		detail = l.fill("clock.follower", c.Grandmaster)
	}
	return link{"clock", state, l.wordOf("clock", c.State), detail}
}

func networkLink(l language, m *status.Model) link {
	n := m.Network
	switch {
	case n.Interface == "" && m.State == status.WaitingNetwork:
		return link{"network", health.Unhealthy, l.word("network.none"), ""}
	case n.Interface == "":
		return link{"network", health.Inactive, l.word("network.none"), ""}
	case n.Carrier != nil && !*n.Carrier:
		return link{"network", health.Unhealthy, l.word("network.carrier"), n.Interface}
	}
	return link{"network", health.Healthy, l.word("network.up"), n.Interface + " " + n.Address}
}

func streamsLink(l language, m *status.Model) link {
	all := link{"streams", health.Unhealthy, l.word("streams.stopped"), ""}
	switch m.State {
	case status.Sending, status.Holdover:
		all.State, all.Word = health.Healthy, l.word("streams.on")
	case status.Filling:
		all.State, all.Word = health.PartiallyHealthy, l.word("streams.start")
	case status.Idle:
		all.State, all.Word = health.Inactive, l.word("streams.off")
	}
	if len(m.Streams) > 0 {
		all.Detail = count(uint64(len(m.Streams))) + " × " + m.Streams[0].Encoding
	}
	return all
}
