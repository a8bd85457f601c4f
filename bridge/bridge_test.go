package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/sdp"
)

// world is a fake of all edges that keeps a diary.
type world struct {
	in        Inputs
	startFail error
	diary     []string
	announced []sdp.Session
	now       uint64
	mono      aes67.MonoTime
	changed   chan struct{}
	others    *Neighbours
	kept      Identity
	serves    bool
}

func (w *world) Neighbours() *Neighbours { return w.others }

func (w *world) Inputs() Inputs { return w.in }

func (w *world) StartSender(n Network, streams []aes67.Stream) error {
	if w.startFail != nil {
		return w.startFail
	}
	w.diary = append(w.diary, fmt.Sprintf("start %s %d", n.Interface.Name, len(streams)))
	return nil
}

func (w *world) StopSender() {
	w.in.SenderFailed = ""
	w.diary = append(w.diary, "stop")
}

func (w *world) Announce(n Network, sessions []sdp.Session) {
	w.announced = sessions
	w.diary = append(w.diary, fmt.Sprintf("announce %s %d", n.Interface.Name, len(sessions)))
}

func (w *world) Serve(yes bool) { w.serves = yes }

func (w *world) NTPSeconds() uint64       { return w.now }
func (w *world) Now() aes67.MonoTime      { return w.mono }
func (w *world) Changed() <-chan struct{} { return w.changed }

func newWorld(t *testing.T) (*world, *Bridge) {
	t.Helper()
	w := &world{in: ready(), now: 1000, mono: 1, others: &Neighbours{Host: "pc"}, changed: make(chan struct{}, 1)}
	w.in.Network.Chosen = Network{
		Interface: net.Interface{Index: 2, Name: "eno1", HardwareAddr: net.HardwareAddr{0, 1, 2, 3, 4, 5}},
		Address:   netip.MustParseAddr("192.168.10.1"),
	}
	w.in.Clock.Grandmaster = aes67.ClockIdentity{1}
	pipeline, err := NewPipeline(PipelineConfig{Channels: 2, SinkRate: 48000, StreamRate: 48000, PacketFrames: 48}, &mediaclock.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	plan := testPlan(11, 12)
	plan.Keep = func(i Identity) { w.kept = i }
	return w, New(w, alone(t, pipeline), plan, RestPolicy{}, zerolog.Nop())
}

// testPlan is a plan for left and right whose groups come from the sender's
// address; ids are its sessions' first ones.
func testPlan(ids ...uint64) SessionPlan {
	stream := aes67.Stream{Channels: []string{"front-left"}, Port: 5004, TTL: 15, PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms}
	left, right := stream, stream
	right.Channels, right.First = []string{"front-right"}, 1
	next := ids[len(ids)-1] * 1000
	plan := SessionPlan{
		Streams: []aes67.Stream{left, right},
		Names: func(host string, number int) []string {
			if number == 1 {
				return []string{host + " left", host + " right"}
			}
			return []string{fmt.Sprintf("%s left #%d", host, number), fmt.Sprintf("%s right #%d", host, number)}
		},
		Groups: func(a netip.Addr, used func(netip.Addr) bool) ([]netip.Addr, error) {
			return sdp.Groups(sdp.GroupPrefix{239, 69}, a, 2, used)
		},
		Suits: func(g netip.Addr) bool { return sdp.GroupPrefix{239, 69}.Contains(g) },
		NewID: func() uint64 { next++; return next },
		Keep:  func(Identity) {},
	}
	for _, id := range ids {
		plan.Identity.Streams = append(plan.Identity.Streams, SessionIdentity{ID: id})
	}
	return plan
}

func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(w.diary, want) {
		t.Fatalf("the edges saw %q, want %q", w.diary, want)
	}
	w.diary = nil
}

func TestStreamsStartOnceAndAreAnnounced(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	b.look(w.mono)
	w.expect(t, "start eno1 2", "announce eno1 2")
	if got := w.announced[0]; got.Version != 1000 || got.ID != 11 || got.Origin.String() != "192.168.10.1" {
		t.Errorf("session %+v", got)
	}
}

func TestANewGrandmasterGivesNewVersionsOnlyOnceItIsFollowed(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	w.diary = nil
	w.in.Clock.Grandmaster, w.in.Clock.State = aes67.ClockIdentity{2}, ClockUncalibrated
	b.look(w.mono)
	w.expect(t)
	w.in.Clock.State = ClockLocked
	b.look(w.mono)
	w.expect(t, "announce eno1 2")
	for _, s := range w.announced {
		if s.Version != 1001 || s.Reference.Grandmaster != (aes67.ClockIdentity{2}) {
			t.Errorf("session %+v, want version 1001 and the new grandmaster", s)
		}
	}
}

func TestALostGrandmasterChangesNothingInTheText(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	w.diary = nil
	w.in.Clock = ClockInput{State: ClockHoldover}
	b.look(w.mono)
	w.expect(t)
	if got := b.Snapshot().State; got != Holdover {
		t.Errorf("state %v, want holdover", got)
	}
}

func TestAddressChangeWithdrawsThenStartsAnew(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	before := w.announced
	w.diary = nil
	w.in.Network.Chosen.Address = netip.MustParseAddr("192.168.10.77")
	b.look(w.mono)
	w.expect(t, "announce eno1 0", "stop", "start eno1 2", "announce eno1 2")
	if got := w.announced[1]; got.Version <= 1000 || got.Stream.Group != before[1].Stream.Group || got.Origin.String() != "192.168.10.77" {
		t.Errorf("session %+v, want a new version from the new address to the old group", got)
	}
}

func TestLostNetworkEndsStreamsAndLostSoundServerDoesNot(t *testing.T) {
	w, b := newWorld(t)
	b.look(w.mono)
	w.diary = nil
	w.in.Sink.Ready = false
	b.look(w.mono)
	w.expect(t)
	w.in.Network.Usable = false
	b.look(w.mono)
	w.expect(t, "announce eno1 0", "stop")
	if s := b.Snapshot(); s.Sessions != nil {
		t.Errorf("sessions %v are still told", s.Sessions)
	}
}

func TestOwnClockIsDescribedAsSuch(t *testing.T) {
	w, b := newWorld(t)
	w.in.Clock = ClockInput{Forbidden: true, Problem: "no permission"}
	b.look(w.mono)
	if got := w.announced[0].Reference; got.LocalMAC != [6]byte{0, 1, 2, 3, 4, 5} || !got.Grandmaster.IsZero() {
		t.Errorf("reference %+v, want the interface's hardware address", got)
	}
}

func TestAnotherProblemOfTheSameStateIsTold(t *testing.T) {
	w, b := newWorld(t)
	w.in.Clock = ClockInput{Forbidden: true, Problem: "no permission"}
	b.look(w.mono)
	<-b.Changed()
	b.look(w.mono)
	if len(b.Changed()) != 0 {
		t.Error("told though nothing has changed")
	}
	w.in.Clock.Problem = "no port"
	b.look(w.mono)
	if got := b.Snapshot(); len(b.Changed()) != 1 || got.State != FillingBuffer || !slices.Equal(got.Problems, []string{"no port"}) {
		t.Errorf("%+v, and %d were woken", got.Decision, len(b.Changed()))
	}
}

func TestAnInterfaceWithoutHardwareAddressIsDescribedAsSuch(t *testing.T) {
	w, b := newWorld(t)
	w.in.Clock = ClockInput{Forbidden: true}
	b.look(w.mono)
	w.in.Network.Chosen = Network{Interface: net.Interface{Index: 1, Name: "lo"}, Address: netip.MustParseAddr("127.0.0.1")}
	b.look(w.mono)
	if got := w.announced[0].Reference.LocalMAC; got != [6]byte{} {
		t.Errorf("on the loopback the last interface's address %x is described", got)
	}
}

func TestAFailedSenderIsTriedAgainLater(t *testing.T) {
	w, b := newWorld(t)
	w.startFail = errors.New("bind: address in use")
	b.look(w.mono)
	if s := b.Snapshot(); s.State != Failed || !slices.Equal(s.Problems, []string{"bind: address in use"}) {
		t.Fatalf("snapshot %+v", s)
	}
	w.startFail = nil
	next := aes67.MonoTime(0)
	for range 1000 { // woken again and again
		next = b.look(w.mono)
	}
	w.expect(t)
	if want := w.mono.Add(retryAfter); next != want {
		t.Errorf("to be tried again at %v, want %v", next, want)
	}
	w.mono = next
	if next = b.look(w.mono); next != 0 {
		t.Errorf("all is well, and yet another look is due at %v", next)
	}
	w.expect(t, "start eno1 2", "announce eno1 2")

	w.in.SenderFailed = "socket closed"
	b.look(w.mono)
	w.expect(t, "announce eno1 0", "stop")
	if got := b.Snapshot().State; got != Failed {
		t.Errorf("state %v, want failed", got)
	}
}
