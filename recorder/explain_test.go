package recorder

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

var update = flag.Bool("update", false, "write the golden files anew")

var testPlan = Plan{Packet: time.Millisecond, Offset: 500 * time.Microsecond, Channels: 2}

// desk is a bridge in simulated time: a look each LookEach, a record each millisecond.
type desk struct {
	*Recorder
	now   aes67.RawTime
	look  Look
	cases []*Case
	// record makes the record of a packet time from that of a quiet one.
	record func(s *Record)
	stands bool // no packet is sent
}

func newDesk(plan Plan) *desk {
	d := &desk{Recorder: New(plan), now: 1_000_000 * ms, look: Look{
		At: time.Date(2026, 11, 29, 20, 14, 0, 0, time.UTC), State: StateSending,
		Streams: Called([][]string{{"left"}, {"right"}}), Server: "PipeWire 1.4.2", Volume: "volume -20.0 dB", Network: "eth0 192.168.7.2",
		Clock: "locked", Master: "00-1D-C1-FF-FE-12-34-56", OffsetNS: 120, BoundNS: 900, Policy: "SCHED_FIFO", RealTime: true,
		SinkRate: 48000, Fill: 1000, Target: 1056, RatioPPB: 1200, PeaksDBFS: []float64{-6, -7},
	}}
	d.look.PTP = 1e18
	d.look.Raw = d.now
	return d
}

// run lets time pass.
func (d *desk) run(length time.Duration) {
	for end := d.now.Add(length); d.now < end; {
		if !d.stands {
			s := Record{Due: d.now, Woke: 30_000, Ready: 90_000, Sent: 105_000, Fill: 1000, Ratio: 1200, Pause: 80, Peak: 12, Marks: Flows}
			if d.record != nil {
				d.record(&s)
			}
			d.Ring.add(&s)
		}
		d.now = d.now.Add(d.plan.Packet)
		if pass := d.now.Sub(d.look.Raw); pass >= LookEach {
			d.look.At, d.look.PTP, d.look.Raw = d.look.At.Add(pass), d.look.PTP+int64(pass), d.now
			l := d.look
			if c := d.Look(&l); c != nil {
				d.cases = append(d.cases, c)
			}
		}
	}
}

// late lets one packet be late, and those behind it until they have caught up.
func (d *desk) late(woke, work, send time.Duration) {
	behind, first := woke+work+send, true
	d.record = func(s *Record) {
		switch {
		case first:
			first = false
			s.Woke = int32(woke)
			s.Ready = s.Woke + int32(work)
			s.Sent = s.Ready + int32(send)
		case behind > time.Millisecond:
			behind -= time.Millisecond
			s.Woke = int32(behind)
			s.Ready = s.Woke + 60_000
			s.Sent = s.Ready + 15_000
		}
	}
}

// faults are what goes wrong at a desk, and the cause that is to be told.
var faults = []struct {
	name, cause string
	evidence    Evidence
	make        func(d *desk)
}{
	{"the thread waits for a core", CauseCore, Evidence{Span: 500 * time.Millisecond, Sender: Thread{Ran: 30 * time.Millisecond, Waited: 3100 * time.Microsecond, Voluntary: 500, Forced: 2}, Usual: Thread{Waited: 200 * time.Microsecond}, UsualSpan: 2 * time.Second, Pressed: 3 * time.Millisecond}, func(d *desk) {
		d.look.Policy, d.look.RealTime, d.look.Why = "SCHED_OTHER", false, "SCHED_FIFO 20: operation not permitted: RLIMIT_RTPRIO is 0 for this user; RealtimeKit: The name org.freedesktop.RealtimeKit1 was not provided by any .service files"
		d.lookout.last.RealTime = false // since the start
		d.run(2 * time.Second)
		d.late(3200*time.Microsecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"the timer comes late", CauseTimer, Evidence{Span: 500 * time.Millisecond}, func(d *desk) {
		d.late(2*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"making a packet takes long", CauseWork, Evidence{Span: 500 * time.Millisecond, Sender: Thread{Ran: 40 * time.Millisecond}}, func(d *desk) {
		d.late(30*time.Microsecond, 7*time.Millisecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"the send call takes long", CauseSendCall, Evidence{Span: 500 * time.Millisecond}, func(d *desk) {
		d.late(30*time.Microsecond, 60*time.Microsecond, 12*time.Millisecond)
		d.run(2 * time.Second)
	}},
	{"the thread stands still", CauseStoodStill, Evidence{Span: 500 * time.Millisecond}, func(d *desk) {
		d.late(12*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"the program stands still", CauseStoodStill, Evidence{Span: time.Second, StoodStill: 480 * time.Millisecond}, func(d *desk) {
		d.stands = true
		d.run(500 * time.Millisecond)
		d.stands = false
		first := true
		d.record = func(s *Record) {
			if first {
				s.Marks |= Jumped | Skipped
				s.Pause = 5000
				first = false
			}
		}
		d.run(2 * time.Second)
	}},
	{"the program stands still in a storm, and the server after it", CauseStoodStill, Evidence{Span: 2 * time.Second, StoodStill: 480 * time.Millisecond}, func(d *desk) {
		for range 5 {
			d.late(1500*time.Microsecond, 60*time.Microsecond, 15*time.Microsecond)
			d.run(400 * time.Millisecond)
		}
		d.stands = true
		d.run(500 * time.Millisecond)
		d.stands = false
		n := 0
		d.record = func(s *Record) {
			switch n++; {
			case n == 1:
				s.Marks |= Jumped
				s.Pause = 5000
			case n < 1200:
				s.Pause = uint16(10 * n)
				s.Marks &^= Flows
			}
		}
		d.run(4 * time.Second)
	}},
	{"packets are refused", CauseRefused, Evidence{Span: 500 * time.Millisecond, Dropped: 3}, func(d *desk) {
		n := 0
		d.record = func(s *Record) {
			if n++; n <= 3 {
				s.Marks |= Refused
			}
		}
		d.run(2 * time.Second)
	}},
	{"the sound server is late", CauseServerLate, Evidence{Span: time.Second}, func(d *desk) {
		d.server(500 * time.Millisecond)
	}},
	{"the sound server is late, and a packet too", CauseServerLate, Evidence{Span: time.Second}, func(d *desk) {
		d.server(500 * time.Millisecond)
		d.late(1300*time.Microsecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"the server is recorded anew, and a packet is late beside it", CauseServerLate, Evidence{Span: time.Second, StoodStill: 9 * time.Millisecond}, func(d *desk) {
		d.late(9*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		held, n := d.record, 0
		d.record = func(s *Record) {
			held(s)
			switch n++; {
			case n == 20:
				s.Marks |= Starved
				fallthrough
			case n > 20 && n < 285:
				s.Pause = uint16(min(60, n-20) * 10)
				s.Marks &^= Flows
			}
		}
		d.run(2 * time.Second)
	}},
	{"the sound server skips", CauseServerSkipped, Evidence{Span: 500 * time.Millisecond}, func(d *desk) {
		d.skip(-1008)
	}},
	{"the sound server renders ahead", CauseServerSkipped, Evidence{Span: 500 * time.Millisecond}, func(d *desk) {
		d.skip(480)
	}},
	{"the sound server gives zeros", CauseServerZeros, Evidence{Span: time.Second}, func(d *desk) {
		d.look.Zeros = true
		d.run(2 * time.Second)
	}},
	{"the sound server gives zeros, and is recorded anew while a packet is late", CauseServerZeros, Evidence{Span: time.Second}, func(d *desk) {
		d.look.Zeros = true
		d.late(9*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(100 * time.Millisecond)
		d.server(265 * time.Millisecond)
	}},
	{"the sound server is lost", CauseServerLost, Evidence{Span: time.Second}, func(d *desk) {
		d.server(120 * time.Millisecond)
		d.look.State, d.look.Server, d.look.Problem = StateWaitingSoundServer, "", "no sound server answers; start pipewire-pulse"
		d.record = func(s *Record) { s.Marks &^= Flows }
		d.run(2 * time.Second)
	}},
	{"the interface is lost", CauseNetworkLost, Evidence{Span: time.Second, Dropped: 40}, func(d *desk) {
		d.record = func(s *Record) { s.Marks |= Refused }
		d.run(40 * time.Millisecond)
		d.stands = true
		d.look.State, d.look.Network, d.look.Clock, d.look.Problem = StateWaitingNetwork, "", "listening", "eth0 is down; plug in its cable"
		d.run(2 * time.Second)
	}},
	{"the interface is lost, and its clock a moment before", CauseNetworkLost, Evidence{Span: time.Second}, func(d *desk) {
		d.look.State, d.look.Clock = StateHoldover, "holdover"
		d.run(2 * LookEach)
		d.stands = true
		d.look.State, d.look.Network, d.look.Problem = StateWaitingNetwork, "", "eth0 is a port of br0"
		d.run(2 * time.Second)
	}},
	{"the interface is lost while the buffer fills", CauseNetworkLost, Evidence{Span: time.Second}, func(d *desk) {
		d.look.State = StateFilling
		d.record = func(s *Record) { s.Marks &^= Flows }
		d.run(600 * time.Millisecond)
		d.record = func(s *Record) { s.Marks |= Refused }
		d.run(40 * time.Millisecond)
		d.stands = true
		d.look.State, d.look.Network, d.look.Problem = StateWaitingNetwork, "", "eth0 is down; plug in its cable"
		d.run(3 * time.Second)
	}},
	{"the interface is lost, and nothing plays any more", CauseNetworkLost, Evidence{Span: time.Second}, func(d *desk) {
		d.record = func(s *Record) { s.Marks |= Refused }
		d.run(40 * time.Millisecond)
		d.stands = true
		d.look.State, d.look.Network, d.look.Problem = StateIdle, "", "eth0 is down; plug in its cable"
		d.run(3 * time.Second)
	}},
	{"the sender fails", CauseSenderFailed, Evidence{Span: time.Second}, func(d *desk) {
		d.stands = true
		d.look.State, d.look.Problem = StateFailed, "the sender ended by itself"
		d.run(2 * time.Second)
	}},
	{"the clock steps", CauseClockStep, Evidence{Span: time.Second}, func(d *desk) {
		n := 0
		d.look.Steps, d.look.PTP = 1, d.look.PTP+int64(time.Second)
		d.record = func(s *Record) {
			switch n++; {
			case n == 6:
				s.Marks |= Jumped
				s.Marks &^= Flows
			case n > 6 && n < 20:
				s.Marks &^= Flows
			}
		}
		d.run(2 * time.Second)
	}},
	{"another grandmaster steps the clock", CauseClockStep, Evidence{Span: time.Second}, func(d *desk) {
		d.look.Steps, d.look.PTP, d.look.Master = 1, d.look.PTP-int64(37*time.Second), "00-1D-C1-FF-FE-65-43-21"
		d.run(2 * time.Second)
	}},
	{"the grandmaster is lost", CauseClockLost, Evidence{Span: time.Second}, func(d *desk) {
		d.look.State, d.look.Clock = StateHoldover, "holdover"
		d.run(2 * time.Second)
	}},
	{"the limiter works hard", CauseLimiter, Evidence{Span: time.Second}, func(d *desk) {
		d.look.LimitedDB = 9.4
		d.run(2 * time.Second)
	}},
	{"the priority is lost", CausePriority, Evidence{Span: time.Second}, func(d *desk) {
		d.look.Policy, d.look.RealTime, d.look.Why = "SCHED_OTHER", false, "RealtimeKit took the real-time priority away: the computer was overloaded, or has slept"
		d.run(2 * time.Second)
	}},
	{"the priority is lost, and a packet late", CausePriority, Evidence{Span: time.Second, Sender: Thread{Waited: 2 * time.Millisecond}}, func(d *desk) {
		d.look.Policy, d.look.RealTime = "SCHED_OTHER", false
		d.late(2*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(2 * time.Second)
	}},
	{"the priority is lost while the machine stands still now and then", CausePriority, Evidence{Span: time.Second, StoodStill: 80 * time.Millisecond}, func(d *desk) {
		d.late(7*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.look.Policy, d.look.RealTime = "SCHED_OTHER", false
		d.run(2 * time.Second)
	}},
	{"nobody knows", CauseState, Evidence{Span: time.Second}, func(d *desk) {
		d.look.State = "waiting-clock"
		d.run(2 * time.Second)
	}},
}

// server lets the sound server give nothing for so long, at a buffer of 22 ms.
func (d *desk) server(pause time.Duration) {
	n := time.Duration(0)
	d.record = func(s *Record) {
		switch n += time.Millisecond; {
		case n < 15*time.Millisecond:
		case n < 15*time.Millisecond+pause:
			s.Pause = uint16(n / unitsOfPause)
			s.Fill = 0
			s.Marks &^= Flows
			if n == 15*time.Millisecond {
				s.Marks |= Starved
			}
		}
	}
	d.run(pause + 20*time.Millisecond)
	d.record = nil
	if pause > 200*time.Millisecond {
		d.run(2 * time.Second)
	}
}

// skip lets the fill jump by so many frames.
func (d *desk) skip(frames float32) {
	n := 0
	d.record = func(s *Record) {
		if n++; n == 1 {
			s.Marks |= Skipped
		} else if n < 200 {
			s.Fill += frames
		}
	}
	d.run(2 * time.Second)
}

// TestEveryCauseIsNamed makes each fault at a desk: it is one incident, with the cause
// that it has, in the golden words.
func TestEveryCauseIsNamed(t *testing.T) {
	var golden strings.Builder
	named := map[string]bool{}
	for _, fault := range faults {
		d := newDesk(testPlan)
		d.run(5 * time.Second)
		fault.make(d)
		if len(d.cases) != 1 && !strings.Contains(fault.name, "and a packet too") {
			t.Errorf("%s: %d incidents, want 1", fault.name, len(d.cases))
			continue
		}
		i := Keep(testPlan, d.cases[0], &fault.evidence).Incident
		named[i.Cause] = true
		if i.Cause != fault.cause {
			t.Errorf("%s: cause %s, want %s", fault.name, i.Cause, fault.cause)
		}
		if len(i.Context) != ContextLines {
			t.Errorf("%s: %d lines of context", fault.name, len(i.Context))
		}
		fmt.Fprintf(&golden, "%s\n  %s (%s, %.1f ms)\n", fault.name, i.Sentence, i.Cause, i.DurationMS)
		for _, s := range i.Bill {
			fmt.Fprintf(&golden, "    %-18s %8.1f ms %6.1f %%\n", s.Name, s.MS, s.Percent)
		}
		for _, line := range i.Context {
			fmt.Fprintf(&golden, "      %s\n", line)
		}
	}
	for _, cause := range Causes() {
		if !named[cause] {
			t.Errorf("no fault has the cause %s", cause)
		}
	}
	const path = "testdata/explain.golden"
	if *update {
		if err := os.WriteFile(path, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), golden.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBillsAddUp charges times at random.
func TestBillsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		parts := map[string]time.Duration{}
		var total time.Duration
		for _, name := range Bills() {
			if random.IntN(2) == 0 {
				parts[name] = time.Duration(random.Int64N(1 << (1 + random.IntN(35))))
				total += parts[name]
			}
		}
		bill := charge(parts)
		tenths, sum := 0.0, 0.0
		for _, s := range bill {
			if s.MS <= 0 || s.Percent < 0 || s.Percent > 100 || math.Abs(s.Percent-100*float64(parts[s.Name])/float64(total)) > 0.1 {
				t.Fatalf("%v: %+v", parts, bill)
			}
			tenths += math.Round(10 * s.Percent)
			sum += s.MS
		}
		if total > 0 && (tenths != 1000 || math.Abs(sum-milliseconds(total)) > 1e-6) {
			t.Fatalf("%v: %v tenths and %v ms of %v: %+v", parts, tenths, sum, total, bill)
		}
		if total == 0 && bill != nil {
			t.Fatalf("nothing took time, and yet %+v", bill)
		}
	}
}

// TestALatenessIsChargedWhole: no evidence takes more or less from a lateness than it
// has.
func TestALatenessIsChargedWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	some := func() time.Duration { return time.Duration(random.Int64N(1 << (1 + random.IntN(30)))) }
	for range 10_000 {
		f := facts{wake: some(), work: some(), send: some(), usualWake: some(), usualWork: some(), usualSend: some()}
		e := Evidence{Span: some(), UsualSpan: some() - 1, Sender: Thread{Ran: some(), Waited: some()}, Usual: Thread{Waited: some()}, StoodStill: some() - 1}
		var sum time.Duration
		for name, d := range f.lateness(&e) {
			if d < 0 {
				t.Fatalf("%s: %v of %+v, %+v", name, d, f, e)
			}
			sum += d
		}
		if want := f.wake + f.work + f.send; sum != want {
			t.Fatalf("%v of %v charged: %+v, %+v", sum, want, f, e)
		}
	}
}

func TestEveryCauseAndLineIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range Causes() {
		if !strings.Contains(string(page), "`"+cause+"`") {
			t.Errorf("docs/why.md does not name the cause %s", cause)
		}
	}
	for _, line := range Bills() {
		if !strings.Contains(string(page), "\n| "+line+" |") {
			t.Errorf("docs/why.md does not explain the line %s", line)
		}
	}
}

func TestStreamsAreCalledByTheirChannels(t *testing.T) {
	for _, test := range []struct {
		want     string
		channels [][]string
	}{
		{"the streams", nil},
		{"the stream", [][]string{{"left", "right"}}},
		{"the left and right stream", [][]string{{"front-left"}, {"front-right"}}},
		{"all streams", [][]string{{"left"}, {"right"}, {"centre"}}},
	} {
		if got := Called(test.channels); got != test.want {
			t.Errorf("%v: %q", test.channels, got)
		}
	}
}

// TestAStormIsOneIncident: what goes on is one incident, many are bounded, and what
// was too much is counted.
func TestAStormIsOneIncident(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	d.record = func(s *Record) { s.Woke, s.Ready, s.Sent = 3_000_000, 3_060_000, 3_075_000 }
	d.run(20 * time.Second)
	d.record = nil
	d.run(3 * time.Second)
	if len(d.cases) != 2 {
		t.Fatalf("a storm of 20 s is told %d times, want after %v and at its end", len(d.cases), longest)
	}
	k, later := Keep(testPlan, d.cases[0], &Evidence{}), Keep(testPlan, d.cases[1], &Evidence{})
	if !k.prolong(d.cases[1], &later) || math.Abs(k.DurationMS-20_000) > 10 || len(k.Records) > MostRecords || !strings.HasSuffix(k.Sentence, "; it went on like that for 20s") {
		t.Errorf("%v ms, %d records: %s", k.DurationMS, len(k.Records), k.Sentence)
	}
	if again := later; k.prolong(d.cases[0], &again) {
		t.Error("the first goes on from one before it")
	}
	far := later
	far.Bill = []Share{{Name: BillTimer, Percent: 100, MS: 100}}
	if k.prolong(d.cases[1], &far) {
		t.Error("one that is far worse goes under in a small one")
	}
	d.cases = d.cases[:1]
	d.lookout.small.giveBack() // as Explain has it, which finds that they are one
	for range 100 {
		d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(3 * time.Second)
	}
	if n := len(d.cases); n < bucket || n > bucket+6 {
		t.Errorf("%d incidents of 100 in 5 min", n)
	}
	unkept := 0
	for _, c := range d.cases {
		unkept += c.Unkept
	}
	if total := unkept + len(d.cases) + d.lookout.unkept; total != 101 {
		t.Errorf("%d incidents kept or counted, want 101", total)
	}
	ids := map[string]bool{}
	for _, c := range d.cases {
		ids[c.ID] = true
	}
	if len(ids) != len(d.cases) {
		t.Errorf("%d ids of %d incidents", len(ids), len(d.cases))
	}
}

// TestTwoFaultsInAStormAreTwo: late packets between them do not make one of them.
func TestTwoFaultsInAStormAreTwo(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	storm := func(packets int) {
		for range packets {
			d.late(1500*time.Microsecond, 60*time.Microsecond, 15*time.Microsecond)
			d.run(400 * time.Millisecond)
		}
	}
	stop := func() {
		d.record, d.stands = nil, true
		d.run(500 * time.Millisecond)
		d.stands = false
		first := true
		d.record = func(s *Record) {
			if first {
				s.Marks |= Jumped
			}
			first = false
		}
		d.run(20 * time.Millisecond)
	}
	storm(3)
	stop()
	storm(30)
	stop()
	storm(3)
	d.record = nil
	d.run(12 * time.Second)
	told := 0
	for _, c := range d.cases {
		if k, fresh := d.Explain(c, &Evidence{StoodStill: 400 * time.Millisecond}); fresh && k.Cause == CauseStoodStill && k.lost() > 400 {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d of two standstills in a storm are told", told)
	}
}

// TestWhatIsNotKeptJoinsNoTwoFaults: what goes on behind an incident that was too much to be
// kept is not more of the one that was told before it.
func TestWhatIsNotKeptJoinsNoTwoFaults(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	fresh, seen := map[string]int{}, 0
	during := func(m Marks, every, length time.Duration) {
		for n := 0; n < int(length/every); n++ {
			first := true
			d.record = func(s *Record) { s.Marks |= mark(m, first); first = false }
			d.run(every)
		}
		d.record = nil
	}
	tell := func() {
		for ; seen < len(d.cases); seen++ {
			if k, yes := d.Explain(d.cases[seen], &Evidence{}); yes {
				fresh[k.Cause]++
			}
		}
	}
	for range 2 * bucket { // more breaks than are kept
		during(Starved, 300*time.Millisecond, 300*time.Millisecond)
		d.run(3 * time.Second)
		tell()
	}
	during(Refused, time.Millisecond, 3*time.Second)
	d.run(3 * time.Second)
	tell()
	during(Starved, 300*time.Millisecond, longest+time.Second)
	during(Refused, time.Millisecond, 3*time.Second)
	d.run(12 * time.Second)
	tell()
	if fresh[CauseRefused] != 2 {
		t.Errorf("%d incidents of refused packets are told, want two: %v", fresh[CauseRefused], fresh)
	}
}

// busyDesk is one whose packets were late now and then for seven seconds, until now.
func busyDesk() *desk {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	for range 10 {
		d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(700 * time.Millisecond)
	}
	return d
}

// TestWhatIsGraveHasItsOwnTime: packets that are late all the while are one incident, and
// what is grave and comes among them is another, which began when it did.
func TestWhatIsGraveHasItsOwnTime(t *testing.T) {
	d := busyDesk()
	began := d.look.At
	d.record = func(s *Record) { s.Marks |= mark(Refused, true) }
	d.run(1500 * time.Millisecond)
	d.record = nil
	d.run(12 * time.Second)
	if len(d.cases) != 2 {
		t.Fatalf("%d incidents, want the late packets and the refused ones", len(d.cases))
	}
	light, grave := Keep(testPlan, d.cases[0], &Evidence{}).Incident, Keep(testPlan, d.cases[1], &Evidence{}).Incident
	if light.Cause == CauseRefused || light.DurationMS > 7000 || strings.Contains(light.Sentence, "refused") {
		t.Errorf("before it: %v ms, %s", light.DurationMS, light.Sentence)
	}
	if late := grave.At.Sub(began); grave.Cause != CauseRefused || late < 0 || late > LookEach || !strings.Contains(grave.Sentence, "lost 1500 packets") {
		t.Errorf("%v after it began: %s", late, grave.Sentence)
	}
}

// TestAPriorityLostAtTheStartIsToldWhole: packets that were late before the sender's
// priority was known are of the same incident.
func TestAPriorityLostAtTheStartIsToldWhole(t *testing.T) {
	d := newDesk(testPlan)
	known := d.look
	d.look.Policy, d.look.RealTime = "", false
	late := func() {
		d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(700 * time.Millisecond)
	}
	late()
	d.look.Policy, d.look.RealTime = known.Policy, known.RealTime
	late()
	d.look.Policy, d.look.RealTime = "SCHED_OTHER", false
	late()
	d.run(12 * time.Second)
	if len(d.cases) != 1 {
		t.Fatalf("%d incidents, want one", len(d.cases))
	}
	if k := Keep(testPlan, d.cases[0], &Evidence{}); !strings.Contains(k.Sentence, "lost its real-time priority (SCHED_FIFO)") {
		t.Error(k.Sentence)
	}
}

// TestWhatIsCutOffIsWholeAtTheEnd: the bridge may end right behind it.
func TestWhatIsCutOffIsWholeAtTheEnd(t *testing.T) {
	d := busyDesk()
	d.record = func(s *Record) { s.Marks |= mark(Refused, true) }
	for len(d.cases) == 0 {
		d.run(LookEach)
	}
	if k := Keep(testPlan, d.End(), &Evidence{}); k.Cause != CauseRefused {
		t.Errorf("%s", k.Sentence)
	}
}

// TestWhatFollowsFromASkipIsTheSkips, also where packets were late for long before it.
func TestWhatFollowsFromASkipIsTheSkips(t *testing.T) {
	d := busyDesk()
	first := true
	d.record = func(s *Record) {
		s.Marks |= mark(Skipped, first)
		s.Marks &^= Flows
		first = false
	}
	d.look.State = StateFilling
	d.run(600 * time.Millisecond)
	d.record, d.look.State = nil, StateSending
	d.run(12 * time.Second)
	if len(d.cases) != 1 || Keep(testPlan, d.cases[0], &Evidence{}).Cause != CauseServerSkipped {
		for _, c := range d.cases {
			t.Error(Keep(testPlan, c, &Evidence{}).Sentence)
		}
	}
}

// TestSmallFaultsHideNoLargeOne: where more packets are late than can be kept, what
// ends the sound is kept all the same, also if it begins as one of them.
func TestSmallFaultsHideNoLargeOne(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	for range 2 * bucket {
		d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
		d.run(3 * time.Second)
	}
	kept := len(d.cases)
	if kept >= 2*bucket {
		t.Fatalf("all %d late packets are kept", kept)
	}
	d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
	d.look.Steps++
	d.run(3 * time.Second)
	if len(d.cases) != kept+1 || Keep(testPlan, d.cases[kept], &Evidence{}).Incident.Cause != CauseClockStep {
		t.Errorf("%d incidents more", len(d.cases)-kept)
	}
}

// TestWhatIsLightHidesNothingGrave: where there are more breaks, refused packets or hard
// work of the limiter than can be kept, what is graver is kept all the same.
func TestWhatIsLightHidesNothingGrave(t *testing.T) {
	marked := func(m Marks) func(*desk) {
		return func(d *desk) { d.record = func(s *Record) { s.Marks |= m } }
	}
	loud := func(d *desk) { d.look.LimitedDB = limitedFrom + 1 }
	lost := func(d *desk) { d.look.State, d.look.Network = StateWaitingNetwork, "" }
	for _, c := range []struct {
		light, grave func(*desk)
		cause        string
	}{
		{marked(Starved), lost, CauseNetworkLost},
		{marked(Starved), func(d *desk) { d.look.State = StateHoldover }, CauseClockLost},
		{marked(Starved), marked(Refused), CauseRefused},
		{marked(Refused), lost, CauseNetworkLost},
		{loud, marked(Starved), CauseServerLate},
	} {
		d := newDesk(testPlan)
		d.run(5 * time.Second)
		for range 2 * bucket {
			c.light(d)
			d.run(300 * time.Millisecond)
			d.record, d.look.LimitedDB = nil, 0
			d.run(3 * time.Second)
		}
		kept := len(d.cases)
		if kept < bucket || kept >= 2*bucket {
			t.Fatalf("%s: %d light ones are kept", c.cause, kept)
		}
		c.grave(d)
		d.run(12 * time.Second)
		if len(d.cases) <= kept || Keep(testPlan, d.cases[kept], &Evidence{}).Incident.Cause != c.cause {
			t.Errorf("%s: %d incidents more", c.cause, len(d.cases)-kept)
		}
	}
}

func TestARecordShowsWhatWasBeforeAndAfter(t *testing.T) {
	for _, packet := range []time.Duration{125 * time.Microsecond, time.Millisecond, 4 * time.Millisecond} {
		plan := testPlan
		plan.Packet = packet
		d := newDesk(plan)
		d.run(5 * time.Second)
		at := d.now
		d.late(6*time.Millisecond, 0, 0)
		d.run(3 * time.Second)
		if len(d.cases) != 1 {
			t.Fatalf("%v: %d incidents", packet, len(d.cases))
		}
		all := Keep(plan, d.cases[0], &Evidence{}).Records
		before, after := at.Sub(all[0].Due), all[len(all)-1].Due.Sub(at)
		if len(all) > MostRecords || len(all) < MostRecords && (before < Before-packet || after < After-packet || before > Before+packet || after > After+20*time.Millisecond) {
			t.Errorf("%v: %d records, from %v before to %v after", packet, len(all), before, after)
		}
		if before < 200*time.Millisecond || after < 100*time.Millisecond {
			t.Errorf("%v: only %v before and %v after", packet, before, after)
		}
	}
}

func TestWhatIsNoFaultIsNoIncident(t *testing.T) {
	d := newDesk(testPlan)
	d.run(2 * time.Second)
	d.look.State = StateIdle // nothing plays
	d.stands = true
	d.run(5 * time.Second)
	d.look.State, d.stands = StateFilling, false
	d.record = func(s *Record) { // a server's graph begins
		s.Peak = silent
		s.Marks |= Skipped
	}
	d.run(time.Second)
	d.look.State, d.record = StateSending, nil
	d.run(time.Second)
	d.look.Asleep, d.look.State = true, StateWaitingNetwork
	d.run(time.Second)
	if len(d.cases) != 0 {
		t.Errorf("%+v", Keep(testPlan, d.cases[0], &Evidence{}).Incident)
	}
}

func TestEventsAreToldInOrder(t *testing.T) {
	d := newDesk(testPlan)
	d.run(time.Second)
	d.look.Volume = "volume -10.0 dB"
	d.run(time.Second)
	d.look.State, d.look.Problem, d.look.Server = StateWaitingSoundServer, "no sound server answers", ""
	d.run(3 * time.Second)
	d.Explain(d.cases[0], &Evidence{})
	d.look.State, d.look.Problem, d.look.Server = StateSending, "", "PipeWire"
	d.look.Steps, d.look.Master, d.look.RealTime, d.look.Policy, d.look.Network = 2, "", false, "SCHED_OTHER", "eth1"
	d.run(time.Second)
	var kinds []string
	for i, e := range d.Events(0) {
		kinds = append(kinds, e.Kind)
		if e.Number != uint64(i+1) || e.Text == "" || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
		if explained := e.Why != ""; explained != (i >= 1 && i <= 4) {
			t.Errorf("explained by %q: %+v", e.Why, e)
		}
	}
	want := []string{"volume", "state", "problem", "server", "incident", "state", "problem", "grandmaster", "step", "server", "link", "priority"}
	if !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
	if got := d.Events(5); len(got) != len(want)-5 || got[0].Number != 6 {
		t.Errorf("after 5: %+v", got)
	}
}

func TestEventsOfADayAreKept(t *testing.T) {
	var e events
	at := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for range 3000 {
		e.add(Event{At: at, Kind: "state"})
		at = at.Add(5 * time.Minute)
	}
	got := e.after(0)
	if len(got) != 288 || got[len(got)-1].Number != 3000 {
		t.Errorf("%d events to %d", len(got), got[len(got)-1].Number)
	}
	for range 3000 {
		e.add(Event{At: at})
	}
	if got := e.after(0); len(got) != mostEvents {
		t.Errorf("%d events", len(got))
	}
}

// A network that comes back is one incident: that its grandmaster is not heard at once
// is no other. One that is gone later is.
func TestAGrandmasterIsWaitedForBehindTheNetwork(t *testing.T) {
	d := newDesk(testPlan)
	d.run(5 * time.Second)
	well := d.look
	d.stands, d.look.State, d.look.Network = true, StateWaitingNetwork, ""
	d.run(2 * time.Second)
	d.stands, d.look.State, d.look.Network = false, StateSending, well.Network
	d.run(LookEach)
	d.look.State = StateHoldover
	d.run(3 * time.Second)
	d.look.State = StateSending
	d.run(10 * time.Second)
	if len(d.cases) != 1 || Keep(testPlan, d.cases[0], &Evidence{}).Incident.Cause != CauseNetworkLost {
		t.Fatalf("%d incidents, want the network's alone", len(d.cases))
	}
	d.look.State = StateHoldover
	d.run(3 * time.Second)
	if len(d.cases) != 2 || Keep(testPlan, d.cases[1], &Evidence{}).Incident.Cause != CauseClockLost {
		t.Fatalf("%d incidents, want another of the clock", len(d.cases))
	}
}
