package daemon

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
)

func TestASenderThatEndsByItselfHasFailedWhenThatIsTold(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	clock, ended := &mediaclock.Clock{}, make(chan struct{}, 1)
	clock.Step(1, 1, 0) // and no pipeline: the sender breaks off at its first packet
	stream := aes67.Stream{
		Name: "left", Channels: []string{"front-left"}, Group: netip.MustParseAddr("239.69.1.1"), Port: 5004, TTL: 1,
		PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms,
	}
	s := sender{clock: clock, source: (*bridge.Pipeline)(nil), log: zerolog.Nop(), ended: ended}
	for range 20 {
		if err := s.start(rtpsend.Config{Interface: *lo, Source: netip.MustParseAddr("127.0.0.1"), Streams: []aes67.Stream{stream}, Loop: true}); err != nil {
			t.Fatal(err)
		}
		<-ended
		if got := s.failed(); !strings.HasPrefix(got, "the sender failed: ") {
			t.Fatalf("the supervisor is woken and finds a sender that runs: %q", got)
		}
		s.stop()
	}
}

// eno returns a leg that is no interface of this computer.
func eno(number int, address string) rtpsend.Leg {
	return rtpsend.Leg{Interface: net.Interface{Index: 1000 + number}, Source: netip.MustParseAddr(address)}
}

// TestALegThatCannotBePlacedIsTriedAgain: an interface that has just come up has no address
// yet, and no other change tells of it.
func TestALegThatCannotBePlacedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, fails, told := time.Now(), 3, 0
		var log bytes.Buffer
		var at []time.Duration
		s := &sender{log: zerolog.New(&log), running: &runningSender{
			tell: func() { told++ },
			stop: func() {}, ended: make(chan struct{}),
			place: func(rtpsend.Leg, rtpsend.Leg) error {
				at = append(at, time.Since(began))
				if fails--; fails >= 0 {
					return errors.New("cannot assign requested address")
				}
				return nil
			},
		}}
		tries := func() []time.Duration {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Clone(at)
		}
		s.setLegs(eno(1, "10.1.0.1"), eno(2, "10.2.0.1"))
		for range 13 { // the network is looked at meanwhile, and is what it was
			time.Sleep(100 * time.Millisecond)
			s.setLegs(eno(1, "10.1.0.1"), eno(2, "10.2.0.1"))
		}
		time.Sleep(time.Hour)
		const ms = time.Millisecond
		if got, want := tries(), []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms}; !slices.Equal(got, want) {
			t.Errorf("tried after %v, want %v", got, want)
		}
		if n := strings.Count(log.String(), "do not leave"); n != 1 || told != 2 {
			t.Errorf("logged %d times, want once; told %d times, want that it came and that it went", n, told)
		}

		fails = 1 << 20
		s.setLegs(eno(1, "10.1.0.1"), eno(3, "10.3.0.1"))
		before := len(tries())
		s.setLegs(eno(1, "10.1.0.1"), eno(4, "10.4.0.1"))
		if n := len(tries()) - before; n != 1 {
			t.Errorf("tried %d times, want other legs tried at once", n)
		}
		time.Sleep(time.Hour)
		if n := len(tries()) - before; n < 350 || n > 370 {
			t.Errorf("tried %d times in an hour, want each %v", n, retryLegsMost)
		}
		close(s.running.ended)
		s.stop()
		before = len(tries())
		time.Sleep(time.Hour)
		if n := len(tries()) - before; n != 0 || s.again != nil {
			t.Errorf("tried %d times when nothing is sent any more", n)
		}
	})
}

func TestALegThatCannotBePlacedIsAProblem(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	stream := aes67.Stream{
		Name: "left", Channels: []string{"front-left"}, Group: netip.MustParseAddr("239.69.1.1"), Second: netip.MustParseAddr("239.69.2.1"), Port: 5004, TTL: 1,
		PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms,
	}
	told := 0
	s := sender{clock: &mediaclock.Clock{}, source: (*bridge.Pipeline)(nil), log: zerolog.Nop(), ended: make(chan struct{}, 1)}
	first := rtpsend.Leg{Interface: *lo, Source: netip.MustParseAddr("127.0.0.1")}
	err = s.start(rtpsend.Config{Interface: *lo, Source: first.Source, Streams: []aes67.Stream{stream}, Loop: true, OnProblem: func() { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	s.setLegs(first, rtpsend.Leg{Interface: *lo, Source: netip.MustParseAddr("192.0.2.1")})
	if got := s.stats(); got.Problem != "" || !strings.Contains(got.SecondProblem, "192.0.2.1") || told != 1 {
		t.Errorf("problems %q and %q, told %d times", got.Problem, got.SecondProblem, told)
	}
	s.setLegs(first, rtpsend.Leg{Interface: *lo, Source: netip.MustParseAddr("127.0.0.2")})
	if got := s.stats(); got.Problem != "" || got.SecondProblem != "" || told != 2 {
		t.Errorf("problems %q and %q, told %d times, though both are placed", got.Problem, got.SecondProblem, told)
	}
}
