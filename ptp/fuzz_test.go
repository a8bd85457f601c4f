package ptp

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp/wire"
)

// checker takes what an engine sends and checks that it may.
type checker struct {
	t      *testing.T
	domain uint8
	self   wire.PortIdentity
	events []wire.Message
	sent   int
}

func (c *checker) Send(b []byte, _ netip.Addr) error {
	m, err := wire.Decode(b)
	if err != nil || m.Domain != c.domain || m.Source != c.self {
		c.t.Fatalf("sends %x: %+v, %v", b, m, err)
	}
	if m.Kind.Event() {
		c.events = append(c.events, m)
	}
	c.sent++
	return nil
}

const (
	fuzzDomain = 0
	fuzzStart  = aes67.RawTime(5000 * time.Second)
)

var fuzzSelf = wire.PortIdentity{Clock: aes67.ClockIdentity{0xF2, 0xC4, 0x07, 0xFF, 0xFE, 0x84, 0xBF, 0xD4}, Port: 1}

// feed plays a fuzzed script to an engine: records of a time step, an
// operation, a length, and that many bytes. It reports whether any message was
// of the engine's domain.
func feed(t *testing.T, mode aes67.ClockMode, script []byte) (e *Engine, clock *mediaclock.Clock, ours bool, c *checker) {
	clock = &mediaclock.Clock{}
	c = &checker{t: t, domain: fuzzDomain, self: fuzzSelf}
	e = NewEngine(EngineConfig{Mode: mode, Domain: fuzzDomain, Priority1: 250, Priority2: 250}, clock, c)
	now := fuzzStart
	e.Start(now, c.self, 1_800_000_000_000_000_000, nil, now)
	for len(script) >= 3 {
		step, op, n := script[0], script[1], int(script[2])
		script = script[3:]
		n = min(n, len(script))
		b := script[:n]
		script = script[n:]
		for range op >> 4 { // some time passes, in ticks
			now = e.Next(now)
			e.Tick(now)
		}
		now += aes67.RawTime(step) * 250_000
		if m, err := wire.Decode(b); err == nil && m.Domain == fuzzDomain {
			ours = true
		}
		from := netip.AddrFrom4([4]byte{10, 0, 0, op})
		switch op & 3 {
		case 0:
			e.HandleEvent(b, now, from)
		case 1:
			e.HandleGeneral(b, now, from)
		case 2:
			if n := len(c.events); n > 0 {
				e.TxTimestamp(c.events[n-1].Kind, c.events[n-1].Sequence, now)
			}
		case 3:
			e.Tick(now)
		}
		s := e.Status(now)
		if s.State.String() == "" || s.Role.String() == "" || s.Port.String() == "" {
			t.Fatalf("status %+v", s)
		}
	}
	if len(e.masters.list) > maxMasters {
		t.Fatalf("%d masters kept, want at most %d", len(e.masters.list), maxMasters)
	}
	return e, clock, ours, c
}

// masterMessages are the messages of a master to the checker's engine.
func masterMessages() (announce, sync, followUp, response []byte) {
	master := wire.PortIdentity{Clock: aes67.ClockIdentity{0x9A, 0x60, 0x69, 0xFF, 0xFE, 0xF3, 0x3E, 0x1B}, Port: 1}
	const at = aes67.PTPTime(1_795_381_573_567_529_440)
	write := func(m wire.Message) []byte {
		m.Source = master
		return m.Append(nil)
	}
	return write(wire.Message{Kind: wire.KindAnnounce, Properties: wire.Properties{
			Priority1: 128, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128,
			Identity: master.Clock, UTCOffset: 37, TimeSource: 0xA0,
		}}),
		write(wire.Message{Kind: wire.KindSync, Flags: wire.FlagTwoStep, LogInterval: -3}),
		write(wire.Message{Kind: wire.KindFollowUp, LogInterval: -3, Time: at}),
		write(wire.Message{Kind: wire.KindDelayResp, LogInterval: -3, Requesting: fuzzSelf, Time: at.Add(2 * time.Second)})
}

// script makes records of an exchange: the master announces itself twice,
// syncs and answers.
func script() (s []byte) {
	record := func(op byte, b []byte) {
		s = append(append(s, 200, op, byte(len(b))), b...)
	}
	announce, sync, followUp, response := masterMessages()
	for i := range byte(8) {
		announce[31], sync[31], followUp[31], response[31] = i, i, i, i
		record(1, announce)
		record(0, sync)
		record(1, followUp)
		record(2, nil)
		record(1, response)
		record(0x43, nil)
	}
	return s
}

// Nothing that arrives makes the engine panic, grow, send for another domain
// or follow one.
func FuzzEngine(f *testing.F) {
	f.Add(uint8(0), script())
	f.Add(uint8(1), script())
	f.Add(uint8(2), script())
	f.Fuzz(func(t *testing.T, mode uint8, script []byte) {
		e, clock, ours, _ := feed(t, aes67.ClockMode(mode%3), script)
		if ours {
			return
		}
		if e.following() {
			t.Fatalf("%v although no message was of our domain", e.state)
		}
		if m, set := clock.Load(); set && (m.Rate != 0 || m.Steps != 0) {
			t.Fatalf("clock %+v although no message was of our domain", m)
		}
	})
}

// messages is how many mutated messages the engine is fed.
var messages = flag.Int("messages", 0, "messages of TestMutatedMessagesDoNoHarm (0: a few)")

// Exchanges made of real ones with random bytes changed: the same properties as
// above, without the fuzzer's luck. Memory stays as it is, and a master of
// another domain changes nothing.
func TestMutatedMessagesDoNoHarm(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	base := script()
	const perRound = 40 // messages in base
	if *messages > 0 {
		rounds = *messages / perRound
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := rand.New(rand.NewPCG(1, 0))
	s := make([]byte, len(base))
	for round := range rounds {
		copy(s, base)
		for range 1 + r.IntN(30) {
			s[r.IntN(len(s))] = byte(r.Uint32())
		}
		if round%4 == 0 { // a spoofed master of another domain, or of none
			spoof(s)
		}
		e, clock, ours, _ := feed(t, aes67.ClockMode(r.IntN(3)), s)
		if m, set := clock.Load(); !ours && (e.following() || set && (m.Rate != 0 || m.Steps != 0)) {
			t.Errorf("%v, clock %+v, although no message was of our domain", e.state, m)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	t.Logf("%d messages", rounds*perRound)
}

// spoof gives every message of a script another domain.
func spoof(script []byte) {
	for len(script) >= 3 {
		n := min(int(script[2]), len(script)-3)
		if n > 4 {
			script[3+4] = 77
		}
		script = script[3+n:]
	}
}

func TestTheScriptOfTheFuzzerReachesTheFollower(t *testing.T) {
	e, _, ours, c := feed(t, aes67.ClockFollower, script())
	if !ours || !e.following() || c.sent == 0 {
		t.Errorf("state %v after %d messages sent, want a follower", e.state, c.sent)
	}
}

func TestFollowingDoesNotAllocateForAMessage(t *testing.T) {
	e, _, _, _ := feed(t, aes67.ClockFollower, script())
	_, sync, followUp, response := masterMessages()
	now, sequence := fuzzStart.Add(time.Minute), byte(100)
	round := func() {
		now = now.Add(125 * time.Millisecond)
		sequence++
		sync[31], followUp[31] = sequence, sequence
		binary.BigEndian.PutUint32(followUp[36:], uint32(now/aes67.RawTime(time.Second))) // a clock that ticks
		binary.BigEndian.PutUint32(followUp[40:], uint32(now%aes67.RawTime(time.Second)))
		e.HandleEvent(sync, now, netip.Addr{})
		e.HandleGeneral(followUp, now, netip.Addr{})
		e.HandleGeneral(response, now, netip.Addr{})
	}
	for range 600 { // the windows fill
		round()
	}
	if n := testing.AllocsPerRun(200, round); n > 0 {
		t.Errorf("%v allocations for a Sync, a Follow_Up and a Delay_Resp, want 0", n)
	}
	if _, known := e.follower.servo.Known(); !known {
		t.Error("nothing was estimated")
	}
}
