package e2e

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/ptp/port"
	"aes67-sink/sdp"
)

// inside runs f on a thread that is on one side of the wire; the sockets that
// f opens stay there.
func (w wire) inside(t testing.TB, side string, f func(eth0 net.Interface) error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with this goroutine.
		runtime.LockOSThread()
		done <- func() error {
			namespace, err := os.Open("/run/netns/" + w.prefix + "-" + side)
			if err != nil {
				return err
			}
			defer func() { _ = namespace.Close() }()
			if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			eth0, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			return f(*eth0)
		}()
	}()
	if err := <-done; err != nil {
		t.Fatalf("in %s-%s: %v", w.prefix, side, err)
	}
}

// beside runs a part of the lab until the test ends.
func beside(t testing.TB, name string, run func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// startGrandmaster serves a clock of the lab on the speaker's side: a quartz
// that runs at a rate against CLOCK_MONOTONIC_RAW, with the media profile's rates.
func startGrandmaster(t testing.TB, w wire, rate aes67.PPB) *lab.Grandmaster {
	t.Helper()
	return startGrandmasterAs(t, w, rate, func(*lab.GrandmasterConfig) {})
}

// startGrandmasterAs is startGrandmaster with something changed.
func startGrandmasterAs(t testing.TB, w wire, rate aes67.PPB, change func(*lab.GrandmasterConfig)) *lab.Grandmaster {
	t.Helper()
	now := rtthread.Raw()
	var master *lab.Grandmaster
	w.inside(t, speaker, func(eth0 net.Interface) error {
		ports, err := port.Open(46)
		if err != nil {
			return err
		}
		cfg := lab.GrandmasterConfig{
			Clock:    lab.Oscillator{Start: now, Epoch: aes67.PTPTime(time.Now().UnixNano()), Skew: rate},
			Identity: aes67.ClockIdentityFromMAC(eth0.HardwareAddr),
		}
		cfg.MediaProfile()
		change(&cfg)
		master = lab.NewGrandmaster(cfg)
		beside(t, "grandmaster", func(ctx context.Context) error {
			defer ports.Close()
			return master.Serve(ctx, ports, eth0, netip.MustParseAddr("10.67.0.2"), rtthread.Raw)
		})
		return nil
	})
	return master
}

// listener is the lab's receiver of one stream.
type listener struct {
	*lab.Receiver
	name string
}

// listen receives the stream of a description on the speaker's side. master
// tells the time to judge arrivals by, from skip on; nil: none is known.
func listen(t testing.TB, w wire, description string, master *lab.Grandmaster, record time.Duration) listener {
	t.Helper()
	return listenAt(t, w, speaker, description, master, record)
}

// listenAt receives on any side.
func listenAt(t testing.TB, w wire, side, description string, master *lab.Grandmaster, record time.Duration) listener {
	t.Helper()
	subscription := subscriptionOf(t, description)
	cfg := lab.ReceiverConfig{Subscription: subscription, Record: aes67.FramesIn(record, subscription.Stream.Rate), Keep: true}
	if master != nil {
		cfg.Clock = master.TimeAt
	}
	var l listener
	w.inside(t, side, func(eth0 net.Interface) error {
		cfg.Interface = eth0
		receiver, err := lab.NewReceiver(cfg)
		l = listener{receiver, subscription.Name}
		return err
	})
	beside(t, "receiver", l.Run)
	return l
}

// subscriptionOf reads a description.
func subscriptionOf(t testing.TB, description string) lab.Subscription {
	t.Helper()
	text, err := os.ReadFile(description)
	if err != nil {
		t.Fatal(err)
	}
	described, err := sdp.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	subscription, err := lab.Subscribe(described)
	if err != nil {
		t.Fatal(err)
	}
	return subscription
}

// lasts waits until the listener has heard a stretch of time.
func (l listener) lasts(t testing.TB, length time.Duration) {
	t.Helper()
	eventually(t, length+10*time.Second, l.name+" is heard long enough", func() bool { return l.length() >= length })
}

// length is from the first packet to the last.
func (l listener) length() time.Duration {
	length, _ := l.Heard()
	return length
}

// heardUntil waits until a packet has come that was sent after an instant.
func (l listener) heardUntil(t testing.TB, at aes67.MonoTime) {
	t.Helper()
	eventually(t, max(0, at.Sub(rtthread.Now()))+10*time.Second, l.name+" is heard long enough", func() bool { return l.Newest() > at })
}

// catchesUp waits until what had come by an instant is read, too: the receiver may wait for
// a processor.
func (l listener) catchesUp(at aes67.MonoTime) {
	soon(5*time.Second, func() bool { return l.Newest() >= at })
}

// judgeContinuity holds a stream to RTP's promises: each sequence number once
// and in order, timestamps that step with them, but for steps that a standstill
// of the machine explains.
func (l listener) judgeContinuity(t testing.TB, name string) {
	t.Helper()
	r := l.Report(0)
	figures.atMost(t, name+" packets that the receiver itself lost", float64(r.Overflow), 0, "")
	for what, n := range map[string]uint64{ // which no standstill brings
		"reordered": r.Reordered, "duplicates": r.Duplicates, "new SSRCs": r.SSRCChanges,
		"sequence restarts": r.SequenceRestarts, "malformed": r.Malformed + r.WrongSize + r.WrongPayload + r.Marked,
	} {
		if n != 0 {
			t.Errorf("%s: %d %s, want none", name, n, what)
		}
	}
	figures.atMost(t, name+" lost or jumping packets", float64(r.Lost)+l.jumps(t, name, r.TimestampJumps), 0, "")
}

// jumps are those of so many steps of the timestamps, told before, that no standstill of
// the machine explains.
func (l listener) jumps(t testing.TB, name string, told uint64) float64 {
	t.Helper()
	excused, unexplained := 0, 0 // of those that were told, or came since
	for _, a := range l.Arrivals(0) {
		switch {
		case !a.Jump:
		case watch.explains(a.At, ofPackets()):
			excused++
		default:
			unexplained++
			t.Logf("%s: a jump at frame %d: %s", name, a.Frame, watch.words(a.At, ofPackets()))
		}
	}
	if excused > 0 {
		t.Logf("%s: %d timestamp jumps when the machine stood still", name, excused)
	}
	return max(float64(unexplained), float64(told)-float64(excused))
}

// samples returns what the listener recorded of its one channel.
func (l listener) samples() []float64 {
	recording := l.Recording()
	return recording.WAV().Channels[0]
}
