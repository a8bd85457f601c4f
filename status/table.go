package status

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"aes67-sink/health"
	"aes67-sink/internal/text"
)

// Table shows m to people: the problems first, on one screen. What is not known
// is left out. Lines but the problems'
// are at most so many columns wide, 0: as wide as they are.
func (m Model) Table(width int) string {
	var b strings.Builder
	row := func(name string, parts ...string) {
		if line := strings.Join(present(parts), ", "); line != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, text.Wrap(text.Printable(line), rowIndent, width))
		}
	}
	m.tellProblems(&b)
	row("state", Words(m.State)+uptime(m.UptimeS))
	rooms := m.Rooms()
	for i := range rooms {
		row("sink", append(sinkParts(rooms[i].Sink), intoParts(rooms, i)...)...)
	}
	row("clock", clockParts(m.Clock)...)
	for i := range rooms {
		row("drift", named(rooms, i, driftParts(rooms[i].Drift))...)
	}
	row("network", networkParts(m.Network)...)
	row("announce", announceParts(&m)...)
	row("heard", heardParts(m.Heard)...)
	for i := range rooms {
		row("latency", named(rooms, i, latencyParts(rooms[i].LatencyMS, rooms[i].LatencyTold))...)
	}
	row("sender", senderParts(m)...)
	switch m.SliderMoves {
	case "speakers":
		row("slider", "moves the speakers' own level")
	case "stream":
		row("slider", "moves the stream's level")
	}
	for i := range m.Speakers {
		row("speaker", speakerParts(&m.Speakers[i])...)
	}
	if len(m.Streams) == 0 {
		return b.String()
	}
	b.WriteString("\n")
	table := streamTable(m.Streams)
	if width == 0 || widest(table) <= width {
		return b.String() + table
	}
	for i := range m.Streams {
		row("stream", streamParts(&m.Streams[i])...)
	}
	return b.String()
}

// tellProblems writes what is wrong in one piece each, for whoever copies from it, and
// the command to paste in a line of its own.
func (m *Model) tellProblems(b *strings.Builder) {
	all := m.Problems
	if len(all) == 0 && m.Problem != "" {
		all = []health.Finding{{Sentence: m.Problem}}
	}
	for _, f := range all {
		name := "PROBLEM"
		if f.Severity == health.Notice {
			name = "notice"
		}
		fmt.Fprintf(b, "%-9s %s\n", name, text.Printable(f.Sentence))
		if f.Command != "" {
			fmt.Fprintf(b, "%*s%s\n", rowIndent, "", text.Printable(f.Command))
		}
	}
}

// rowIndent is the columns that a row's name takes.
const rowIndent = 10

func present(parts []string) []string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	return there
}

func uptime(seconds Tenths) string {
	return fmt.Sprintf(" (up %v)", time.Duration(float64(seconds)*float64(time.Second)).Round(time.Second))
}

func sinkParts(s Sink) []string {
	where := s.Name
	if s.State != "" {
		where += ": " + s.State
	}
	if s.Server != "" {
		where += " on " + s.Server
	}
	parts := []string{where, fmt.Sprintf("%d Hz", s.RateHz) + map[string]string{
		RateFollows: " as what played last",
		RateUnable:  " whatever plays (this sound server cannot switch)",
		RateKept:    " whatever plays (the server did not switch: docs/latency.md says how to let it)",
	}[s.RateFollows]}
	if s.VolumeDB != nil {
		parts = append(parts, "volume "+decibels(*s.VolumeDB, "dB"))
	}
	if s.Muted != nil && *s.Muted {
		parts = append(parts, "MUTED")
	}
	if s.Playing != nil {
		parts = append(parts, text.Count(*s.Playing, "program plays", "programs play"))
	}
	switch {
	case s.ResampledHz == 0:
	case s.RateFollows == "played":
		parts = append(parts, fmt.Sprintf("the server resamples %d Hz until nothing plays", s.ResampledHz))
	default:
		parts = append(parts, fmt.Sprintf("the server resamples %d Hz (docs/latency.md says how to let it switch)", s.ResampledHz))
	}
	return parts
}

// intoParts says where the sound of a sink without streams of its own is heard.
func intoParts(rooms []Room, number int) []string {
	if len(rooms[number].PlaysInto) == 0 {
		return nil
	}
	var names []string
	for i := range rooms {
		if slices.Contains(rooms[number].PlaysInto, rooms[i].ID) {
			names = append(names, rooms[i].Name)
		}
	}
	return []string{"heard in " + strings.Join(names, " and ")}
}

// named puts a sink's name before what is told of it, where there are several.
func named(rooms []Room, number int, parts []string) []string {
	if len(rooms) < 2 || len(present(parts)) == 0 {
		return parts
	}
	return append([]string{rooms[number].Name + ": " + present(parts)[0]}, present(parts)[1:]...)
}

func clockParts(c Clock) []string {
	parts := []string{c.State, ofRole(c.Role)}
	if c.State == "" && c.Role == RoleNone {
		parts = []string{"without PTP"}
	}
	if c.Grandmaster != "" && c.Role != RoleGrandmaster {
		parts = append(parts, "grandmaster "+c.Grandmaster)
	}
	parts = append(parts, fmt.Sprintf("domain %d", c.Domain))
	if c.OffsetNS != nil {
		offset := "offset " + nanoseconds(*c.OffsetNS)
		if c.OffsetRMSNS != nil {
			offset += " (rms " + nanoseconds(*c.OffsetRMSNS) + ")"
		}
		parts = append(parts, offset)
	}
	if c.PathDelayNS != nil {
		parts = append(parts, "path delay "+nanoseconds(*c.PathDelayNS))
	}
	if c.FrequencyPPB != nil {
		parts = append(parts, ppm(*c.FrequencyPPB))
	}
	if c.ErrorBoundNS != nil {
		parts = append(parts, "off by at most "+nanoseconds(*c.ErrorBoundNS))
	}
	if c.Steps > 0 {
		parts = append(parts, text.Count(int(c.Steps), "step", "steps"))
	}
	return parts
}

func driftParts(d Drift) []string {
	parts := []string{d.State, map[string]string{"resample": "resampling", "exact": "no resampling"}[d.Mode]}
	if d.BitExact {
		parts = append(parts, "bit-exact")
	}
	if d.RatioPPB != nil {
		parts = append(parts, ppm(*d.RatioPPB))
	}
	if d.FillFrames != nil && d.FillTargetFrames != nil {
		parts = append(parts, fmt.Sprintf("buffer %d of %d frames", *d.FillFrames, *d.FillTargetFrames))
	}
	parts = append(parts, text.Count(int(d.Underruns), "underrun", "underruns"), text.Count(int(d.Overruns), "frame overrun", "frames overrun"))
	if d.ServerJumps > 0 {
		parts = append(parts, "the sound server lost time "+text.Count(int(d.ServerJumps), "time", "times"))
	}
	return parts
}

func networkParts(n Network) []string {
	parts := []string{n.Interface, n.Address}
	if n.Carrier != nil && !*n.Carrier {
		parts = append(parts, "NO CARRIER")
	}
	if s := n.Secondary; s != nil && s.Address != "" { // where it is lost a problem tells so
		parts = append(parts, "second leg "+s.Interface+" "+s.Address)
	}
	return append(parts, strings.TrimPrefix(n.Reason, n.Interface+": ")) // the reason may name it again
}

func announceParts(m *Model) []string {
	a := m.Announce
	if slices.ContainsFunc(m.Problems, func(f health.Finding) bool { return f.Sentence == a.Problem }) {
		a.Problem = "" // told above
	}
	var parts []string
	if a.SAP != "" {
		parts = append(parts, "SAP "+a.SAP)
	}
	if a.MDNS != "" {
		parts = append(parts, "mDNS "+strings.ReplaceAll(a.MDNS, "no-bus", "without a system bus"))
	}
	if a.RTSPPort != nil {
		parts = append(parts, fmt.Sprintf("RTSP port %d", *a.RTSPPort))
	}
	return append(parts, a.Problem)
}

func heardParts(h Heard) []string {
	if h == (Heard{}) {
		return nil
	}
	return []string{
		text.Count(h.Sessions, "session", "sessions") + " of others",
		text.Count(h.Masters, "PTP master", "PTP masters") + " (aes67-sink list shows them)",
	}
}

func latencyParts(l *Latency, told bool) []string {
	if l == nil {
		return nil
	}
	mix := ""
	if l.Mix != nil {
		mix = fmt.Sprintf(" + mix %.1f", *l.Mix)
	}
	line := fmt.Sprintf("%.1f ms (buffer %.1f + resampler %.1f%s + packet %.1f)", l.Total, l.Buffer, l.Resampler, mix, l.Packet)
	if l.Receiver > 0 {
		line += fmt.Sprintf(" + receiver %.1f ms", l.Receiver)
	}
	if told {
		return []string{line, "told to players"}
	}
	// Negative: the picture waits (mpv, "--audio-delay").
	return []string{line, fmt.Sprintf("not told to players: for films say mpv --audio-delay=%.3f", -float64(l.Total+l.Receiver)/1000)}
}

func senderParts(m Model) []string {
	t := m.Sender
	if t == nil {
		return nil
	}
	parts := []string{t.Policy, "not real-time: " + t.Why}
	if t.Why == "" {
		parts = []string{fmt.Sprintf("%s priority %d", t.Policy, t.Priority)}
		if t.By != "" {
			parts[0] += " by " + t.By
		}
	}
	if len(m.Streams) == 0 {
		return parts
	}
	// All streams leave together: the gaps of one are those of each.
	s := &m.Streams[0]
	if s.SkippedMS != nil && *s.SkippedMS > 0 {
		parts = append(parts, fmt.Sprintf("stood still: %.1f ms of sound were left out", *s.SkippedMS))
	}
	return append(parts, s.tooLate())
}

// tooLate says how many packets receivers of the field drop: Dante's those of more than
// 2 ms, AES67-2018, 7.5 lets any drop those of more than 17 packet times.
func (s *Stream) tooLate() string {
	switch {
	case s.Late2 == 0:
		return "no packet more than 2 packet times late"
	case s.Late17 == 0:
		return fmt.Sprintf("%d more than 2 packet times late, which Dante receivers drop", s.Late2)
	}
	return fmt.Sprintf("%d more than 2 packet times late, which Dante receivers drop, %d more than 17", s.Late2, s.Late17)
}

func streamTable(all []Stream) string {
	return columns(func(row func(cells ...string)) {
		row("STREAM", "TO", "FORMAT", "PACKETS", "LATE", "DROPPED", "LATENESS", "PEAK")
		for i := range all {
			s := &all[i]
			row(s.Name, s.to(), s.format(), fmt.Sprint(s.Packets), fmt.Sprint(s.Late), fmt.Sprint(s.Dropped), s.lateness(), s.peak())
		}
	})
}

// streamParts are a stream where the table is too wide.
func streamParts(s *Stream) []string {
	return []string{
		s.Name, s.to(), s.format(), text.Count(int(s.Packets), "packet", "packets"), fmt.Sprintf("%d late", s.Late),
		fmt.Sprintf("%d dropped", s.Dropped), "lateness " + s.lateness(), "peak " + s.peak(),
	}
}

func (s *Stream) to() string { return fmt.Sprintf("%s:%d", s.Group, s.Port) }

func (s *Stream) format() string {
	return fmt.Sprintf("%d × %s %d Hz %v", len(s.Channels), s.Encoding, s.RateHz, time.Duration(s.PtimeUS)*time.Microsecond)
}

func (s *Stream) lateness() string {
	if s.LatenessP99US == nil {
		return "-"
	}
	return fmt.Sprintf("%d µs", *s.LatenessP99US)
}

func (s *Stream) peak() string {
	if s.PeakDBFS == nil {
		return "-"
	}
	peak := decibels(*s.PeakDBFS, "dBFS")
	if s.LimitedDB != nil && *s.LimitedDB >= 0.05 { // what is shown as 0.1
		peak += fmt.Sprintf(", limited by %.1f dB", *s.LimitedDB)
	}
	return peak
}

// columns lays out rows of foreign text.
func columns(fill func(row func(cells ...string))) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fill(func(cells ...string) {
		for i, cell := range cells {
			if cell = text.Printable(cell); cell == "" && i < len(cells)-1 {
				cell = "-"
			}
			cells[i] = cell
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	})
	_ = w.Flush() // into memory
	return b.String()
}

// widest is the columns of the widest line.
func widest(table string) int {
	most := 0
	for line := range strings.Lines(table) {
		most = max(most, utf8.RuneCountInString(strings.TrimRight(line, "\n")))
	}
	return most
}

func decibels(x Tenths, unit string) string {
	if x <= SilenceDB {
		return "silent"
	}
	return fmt.Sprintf("%.1f %s", x, unit)
}

// nanoseconds writes a time in microseconds, where people's interest begins.
func nanoseconds(ns int64) string { return fmt.Sprintf("%.1f µs", float64(ns)/1e3) }

func ppm(ppb int64) string { return fmt.Sprintf("%+.3f ppm", float64(ppb)/1e3) }
