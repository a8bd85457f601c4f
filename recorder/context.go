package recorder

import (
	"cmp"
	"fmt"
	"time"

	"aes67-sink/internal/text"
)

// ContextLines is how many lines an incident's context has.
const ContextLines = 10

// switchesSpan is the least in which switches are told: they are read once a second
// (package procstat).
const switchesSpan = 2 * time.Second

// context is what was around an incident.
func (c *Case) context(f *facts, e *Evidence) []string {
	micro := func(d time.Duration) string { return fmt.Sprintf("%.0f µs", float64(d)/1e3) }
	thread := func(t Thread) string {
		words := fmt.Sprintf("ran %s, waited %s for a core", inMS(milliseconds(t.Ran)), inMS(milliseconds(t.Waited)))
		if e.Span >= switchesSpan {
			words += fmt.Sprintf(", some %d forced of %d switches", t.Forced, t.Forced+t.Voluntary)
		}
		return words
	}
	lines := []string{
		fmt.Sprintf("when       %s, signs of it for %s", c.At.Format("2006-01-02 15:04:05.000 MST"), inMS(milliseconds(c.Until.Sub(c.From)))),
		fmt.Sprintf("state      %s before, %s then, %s after", c.Before.State, c.Ill.State, c.After.State),
		"packets    nothing was sent",
		"buffer     nothing was pulled",
		fmt.Sprintf("sender     %s; in %s it %s", cmp.Or(c.Before.Policy, "not known"), inMS(milliseconds(e.Span)), thread(e.Sender)),
		fmt.Sprintf("capture    in %s it %s", inMS(milliseconds(e.Span)), thread(e.Capture)),
		fmt.Sprintf("computer   somebody waited for a core for %s; this program stood still for %s", inMS(milliseconds(e.Pressed)), inMS(milliseconds(e.StoodStill))),
		fmt.Sprintf("clock      %s, grandmaster %s, steps %d; CLOCK_MONOTONIC %+.1f ppm beside RAW", cmp.Or(c.After.Clock, "none"), cmp.Or(c.After.Master, "none"), c.After.Steps, e.Slewed),
		fmt.Sprintf("network    %s; %s not sent by the interface, %s", cmp.Or(c.After.Network, "none"), text.Count(int(e.Dropped), "packet", "packets"), text.Count(int(e.Errors), "error", "errors")),
		fmt.Sprintf("server     %s; limiter %.1f dB", cmp.Or(c.After.Server, "none"), c.After.LimitedDB),
	}
	if f.known {
		lines[2] = fmt.Sprintf("packets    before: lateness median %s, worst %s; then: %d late, worst %s",
			micro(f.usualLate), micro(f.worstBefore), f.packets, inMS(milliseconds(f.most)))
		lines[3] = fmt.Sprintf("buffer     %.0f frames before, %.0f at the least, target %.0f; ratio %+.3f ppm", f.fill, f.least, c.Before.Target, f.ratio/1000)
	}
	if c.Unkept > 0 {
		lines[0] += fmt.Sprintf("; %s before it not kept, for they were many", text.Count(c.Unkept, "incident", "incidents"))
	}
	return lines
}
