package status

import (
	"fmt"
	"strings"
	"time"

	"aes67-sink/internal/text"
)

// Table shows l to people.
func (l Listing) Table() string {
	var b strings.Builder
	b.WriteString(sessionTable(l.Sessions))
	b.WriteString("\n")
	b.WriteString(masterTable(l.Masters))
	for i, note := range l.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString("NOTE  " + text.Printable(note) + "\n")
	}
	return b.String()
}

func sessionTable(all []ListedSession) string {
	if len(all) == 0 {
		return "no session is announced\n"
	}
	return columns(func(row func(cells ...string)) {
		row("SESSION", "OWNER", "SOURCE", "TO", "FORMAT", "CLOCK", "BY", "ON")
		for i := range all {
			s := &all[i]
			row(s.Name, s.owner(), s.Source, fmt.Sprintf("%s:%d", s.Group, s.Port), s.format(), s.clockName(), strings.Join(s.Via, ", "), s.Interface)
		}
	})
}

func masterTable(all []ListedMaster) string {
	if len(all) == 0 {
		return "no PTP master is heard\n"
	}
	return columns(func(row func(cells ...string)) {
		row("PTP GRANDMASTER", "FROM", "DOMAIN", "PRIORITY", "CLASS", "STEPS", "ON", "")
		for i := range all {
			m := &all[i]
			from, what := m.Address, ""
			switch {
			case m.Own:
				from, what = "this bridge", "serves"
			case m.Followed && m.Why == "":
				what = "followed"
			case m.Followed:
				what = "followed, " + m.Why
			default:
				what = m.Why
			}
			if m.Grandmaster == "" { // PTPv1
				row("-", from, "", "", "", "", m.Interface, what)
				continue
			}
			row(m.Grandmaster, from, fmt.Sprint(m.Domain), fmt.Sprintf("%d/%d", m.Priority1, m.Priority2), fmt.Sprint(m.Class),
				fmt.Sprint(m.StepsRemoved), m.Interface, what)
		}
	})
}

func (s *ListedSession) owner() string {
	if s.Own {
		return "this bridge"
	}
	return s.Host
}

func (s *ListedSession) format() string {
	if s.Encoding == "" {
		return ""
	}
	format := fmt.Sprintf("%d × %s %d Hz", s.Channels, s.Encoding, s.RateHz)
	if s.PtimeUS > 0 {
		format += fmt.Sprintf(" %v", time.Duration(s.PtimeUS)*time.Microsecond)
	}
	return format
}

// clockName shortens a ts-refclk: "ptp=IEEE1588-2008:00-1B-…:0" is the
// grandmaster and its domain.
func (s *ListedSession) clockName() string {
	rest, isPTP := strings.CutPrefix(s.Clock, "ptp=IEEE1588-2008:")
	if !isPTP {
		return s.Clock
	}
	identity, domain, told := strings.Cut(rest, ":")
	if !told {
		return identity
	}
	return identity + " domain " + domain
}
