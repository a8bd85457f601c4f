package port

import (
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// TestEchoTellsADeafPort plays a firewall that is switched on and off.
func TestEchoTellsADeafPort(t *testing.T) {
	const event, general, both, others = 1, 2, 3, 4
	for _, test := range []struct {
		name string
		back []int  // which ports each message comes back to
		want string // whether the port counts as deaf after each: "D"
		due  time.Duration
	}{
		{"heard", []int{both, both, both}, "---", echoSeldom},
		{"deaf", []int{0, 0, 0, 0, 0}, "--DDD", echoSoon},
		{"a miss now and then", []int{0, 0, both, 0, 0, both}, "------", echoSeldom},
		{"one port alone", []int{event, general, event, general}, "--DD", echoSoon},
		{"let in", []int{0, 0, 0, 0, both}, "--DD-", echoSeldom},
		{"others are heard", []int{0, 0, 0, others, 0, 0}, "--D---", echoSoon},
		{"switched on later", []int{both, 0, 0, 0}, "---D", echoSoon},
	} {
		t.Run(test.name, func(t *testing.T) {
			var e echo
			self, now := wire.PortIdentity{Clock: aes67.ClockIdentity{1, 2, 3}, Port: 1}, aes67.RawTime(1e12)
			e.restart()
			got := ""
			for _, back := range test.back {
				message := append([]byte(nil), e.next(now, self, 2)...)
				for port := range 2 {
					if back&(1<<port) != 0 && !e.took(&Datagram{Bytes: message, Event: port == 0, Interface: 2}, now) {
						t.Error("an echo was not known")
					}
				}
				if back == others {
					e.others(now)
				}
				due := e.due
				// What is not judged until the next one is, is judged by a copy.
				judged := e
				judged.next(now, self, 2)
				if got += map[bool]string{true: "D", false: "-"}[judged.deaf()]; due.Sub(now) != echoSoon && due.Sub(now) != echoSeldom {
					t.Errorf("the next one in %v", due.Sub(now))
				}
				now = due
			}
			if got != test.want {
				t.Errorf("deaf %s, want %s", got, test.want)
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
