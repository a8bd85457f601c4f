package port

import (
	"math"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// quietInterface is the index of the interface that the services below use.
const quietInterface = 7

// running is a service whose turns a test takes, in simulated time.
type running struct {
	*Service
	now aes67.RawTime
}

func newRunning(t *testing.T, mode aes67.ClockMode) *running {
	t.Helper()
	p := looped(t)
	if err := p.Select(net.Interface{Index: 1, Name: "lo"}, loopback); err != nil {
		t.Fatal(err)
	}
	r := &running{now: 1000e9}
	p.readings, p.base, p.sleep, p.clock = r.readings, TimeBase{}, sleepClock{}, wallClock{}
	p.look()
	r.Service = New(Config{Mode: mode, Priority1: 128, Priority2: 128, Now: func() aes67.RawTime { return r.now }},
		p, &mediaclock.Clock{}, zerolog.Nop())
	l := &r.loop
	l.used = quietInterface
	l.echo.due = math.MaxInt64 // no such interface, so none comes back
	l.engine.Start(r.now, self, aes67.PTPTime(r.now), l.mastersOn(quietInterface), r.now)
	return r
}

// readings are those of clocks that run alike.
func (r *running) readings() (Readings, bool) {
	all := Pair{int64(r.now) - 50, int64(r.now), int64(r.now) + 50}
	return Readings{Real: all, Raw: all, Boot: all}, true
}

// hear lets time pass in the company of a master with 8 Syncs a second.
func (r *running) hear(d time.Duration) {
	master := wire.PortIdentity{Clock: aes67.ClockIdentity{0, 0x1B, 1}, Port: 1}
	var buf [64]byte
	for end := r.now.Add(d); r.now < end; {
		r.now = r.now.Add(125 * time.Millisecond)
		sequence := uint16(r.now / aes67.RawTime(125*time.Millisecond))
		if sequence%16 == 0 {
			m := wire.Message{Kind: wire.KindAnnounce, Source: master, Sequence: sequence / 16, LogInterval: 1}
			m.Properties = wire.Properties{Priority1: 100, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128, Identity: master.Clock}
			r.loop.Datagram(&Datagram{Bytes: m.Append(buf[:0]), Interface: quietInterface, Group: true, From: loopback})
		}
		sync := wire.Message{Kind: wire.KindSync, Source: master, Sequence: sequence, LogInterval: -3, Time: aes67.PTPTime(r.now)}
		r.loop.Datagram(&Datagram{Bytes: sync.Append(buf[:0]), Event: true, Interface: quietInterface, Group: true, From: loopback, At: r.now.Add(time.Microsecond)})
		r.turn()
	}
}

// alone lets time pass where nobody else speaks PTP.
func (r *running) alone(d time.Duration) {
	for end := r.now.Add(d); r.now < end; {
		_, r.now = r.turn()
	}
}

func TestNothingIsMadeForNobody(t *testing.T) {
	follower, server := newRunning(t, aes67.ClockFollower), newRunning(t, aes67.ClockGrandmaster)
	for _, test := range []struct {
		name string
		r    *running
		pass func(time.Duration)
		role ptp.Role
	}{
		// The master answers no Delay_Req, which is a problem with a text.
		{"follower", follower, follower.hear, ptp.RoleFollower},
		{"grandmaster", server, server.alone, ptp.RoleGrandmaster},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.pass(2 * time.Minute) // until the window of the estimate is full
			if s := test.r.Snapshot(); s.State != ptp.Locked || s.Role != test.role {
				t.Fatalf("%v %v: %s", s.State, s.Role, s.Problem)
			}
			for len(test.r.changed) > 0 {
				<-test.r.changed
			}
			// The clock's map is a new one each time it is steered, for readers without lock.
			maps := float64(time.Minute / (125 * time.Millisecond))
			if n := testing.AllocsPerRun(1, func() { test.pass(time.Minute) }); n > maps+5 {
				t.Errorf("%v allocations in a minute in which nothing changed, want at most %v", n, maps)
			}
			if len(test.r.changed) > 0 {
				t.Error("and yet somebody was woken")
			}
		})
	}
}

func TestMastersThatComeQualifyAndGoAreTold(t *testing.T) {
	r := newRunning(t, aes67.ClockFollower)
	r.alone(10 * time.Second)
	other := func(sequence uint16) {
		m := wire.Message{Kind: wire.KindAnnounce, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{9}, Port: 1}, Sequence: sequence, LogInterval: 1}
		r.loop.Datagram(&Datagram{Bytes: m.Append(nil), Interface: quietInterface + 1, Group: true, From: loopback})
	}
	for _, step := range []struct {
		what    string
		do      func()
		masters int
	}{
		{"heard", func() { other(1) }, 1},
		{"qualified", func() { other(2) }, 1},
		{"forgotten", func() { r.alone(time.Minute) }, 0},
	} {
		for len(r.changed) > 0 {
			<-r.changed
		}
		step.do()
		r.alone(time.Second)
		if len(r.changed) == 0 {
			t.Errorf("%s: nobody was woken", step.what)
		}
		if got := r.Snapshot().Masters; got != step.masters || len(r.Heard()) != got {
			t.Errorf("%s: %d masters and %d listed, want %d", step.what, got, len(r.Heard()), step.masters)
		}
	}
}

// TestAMasterIsOnAnotherInterfaceOnlyWhereOneIsInUse: `list` without a bridge uses
// none.
func TestAMasterIsOnAnotherInterfaceOnlyWhereOneIsInUse(t *testing.T) {
	r := newRunning(t, aes67.ClockFollower)
	m := wire.Message{Kind: wire.KindAnnounce, Source: wire.PortIdentity{Clock: aes67.ClockIdentity{9}, Port: 1}, LogInterval: 1}
	r.loop.Datagram(&Datagram{Bytes: m.Append(nil), Interface: quietInterface + 1, Group: true, From: loopback})
	for _, test := range []struct {
		used int
		want string
	}{{quietInterface, "not heard on the interface in use"}, {0, ""}} {
		r.loop.used = test.used
		if heard := r.Heard(); len(heard) != 1 || heard[0].Why != test.want {
			t.Errorf("interface %d in use: %+v, want one with %q", test.used, heard, test.want)
		}
	}
}
