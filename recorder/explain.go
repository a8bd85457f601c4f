package recorder

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/text"
)

// The causes of incidents.
const (
	CauseNetworkLost   = "network-lost"
	CauseServerLost    = "sound-server-lost"
	CauseSenderFailed  = "sender-failed"
	CauseClockStep     = "clock-step"
	CauseClockLost     = "clock-lost"
	CauseRefused       = "packets-refused"
	CauseStoodStill    = "stood-still"
	CauseCore          = "waited-for-a-core"
	CauseTimer         = "timer-late"
	CauseWork          = "own-work"
	CauseSendCall      = "send-call"
	CauseServerLate    = "sound-server-late"
	CauseServerSkipped = "sound-server-skipped"
	CauseServerZeros   = "sound-server-zeros"
	CauseLimiter       = "limiter"
	CausePriority      = "priority-lost"
	CauseState         = "state"
)

// Causes are all of them.
func Causes() []string {
	return []string{
		CauseNetworkLost, CauseServerLost, CauseSenderFailed, CauseClockStep, CauseClockLost, CauseRefused, CauseStoodStill, CauseCore,
		CauseTimer, CauseWork, CauseSendCall, CauseServerLate, CauseServerSkipped, CauseServerZeros, CauseLimiter, CausePriority, CauseState,
	}
}

// ofBill are the causes of a late packet, by the longest line of its bill.
var ofBill = map[string]string{
	BillTimer: CauseTimer, BillCore: CauseCore, BillWork: CauseWork, BillSend: CauseSendCall, BillStill: CauseStoodStill,
}

// Span is the time that evidence is wanted of: that of the worst packet, or else all of
// the case.
func (c *Case) Span(plan Plan) (from, until aes67.RawTime) {
	f := c.find(plan)
	if f.packets == 0 {
		return c.From, c.Until
	}
	until = c.Records[f.worst].Due.Add(time.Duration(c.Records[f.worst].Sent))
	return until.Add(-f.total), until
}

// explain says what an incident was. Times in words are those of the case's time zone.
func (c *Case) explain(plan Plan, f *facts, e *Evidence) Incident {
	late := charge(f.lateness(e))
	cause := c.cause(f, late)
	heard, why := c.words(plan, cause, f, e, late)
	i := Incident{
		ID: c.ID, At: c.At, Cause: cause,
		DurationMS: milliseconds(max(c.Until.Sub(c.From), f.late(), f.broke).Round(10 * time.Microsecond)),
		Sentence:   fmt.Sprintf("At %s %s %s: %s", c.At.Format(time.TimeOnly), cmp.Or(c.Before.Streams, c.After.Streams, "the streams"), heard, why),
		Bill:       late,
		Context:    c.context(f, e),
	}
	if line, ok := map[string]string{
		CauseServerLost: BillServer, CauseServerLate: BillServer, CauseServerSkipped: BillSkipped, CauseServerZeros: BillServer,
		CauseClockStep: BillClock, CauseClockLost: BillClock, CauseNetworkLost: BillNetwork, CauseRefused: BillNetwork,
	}[cause]; ok {
		i.Bill = charge(map[string]time.Duration{line: max(f.broke, f.skipped, time.Duration(f.refused)*plan.Packet)})
	}
	if cause == CauseLimiter || cause == CauseState || cause == CauseServerZeros && f.broke == 0 || f.packets == 0 && (cause == CausePriority || cause == CauseSenderFailed) {
		i.Bill = nil // nothing was late
	}
	return i
}

// cause decides: what others follow from comes first.
func (c *Case) cause(f *facts, bill []Share) string {
	has := func(t Trigger) bool { return c.Triggers&t != 0 }
	// A server that was not read for long gives nothing for a while after; what breaks
	// off for much longer than a short hold does not follow from it.
	held := f.packets > 0 && (2*f.most >= f.pause-usualPause && (f.most > longHold || f.broke <= f.most+longHold) ||
		f.most > longHold && f.most >= f.pauseThen-usualPause)
	switch {
	case has(State) && c.Ill.State == StateWaitingNetwork, f.refused > 0 && c.After.Network == "":
		return CauseNetworkLost
	case has(State) && c.Ill.State == StateWaitingSoundServer:
		return CauseServerLost
	case has(State) && c.Ill.State == StateFailed:
		return CauseSenderFailed
	case has(Step):
		return CauseClockStep
	case has(State) && c.Ill.State == StateHoldover:
		return CauseClockLost
	case f.refused > 0:
		return CauseRefused
	case has(Zeros):
		return CauseServerZeros
	case held && bill[0].Name == BillStill && (f.most > longHold || !has(Priority)):
		return CauseStoodStill
	case has(Priority):
		return CausePriority
	case held:
		return ofBill[bill[0].Name]
	case has(Skip) && f.pause < f.held: // the buffer outlasted the pause, and not what was skipped
		return CauseServerSkipped
	case has(Underrun), has(State) && c.Ill.State == StateFilling:
		return CauseServerLate
	case has(Skip):
		return CauseServerSkipped
	case f.packets > 0:
		return ofBill[bill[0].Name]
	case has(Limited):
		return CauseLimiter
	}
	return CauseState
}

// usualPause is a pause that every sound server makes, which gives at once what it has
// rendered.
const usualPause = 50 * time.Millisecond

// longHold is a time after which a sound server whose sound nobody took is out of step.
const longHold = 100 * time.Millisecond

// words say what was heard, and because of what.
func (c *Case) words(plan Plan, cause string, f *facts, e *Evidence, bill []Share) (heard, why string) {
	heard = c.heard(plan, f)
	longest := 0.0
	if len(bill) > 0 {
		longest = bill[0].MS
	}
	switch cause {
	case CauseNetworkLost:
		return "ended", "the network is lost: " + cmp.Or(c.Ill.Problem, c.After.Problem, "no interface can be used")
	case CauseServerLost:
		return "went silent", "the sound server is gone: " + cmp.Or(c.Ill.Problem, "it does not answer")
	case CauseSenderFailed:
		return "ended", "the sender failed: " + cmp.Or(c.Ill.Problem, "it ended by itself")
	case CauseClockStep:
		why = "the network's clock stepped" + by(stepped(&c.Before, &c.After))
		if c.After.Master != c.Before.Master && c.After.Master != "" {
			why += ", for " + c.After.Master + " is the grandmaster now"
		}
		return heard, why + "; receivers follow the timestamps, which jumped with it"
	case CauseClockLost:
		return "lost their clock", strings.TrimSpace("the grandmaster "+c.Before.Master) + " is gone or cannot be followed any more; they run on at its last frequency, and nothing is heard of that yet"
	case CauseRefused:
		return "lost " + text.Count(f.refused, "packet", "packets"),
			"the kernel refused to send; look at the interface " + cmp.Or(c.Before.Network, "in use") + ", and for a firewall's rule against multicast"
	case CauseStoodStill:
		who := "the sender's thread stood still"
		if e.still(f.total) {
			who = "the whole program stood still"
		}
		return heard, fmt.Sprintf("%s for %s: it neither ran nor waited for a core, as when a program is stopped or the host of a virtual machine is busy", who, inMS(longest))
	case CauseCore:
		return heard, fmt.Sprintf("the sender waited %s for a core while it was %s", inMS(longest), c.policy())
	case CauseTimer:
		return heard, fmt.Sprintf("the kernel woke the sender up %s late, though it waited for no core (%s)", inMS(longest), c.policy())
	case CauseWork:
		return heard, fmt.Sprintf("the sender itself took %s to make one packet", inMS(longest))
	case CauseSendCall:
		return heard, fmt.Sprintf("the kernel took %s to send one packet of each stream", inMS(longest))
	case CauseServerLate:
		return heard, fmt.Sprintf("the sound server gave nothing for %s, and the buffer held %s", inMS(milliseconds(f.pause)), inMS(milliseconds(f.held)))
	case CauseServerSkipped:
		if f.ahead {
			return heard, fmt.Sprintf("the sound server rendered %s ahead at once", inMS(milliseconds(f.skipped)))
		}
		return heard, fmt.Sprintf("the sound server skipped %s: it is overloaded", inMS(milliseconds(f.skipped)))
	case CauseServerZeros:
		if f.broke == 0 {
			heard = "went silent"
		}
		return heard, "the sound server gave zeros for what a program played, since the sink was suspended or changed; it is recorded anew"
	case CauseLimiter:
		return fmt.Sprintf("were turned down by %.1f dB", max(c.Ill.LimitedDB, c.After.LimitedDB)),
			"a program plays far louder than safety.ceiling allows, and the limiter works hard; turn that program down"
	case CausePriority:
		why = "the sender lost its real-time priority (" + c.Before.Policy + "): " + cmp.Or(c.Ill.Why, "somebody took it away")
		if f.packets == 0 {
			return "are not safe from a busy computer", why
		}
		return heard, why
	}
	return "changed", "the bridge is " + c.Ill.State + ": " + cmp.Or(c.Ill.Problem, "no reason is known")
}

// heard says what receivers got.
func (c *Case) heard(plan Plan, f *facts) string {
	switch {
	case f.breaks > 1:
		least := ""
		if f.lasts {
			least = "more than "
		}
		return fmt.Sprintf("broke off %d times, for %s%s in all; at the worst of it", f.breaks, least, inMS(milliseconds(f.broke)))
	case f.broke > 0 && f.lasts:
		return fmt.Sprintf("broke off for more than %s", inMS(milliseconds(f.broke)))
	case f.broke > 0:
		return fmt.Sprintf("broke off for %s", inMS(milliseconds(f.broke)))
	case f.packets > 0:
		// What leaves late is late by that and by the packet's own offset.
		link := math.Ceil(milliseconds(f.most + plan.Offset))
		return fmt.Sprintf("were %s late for %s, heard by receivers with less than %.0f ms", inMS(milliseconds(f.most)), text.Count(f.packets, "packet", "packets"), link)
	case f.skipped > 0:
		return fmt.Sprintf("left out %s", inMS(milliseconds(f.skipped)))
	}
	return "were disturbed"
}

// policy says what the sender's thread had, and why that was not more.
func (c *Case) policy() string {
	if c.Before.RealTime || c.Before.Why == "" {
		return cmp.Or(c.Before.Policy, "of unknown priority")
	}
	return c.Before.Policy + ": " + c.Before.Why
}

// stepped is by how much the virtual clock jumped between two looks.
func stepped(was, is *Look) time.Duration {
	if was.PTP == 0 || is.PTP == 0 {
		return 0
	}
	return time.Duration(is.PTP-was.PTP) - is.Raw.Sub(was.Raw)
}

// by says by how much; what a clock strays between two looks is nothing.
func by(d time.Duration) string {
	if d.Abs() < time.Microsecond {
		return ""
	}
	return " by " + d.Round(time.Microsecond).String()
}

func inMS(ms float64) string { return fmt.Sprintf("%.1f ms", ms) }
