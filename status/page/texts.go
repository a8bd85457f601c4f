package page

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"aes67-sink/health"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

// mostEvents are shown, the newest.
const mostEvents = 60

// picture is all that the page tells, as asked at one time.
type picture struct {
	model    status.Model
	listing  status.Listing
	sessions []status.Session
	events   []recorder.Event // the newest last
	spread   spread
}

// texts are the finished texts of the page by their id: what a reader sees of p that
// may change. An id that ends in ".state" is no text but the word by which it is drawn.
func texts(l language, p *picture) map[string]string {
	all := map[string]string{}
	all["title"] = title(l, &p.model)
	verdict(l, &p.model, all)
	all["facts"] = strings.Join(facts(l, &p.model), " · ")
	for _, link := range chain(l, &p.model) {
		id := "chain." + link.ID
		all[id+".state"], all[id+".word"], all[id+".detail"] = string(link.State), link.Word, link.Detail
	}
	outputsTexts(l, &p.model, all)
	speakersTexts(l, &p.model, all)
	captions(l, p, all)
	p.spread.texts(l, len(peakNames(l, &p.model)), all)
	for i := range p.model.Streams {
		streamTexts(l, &p.model.Streams[i], fmt.Sprintf("stream.%d.", i+1), all)
	}
	for i := range p.sessions {
		all[fmt.Sprintf("sdp.%d", i+1)] = p.sessions[i].Text
	}
	for i := range p.listing.Sessions {
		sessionTexts(l, &p.listing.Sessions[i], fmt.Sprintf("session.%d.", i+1), all)
	}
	for i := range p.listing.Masters {
		masterTexts(l, &p.listing.Masters[i], fmt.Sprintf("master.%d.", i+1), all)
	}
	for i, note := range p.listing.Notes {
		all[fmt.Sprintf("note.%d", i+1)] = note
	}
	return all
}

// shape is a word for which rows there are: where it changes, the page is laid out anew.
func shape(all map[string]string, events []recorder.Event) string {
	sum := fnv.New64a()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintln(sum, id)
	}
	for _, e := range events {
		fmt.Fprintln(sum, e.Number, e.Why)
	}
	return fmt.Sprintf("%x", sum.Sum64())
}

func title(l language, m *status.Model) string {
	if f, ill := ailment(m); ill {
		if f.Title != "" {
			return "▲ " + f.Title + " – " + outputNames(m)
		}
		return "▲ " + l.word("page.ill") + " – " + outputNames(m)
	}
	return l.wordOf("state", m.State) + " – " + outputNames(m)
}

// ailment is the worst finding that is heard, or the problem of a bridge that finds none.
func ailment(m *status.Model) (health.Finding, bool) {
	for _, f := range m.Problems {
		if f.Severity != health.Notice {
			return f, true
		}
	}
	if len(m.Problems) == 0 && m.Problem != "" {
		severity := health.Silence
		if sends(m) {
			severity = health.Defect
		}
		return health.Finding{Sentence: m.Problem, Severity: severity}, true
	}
	return health.Finding{}, false
}

// verdict is a sentence on the whole, with its mend; then everything else that is ill.
func verdict(l language, m *status.Model, all map[string]string) {
	f, ill := ailment(m)
	all["verdict.state"], all["verdict"], all["verdict.title"] = verdictState(m, f, ill), l.wordOf("verdict", m.State), f.Title
	if f.Title != "" {
		all["verdict"] = ""
	}
	all["verdict.sentence"], all["verdict.command"] = f.Sentence, f.Command
	n := 0
	for _, other := range m.Problems {
		if ill && other == f {
			continue
		}
		n++
		id := fmt.Sprintf("also.%d", n)
		all[id+".state"] = string(severityState(other.Severity))
		if health.Repeats(other.Title, other.Sentence) {
			other.Title = ""
		}
		all[id+".title"], all[id+".sentence"], all[id+".command"] = other.Title, other.Sentence, other.Command
	}
}

func verdictState(m *status.Model, f health.Finding, ill bool) string {
	switch {
	case ill:
		return string(severityState(f.Severity))
	case m.State == status.Idle:
		return string(health.Inactive)
	case m.State == status.Sending:
		return string(health.Healthy)
	case m.State == status.Failed:
		return string(health.Unhealthy)
	}
	return string(health.PartiallyHealthy)
}

func severityState(s health.Severity) health.Status {
	switch s {
	case health.Silence:
		return health.Unhealthy
	case health.Defect:
		return health.PartiallyHealthy
	default: // a notice
		return health.Inactive
	}
}

func facts(l language, m *status.Model) []string {
	all := []string{outputNames(m)}
	if m.LatencyMS != nil && len(m.Sinks) == 0 {
		all = append(all, l.fill("fact.latency", l.decimal(float64(m.LatencyMS.Total), 1)))
	}
	switch {
	case len(m.Sinks) > 0: // the table of outputs has them
	case m.Sink.Muted != nil && *m.Sink.Muted:
		all = append(all, l.word("fact.muted"))
	case m.Sink.VolumeDB != nil:
		all = append(all, l.fill("fact.volume", l.decibels(*m.Sink.VolumeDB, "dB")))
	}
	if up := time.Duration(float64(m.UptimeS) * float64(time.Second)); up >= time.Minute {
		return append(all, l.fill("fact.up", span(up)))
	}
	return append(all, l.word("fact.new"))
}

// captions say the newest numbers of each plot, which are those of status.json.
func captions(l language, p *picture, all map[string]string) {
	m := &p.model
	nothing := l.word("now.nothing")
	all["offset.now"], all["lateness.now"], all["fill.now"], all["peak.now"] = absent, nothing, nothing, nothing
	if c := m.Clock; c.OffsetNS != nil {
		all["offset.now"] = l.fill("offset.now", l.microseconds(*c.OffsetNS))
		if c.ErrorBoundNS != nil {
			all["offset.now"] += ", " + l.fill("offset.bound", l.microseconds(*c.ErrorBoundNS))
		}
	}
	if len(m.Streams) > 0 { // all streams leave in one batch
		if s := &m.Streams[0]; s.LatenessP50US != nil && s.LatenessP99US != nil && s.LatenessMaxUS != nil {
			all["lateness.now"] = l.fill("lateness.now", late(l, *s.LatenessP50US), late(l, *s.LatenessP99US), late(l, *s.LatenessMaxUS))
		}
	}
	if d := m.Drift; d.FillFrames != nil && d.FillTargetFrames != nil {
		all["fill.now"] = l.fill("fill.now", frames(*d.FillFrames), frames(*d.FillTargetFrames))
		if d.RatioPPB != nil {
			all["fill.now"] += ", " + l.fill("fill.ratio", l.ppm(*d.RatioPPB))
		}
		if len(m.Sinks) > 0 {
			all["fill.now"] = m.Sink.Name + ": " + all["fill.now"]
		}
	}
	if levels := peaks(l, m); levels != "" {
		all["peak.now"] = levels
	}
	all["lateness.note"] = l.fill("lateness.note", dropped(l, p))
	all["fill.note"] = l.fill("fill.note", l.word("fill.never"))
	if n := underruns(m); n > 0 {
		all["fill.note"] = l.fill("fill.note", l.fill("fill.some", count(n)))
	}
	all["peak.note"], all["ceiling.state"] = l.word("peak.open"), ""
	if m.CeilingDBFS != nil {
		all["peak.note"] = l.fill("peak.note", l.decibels(*m.CeilingDBFS, "dBFS"))
		all["ceiling.state"] = fmt.Sprintf("%.1f", *m.CeilingDBFS)
	}
}

// late writes a lateness of so many µs.
func late(l language, us int64) string {
	if us >= 10_000 || us <= -10_000 {
		return l.decimal(float64(us)/1e3, 1) + narrow + "ms"
	}
	return l.decimal(float64(us), 0) + narrow + "µs"
}

func frames(n int64) string {
	if n < 0 {
		return minus + count(uint64(-n))
	}
	return count(uint64(n))
}

// dropped says how many packets a receiver has dropped that allows 2 ms.
func dropped(l language, p *picture) string {
	n, known := beyond(p.spread.lateness, danteLimitUS)
	if known && float64(p.model.UptimeS) >= day.Seconds() {
		if n == 0 {
			return l.word("lateness.none")
		}
		return l.fill("lateness.some", count(n))
	}
	if !known {
		for i := range p.model.Streams {
			n += p.model.Streams[i].Late2
		}
	}
	if n == 0 {
		return l.word("lateness.zero")
	}
	return l.fill("lateness.start", count(n))
}

func peaks(l language, m *status.Model) string {
	var all []string
	limited := status.Tenths(0)
	for i := range m.Streams {
		s := &m.Streams[i]
		if s.PeakDBFS != nil {
			name := channels(l, s.Channels)
			if len(m.Sinks) > 0 {
				name = s.Name
			}
			all = append(all, name+" "+l.decibels(*s.PeakDBFS, "dBFS"))
		}
		if s.LimitedDB != nil {
			limited = max(limited, *s.LimitedDB)
		}
	}
	if limited >= 0.05 { // what is shown as 0.1
		all = append(all, l.fill("peak.limited", l.decibels(limited, "dB")))
	}
	return strings.Join(all, ", ")
}

func channels(l language, names []string) string {
	said := make([]string, len(names))
	for i, name := range names {
		said[i] = l.wordOf("channel", name)
	}
	return strings.Join(said, " + ")
}

func streamTexts(l language, s *status.Stream, id string, all map[string]string) {
	all[id+"name"] = s.Name
	all[id+"to"] = fmt.Sprintf("%s:%d", s.Group, s.Port)
	all[id+"format"] = format(l, len(s.Channels), s.Encoding, s.RateHz, s.PtimeUS)
	all[id+"packets"] = count(s.Packets)
	all[id+"late"] = count(s.Late) + " / " + count(s.Late2) + " / " + count(s.Late17)
	all[id+"dropped"] = count(s.Dropped)
	all[id+"peak"] = absent
	if s.PeakDBFS != nil {
		all[id+"peak"] = l.decibels(*s.PeakDBFS, "dBFS")
	}
}

// format writes what samples there are: channels, encoding, rate, packet time.
func format(l language, channels int, encoding string, rateHz, ptimeUS int) string {
	if encoding == "" {
		return absent
	}
	text := fmt.Sprintf("%d × %s %s%skHz", channels, encoding, l.short(float64(rateHz)/1e3), narrow)
	if ptimeUS > 0 {
		text += " " + l.short(float64(ptimeUS)/1e3) + narrow + "ms"
	}
	return text
}

func sessionTexts(l language, s *status.ListedSession, id string, all map[string]string) {
	all[id+"name"] = s.Name
	all[id+"owner"] = s.Source
	switch {
	case s.Own:
		all[id+"owner"] = l.word("session.own")
	case s.Host != "":
		all[id+"owner"] = s.Host
	}
	all[id+"to"] = fmt.Sprintf("%s:%d", s.Group, s.Port)
	all[id+"format"] = format(l, s.Channels, s.Encoding, s.RateHz, s.PtimeUS)
	all[id+"via"] = strings.NewReplacer("sap", "SAP", "mdns", "mDNS").Replace(strings.Join(s.Via, ", "))
}

func masterTexts(l language, m *status.ListedMaster, id string, all map[string]string) {
	all[id+"id"] = m.Grandmaster
	if m.Grandmaster == "" { // PTPv1
		all[id+"id"] = absent
	}
	all[id+"owner"] = m.Address
	if m.Own {
		all[id+"owner"] = l.word("master.own")
	}
	all[id+"domain"] = fmt.Sprint(m.Domain)
	all[id+"priority"] = fmt.Sprintf("%d / %d", m.Priority1, m.Priority2)
	all[id+"class"] = fmt.Sprint(m.Class)
	all[id+"followed"] = ""
	if m.Followed {
		all[id+"followed"] = l.word("master.followed")
	}
	all[id+"why"] = m.Why
}
