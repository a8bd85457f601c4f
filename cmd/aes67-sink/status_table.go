package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"aes67-sink/internal/text"
	"aes67-sink/status"
)

// table shows m to people: the problem first, on one screen. What is not known
// is left out.
func table(m status.Model) string {
	var b strings.Builder
	row := func(name string, parts ...string) {
		if line := strings.Join(present(parts), ", "); line != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, text.Printable(line))
		}
	}
	row("PROBLEM", m.Problem)
	row("state", status.Words(m.State)+uptime(m.UptimeS))
	row("sink", sinkParts(m.Sink)...)
	row("clock", clockParts(m.Clock)...)
	row("drift", driftParts(m.Drift)...)
	row("network", networkParts(m.Network)...)
	row("announce", announceParts(m.Announce)...)
	row("heard", heardParts(m.Heard)...)
	row("latency", latencyParts(m)...)
	row("sender", senderParts(m.Sender)...)
	if len(m.Streams) > 0 {
		b.WriteString("\n" + streamTable(m.Streams))
	}
	return b.String()
}

func present(parts []string) []string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	return there
}

func uptime(seconds status.Tenths) string {
	return fmt.Sprintf(" (up %v)", time.Duration(float64(seconds)*float64(time.Second)).Round(time.Second))
}

func sinkParts(s status.Sink) []string {
	where := s.Name
	if s.State != "" {
		where += ": " + s.State
	}
	if s.Server != "" {
		where += " on " + s.Server
	}
	parts := []string{where, fmt.Sprintf("%d Hz", s.RateHz)}
	if s.VolumeDB != nil {
		parts = append(parts, "volume "+decibels(*s.VolumeDB, "dB"))
	}
	if s.Muted != nil && *s.Muted {
		parts = append(parts, "MUTED")
	}
	if s.Playing != nil {
		parts = append(parts, text.Count(*s.Playing, "program plays", "programs play"))
	}
	return parts
}

func clockParts(c status.Clock) []string {
	parts := []string{c.State, map[string]string{"follower": "follower", "grandmaster": "this computer is the grandmaster"}[c.Role]}
	if c.State == "" && c.Role == "none" {
		parts = []string{"without PTP"}
	}
	if c.Grandmaster != "" && c.Role != "grandmaster" {
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

func driftParts(d status.Drift) []string {
	parts := []string{d.State, map[string]string{"resample": "resampling", "exact": "no resampling", "network": "run by the network's clock"}[d.Mode]}
	if d.BitExact {
		parts = append(parts, "bit-exact")
	}
	if d.RatioPPB != nil {
		parts = append(parts, ppm(*d.RatioPPB))
	}
	if d.FillFrames != nil && d.FillTargetFrames != nil {
		parts = append(parts, fmt.Sprintf("buffer %d of %d frames", *d.FillFrames, *d.FillTargetFrames))
	}
	return append(parts, text.Count(int(d.Underruns), "underrun", "underruns"), text.Count(int(d.Overruns), "frame overrun", "frames overrun"))
}

func networkParts(n status.Network) []string {
	parts := []string{n.Interface, n.Address}
	if n.Carrier != nil && !*n.Carrier {
		parts = append(parts, "NO CARRIER")
	}
	return append(parts, strings.TrimPrefix(n.Reason, n.Interface+": ")) // the reason may name it again
}

func announceParts(a status.Announce) []string {
	var parts []string
	if a.SAP != "" {
		parts = append(parts, "SAP "+a.SAP)
	}
	if a.MDNS != "" {
		parts = append(parts, "mDNS "+a.MDNS)
	}
	if a.RTSPPort != nil {
		parts = append(parts, fmt.Sprintf("RTSP port %d", *a.RTSPPort))
	}
	return append(parts, a.Problem)
}

func heardParts(h status.Heard) []string {
	if h == (status.Heard{}) {
		return nil
	}
	return []string{
		text.Count(h.Sessions, "session", "sessions") + " of others",
		text.Count(h.Masters, "PTP master", "PTP masters") + " (aes67-sink list shows them)",
	}
}

func latencyParts(m status.Model) []string {
	if m.LatencyMS == nil {
		return nil
	}
	l := m.LatencyMS
	line := fmt.Sprintf("%.1f ms (buffer %.1f + resampler %.1f + packet %.1f)", l.Total, l.Buffer, l.Resampler, l.Packet)
	if m.LatencyTold {
		return []string{line, "told to the sound server"}
	}
	return []string{line}
}

func senderParts(t *status.Thread) []string {
	if t == nil {
		return nil
	}
	if t.Why != "" {
		return []string{t.Policy, "not real-time: " + t.Why}
	}
	by := ""
	if t.By != "" {
		by = " by " + t.By
	}
	return []string{fmt.Sprintf("%s priority %d%s", t.Policy, t.Priority, by)}
}

func streamTable(all []status.Stream) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STREAM\tTO\tFORMAT\tPACKETS\tLATE\tDROPPED\tLATENESS\tPEAK")
	for _, s := range all {
		lateness, peak := "-", "-"
		if s.LatenessP99US != nil {
			lateness = fmt.Sprintf("%d µs", *s.LatenessP99US)
		}
		if s.PeakDBFS != nil {
			peak = decibels(*s.PeakDBFS, "dBFS")
		}
		if s.LimitedDB != nil && *s.LimitedDB >= 0.05 { // what is shown as 0.1
			peak += fmt.Sprintf(", limited by %.1f dB", *s.LimitedDB)
		}
		format := fmt.Sprintf("%d × %s %d Hz %v", len(s.Channels), s.Encoding, s.RateHz, time.Duration(s.PtimeUS)*time.Microsecond)
		fmt.Fprintf(w, "%s\t%s:%d\t%s\t%d\t%d\t%d\t%s\t%s\n", text.Printable(s.Name), s.Group, s.Port, format, s.Packets, s.Late, s.Dropped, lateness, peak)
	}
	_ = w.Flush() // into memory
	return b.String()
}

func decibels(x status.Tenths, unit string) string {
	if x <= status.SilenceDB {
		return "silent"
	}
	return fmt.Sprintf("%.1f %s", x, unit)
}

// nanoseconds writes a time in microseconds, where people's interest begins.
func nanoseconds(ns int64) string { return fmt.Sprintf("%.1f µs", float64(ns)/1e3) }

func ppm(ppb int64) string { return fmt.Sprintf("%+.3f ppm", float64(ppb)/1e3) }
