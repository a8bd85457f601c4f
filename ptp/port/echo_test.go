package port

import (
	"errors"
	"net"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// TestEchoTellsADeafPort plays a firewall that is switched on and off.
func TestEchoTellsADeafPort(t *testing.T) {
	const event, general, both, others, unsent = 1, 2, 3, 4, 8
	for _, test := range []struct {
		name string
		back []int  // which ports each message comes back to
		want string // what is known when the next is due: unknown "?", heard "-", deaf "D"
		due  time.Duration
	}{
		{"heard", []int{both, both, both}, "---", echoSeldom},
		{"deaf", []int{0, 0, 0, 0, 0}, "??DDD", echoDeaf},
		{"a miss now and then", []int{both, 0, 0, both, 0, both}, "------", echoSeldom},
		{"one port alone", []int{event, general, event, general}, "??DD", echoDeaf},
		{"let in", []int{0, 0, 0, 0, both}, "??DD-", echoSeldom},
		{"others are heard", []int{0, 0, 0, others}, "??D-", echoQuiet},
		{"others are heard no more", []int{others, 0, 0, 0}, "---D", echoDeaf},
		{"switched on later", []int{both, 0, 0, 0}, "---D", echoDeaf},
		{"none can be sent", []int{unsent, unsent, unsent, unsent}, "????", echoDeaf},
		{"none can be sent to a deaf port", []int{0, 0, 0, 0, unsent, unsent}, "??DDDD", echoDeaf},
	} {
		t.Run(test.name, func(t *testing.T) {
			var e echo
			now, due, got := aes67.RawTime(1e12), time.Duration(0), ""
			e.restart()
			for _, back := range test.back {
				message := append([]byte(nil), e.next(now, self)...)
				for port := range 2 {
					if back&(1<<port) != 0 && !e.took(&Datagram{Bytes: message, Event: port == 0}, now) {
						t.Error("an echo was not known")
					}
				}
				switch back {
				case others:
					e.others(now)
				case unsent:
					e.unsent(now)
				}
				judged := e // as the next one will find it
				judged.next(now, self)
				switch {
				case judged.deaf():
					got += "D"
				case judged.heard:
					got += "-"
				default:
					got += "?"
				}
				if known := judged.heard || judged.deaf(); known == (got[len(got)-1] == '?') {
					t.Errorf("known %v after %s", known, got)
				}
				due = e.due.Sub(now)
				now = e.due
			}
			if got != test.want || due != test.due && due != echoAgain {
				t.Errorf("%s, the next in %v; want %s, %v", got, due, test.want, test.due)
			}
			if e.took(&Datagram{Bytes: make([]byte, echoBytes)}, now) {
				t.Error("a foreign message was taken for an echo")
			}
		})
	}
}

// TestEchoMessageIsReadByNobody: it is whole, and of a kind that means nothing to us.
func TestEchoMessageIsReadByNobody(t *testing.T) {
	b := echoMessage(wire.PortIdentity{Clock: aes67.ClockIdentity{1}, Port: 1}, 7)
	if kind := wire.KindOf(b[:]); kind.Event() || byGroupOnly(kind) {
		t.Errorf("kind %v", kind)
	}
	if m, err := wire.Decode(b[:]); err == nil {
		t.Errorf("it is read as %+v", m)
	}
}

// walled is a service behind a firewall, which has listened to its interface for
// long before it is used.
type walled struct {
	*running
	open   bool
	unsent bool
	back   [][]byte // echoes on their way
}

func newWalled(t *testing.T, open bool) *walled {
	t.Helper()
	w := &walled{running: newRunning(t, aes67.ClockAuto), open: open}
	l := &w.loop
	l.echoes = func(b []byte, _ int) error {
		switch {
		case w.unsent:
			return errors.New("network is down")
		case w.open:
			w.back = append(w.back, append([]byte(nil), b...))
		}
		return nil
	}
	if err := w.Use(net.Interface{Index: 1, Name: "lo"}, loopback, time.Minute); err != nil {
		t.Fatal(err)
	}
	return w
}

// pass lets time pass and returns what the service was in it, and whether it told
// that it is deaf.
func (w *walled) pass(d time.Duration) (roles map[ptp.Role]bool, deaf bool) {
	roles = map[ptp.Role]bool{}
	for end := w.now.Add(d); w.now < end; {
		_, next := w.turn()
		for _, b := range w.back {
			for _, event := range []bool{true, false} {
				w.loop.Datagram(&Datagram{Bytes: b, Event: event, Interface: w.loop.used, Group: true, From: loopback})
			}
		}
		w.back = nil
		s := w.Snapshot()
		roles[s.Role], deaf = true, deaf || s.Deaf
		w.now = min(next, w.now.Add(10*time.Millisecond))
	}
	return roles, deaf
}

func TestNobodyServesBeforeHeIsKnownToHear(t *testing.T) {
	w := newWalled(t, true)
	if roles, deaf := w.pass(50 * time.Millisecond); !roles[ptp.RoleGrandmaster] || deaf {
		t.Errorf("without a firewall: roles %v, deaf %v; want it to serve at once", roles, deaf)
	}
	w = newWalled(t, false)
	if roles, deaf := w.pass(2 * time.Second); roles[ptp.RoleGrandmaster] || !deaf {
		t.Errorf("behind a firewall: roles %v, deaf %v; want it not to serve, and to say so", roles, deaf)
	}
	w.open = true
	if roles, _ := w.pass(2 * time.Second); roles[ptp.RoleGrandmaster] || w.Snapshot().Deaf {
		t.Errorf("let in: roles %v, deaf %v; want it to listen first", roles, w.Snapshot().Deaf)
	}
	if roles, _ := w.pass(10 * time.Second); !roles[ptp.RoleGrandmaster] {
		t.Errorf("let in: roles %v, want it to serve where nobody else does", roles)
	}
	w = newWalled(t, true)
	w.unsent = true
	if roles, deaf := w.pass(time.Second); !roles[ptp.RoleGrandmaster] || deaf {
		t.Errorf("where no echo can be sent: roles %v, deaf %v; want it to serve", roles, deaf)
	}
}

func TestAFirewallThatIsSwitchedOnIsNoticedBeforeWeServe(t *testing.T) {
	w := newWalled(t, true)
	master := wire.PortIdentity{Clock: aes67.ClockIdentity{0, 0x1B, 1}, Port: 1}
	for i := range uint16(10) {
		m := wire.Message{Kind: wire.KindAnnounce, Source: master, Sequence: i, LogInterval: 1}
		m.Properties = wire.Properties{Priority1: 100, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128, Identity: master.Clock}
		w.loop.Datagram(&Datagram{Bytes: m.Append(nil), Interface: w.loop.used, Group: true, From: loopback})
		w.pass(2 * time.Second)
	}
	if s := w.Snapshot(); s.Role != ptp.RoleFollower {
		t.Fatalf("role %v, want follower", s.Role)
	}
	w.open = false
	if roles, deaf := w.pass(3500 * time.Millisecond); roles[ptp.RoleGrandmaster] || !deaf {
		t.Errorf("roles %v, deaf %v within 3.5 s; want it to know before an Announce timeout", roles, deaf)
	}
}
