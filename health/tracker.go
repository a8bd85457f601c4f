package health

import (
	"maps"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// settle is waited for an effect to go after its cause has: most do, as soon as their
// part looks again. UNVERIFIED
const settle = 2 * time.Second

// Verdict is what all findings come to. It is not changed any more.
type Verdict struct {
	Findings []Finding // causes alone, the worst first
	// Statuses has all domains and Overall, Messages those of them that have one.
	Statuses map[Domain]Status
	Messages map[Domain]string
	// Transitions to a worse status since the start, Overall's not counted.
	Transitions map[Domain]uint64
}

// Change is a finding that became visible, is told in other words, or was mended.
type Change struct {
	Finding
	Mended bool
	Lasted time.Duration // since it was found
}

// Tracker follows the findings over time. The zero Tracker has seen nothing. It is for
// one goroutine.
type Tracker struct {
	cases    []*illness
	statuses statuses
	verdict  Verdict
}

// illness is a finding while it lasts.
type illness struct {
	Finding
	since   aes67.MonoTime
	from    aes67.MonoTime // its wait counts: it was found, or its cause was mended
	wait    time.Duration
	effect  bool   // a cause of it is ill
	visible bool   // once it is, until it is mended or an effect
	told    string // the sentence that a Change had, empty: none
}

// Verdict returns what the last Observe came to.
func (t *Tracker) Verdict() Verdict { return t.verdict }

// Observe takes all that is ill at present, in the order in which equals are to be
// told, and what the bridge does. It returns what changed, and when the verdict can
// become another by itself, 0: not at all.
func (t *Tracker) Observe(now aes67.MonoTime, ill []Finding, does Activity) (changes []Change, next aes67.MonoTime) {
	changes = t.take(now, ill)
	var visible []Finding
	for _, c := range t.cases {
		if at := c.look(now, t.caused(c.Code)); at != 0 && (next == 0 || at < next) {
			next = at
		}
		if !c.visible {
			continue
		}
		visible = append(visible, c.present(does))
		if c.told != c.Sentence {
			c.told = c.Sentence
			changes = append(changes, Change{Finding: c.present(does), Lasted: now.Sub(c.since)})
		}
	}
	slices.SortStableFunc(visible, func(a, b Finding) int { return a.Severity.Rank() - b.Severity.Rank() })
	again := t.statuses.observe(now, visible, does)
	if again != 0 && (next == 0 || again < next) {
		next = again
	}
	t.verdict = Verdict{
		Findings: visible, Statuses: maps.Clone(t.statuses.now), Messages: maps.Clone(t.statuses.messages), Transitions: maps.Clone(t.statuses.transitions),
	}
	return changes, next
}

// take brings the cases up to date; of several of one code it is the first, but for
// Unknown, whose sentences have nothing in common.
func (t *Tracker) take(now aes67.MonoTime, ill []Finding) (mended []Change) {
	before := t.cases
	t.cases = nil
	for _, f := range ill {
		same := func(c *illness) bool { return c.Code == f.Code && (f.Code != Unknown || c.Sentence == f.Sentence) }
		if slices.ContainsFunc(t.cases, same) {
			continue
		}
		c := &illness{since: now, from: now, wait: Of(f.Code).VisibleAfter}
		if i := slices.IndexFunc(before, same); i >= 0 {
			c, before = before[i], slices.Delete(slices.Clone(before), i, i+1)
		}
		c.Finding = f
		t.cases = append(t.cases, c)
	}
	for _, c := range before {
		if c.told != "" {
			mended = append(mended, Change{Finding: c.Finding, Mended: true, Lasted: now.Sub(c.since)})
		}
	}
	return mended
}

// caused reports whether something is ill that a condition depends on, be it by others.
func (t *Tracker) caused(code Code) bool {
	return slices.ContainsFunc(Of(code).DependsOn, func(cause Code) bool {
		return slices.ContainsFunc(t.cases, func(c *illness) bool { return c.Code == cause }) || t.caused(cause)
	})
}

// look decides whether it is visible, or when it will be, 0: no more is known.
func (c *illness) look(now aes67.MonoTime, effect bool) (next aes67.MonoTime) {
	switch {
	case effect:
		c.visible = false
	case c.effect:
		c.from, c.wait = now, max(Of(c.Code).VisibleAfter, settle)
	}
	c.effect = effect
	if effect || c.visible {
		return 0
	}
	if due := c.from.Add(c.wait); now < due {
		return due
	}
	c.visible = true
	return 0
}

// present is the finding as it matters now: what is wrong with a clock silences what
// waits for it, and leaves what is sent already to the last good rate.
func (c *illness) present(does Activity) Finding {
	f := c.Finding
	if does.Sends && f.Severity == Silence && Of(f.Code).Domain == ExternalSynchronization {
		f.Severity = Defect
	}
	return f
}
