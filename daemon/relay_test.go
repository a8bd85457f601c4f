package daemon

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
	"aes67-sink/netif"
	"aes67-sink/sap"
)

func TestAFloodOfChangesWakesNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, woken := make(chan struct{}, 1), make(chan struct{}, 1)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- relay{{from: source, to: []chan<- struct{}{woken}, rest: time.Second}}.Run(ctx)
		}()
		wakes := 0
		for n := range 10_000 { // for ten seconds
			wake.Signal(source)
			synctest.Wait()
			select {
			case <-woken:
				wakes++
			default:
				if n == 0 {
					t.Error("the first change waits")
				}
			}
			time.Sleep(time.Millisecond)
		}
		if wakes != 10 {
			t.Errorf("woken %d times in 10 s, want once a second", wakes)
		}
		time.Sleep(time.Second)
		if synctest.Wait(); len(woken) != 1 {
			t.Error("the last change is lost")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheRelayWakesWhoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, a, b := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
		r := relay{{from: source, to: []chan<- struct{}{a, b}}, {to: []chan<- struct{}{a}}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		if len(a)+len(b) != 0 {
			t.Error("woken by nothing")
		}
		for range 2 { // the second time nobody has looked meanwhile
			wake.Signal(source)
			synctest.Wait()
			if len(a) != 1 || len(b) != 1 {
				t.Errorf("%d and %d were woken, want both", len(a), len(b))
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestNeighboursAreGatheredWhenSomethingHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gathered, changed := 0, make(chan struct{}, 1)
		var others []bridge.Foreign
		n := &neighbours{
			foreign: func(int) []bridge.Foreign { gathered++; return others },
			refused: func() []string { return nil },
			chosen:  func() int { return 2 },
			host:    func() string { return "pc" },
			wake:    make(chan struct{}, 1), changed: changed,
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		<-changed
		<-time.After(time.Hour)
		synctest.Wait()
		if gathered != 1 || len(changed) != 0 {
			t.Errorf("gathered %d times in an hour in which nothing changed", gathered)
		}
		others = []bridge.Foreign{{Name: "kitchen", Port: 5004}}
		wake.Signal(n.wake)
		synctest.Wait()
		if got := n.latest().Sessions; len(changed) != 1 || len(got) != 1 || got[0].Name != "kitchen" {
			t.Errorf("after another one came: %v, and %d were woken", got, len(changed))
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheNetworkIsChosenOnce(t *testing.T) {
	watcher := netif.NewWatcher(zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watcher.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-watcher.Changed():
	case <-time.After(10 * time.Second):
		t.Fatal("not even the loopback is there")
	}
	allowed, withdrawn := true, false
	n := &network{
		chooser: netif.NewChooser(netif.ChooserConfig{Interface: "lo"}), watcher: watcher,
		services: netif.NewDNSSD(rtthread.Now, zerolog.Nop()), ears: newEars(sap.New(sap.Config{Now: rtthread.Now}, zerolog.Nop()), nil, nil,
			func(string) zerolog.Logger { return zerolog.Nop() }), playing: func() bool { return false },
		withdraw: func(yes bool) bool { withdrawn = yes; return false },
		allowed:  func() (bool, string) { return allowed, "somebody else has it" },
		log:      zerolog.Nop(), changed: make(chan struct{}, 1), carriers: map[int]bool{},
	}
	if next := n.choose(1); next != 0 || !n.input().Usable || len(n.changed) != 1 {
		t.Fatalf("%+v, to be chosen again at %v", n.input(), next)
	}
	<-n.changed
	if next := n.choose(aes67.MonoTime(time.Hour)); next != 0 || len(n.changed) != 0 {
		t.Errorf("chosen again: %+v, and again at %v", n.input(), next)
	}
	n.listen(aes67.MonoTime(time.Hour), []int{0}) // no interface has this index
	if !n.deaf {
		t.Error("an interface that cannot be listened to is not tried again")
	}
	if next := n.choose(aes67.MonoTime(2 * time.Hour)); next != 0 || n.deaf {
		t.Errorf("all is well now, and yet another try is due at %v", next)
	}
	allowed = false
	n.choose(aes67.MonoTime(3 * time.Hour))
	if got := n.input(); got.Usable || got.Problem != "somebody else has it" || len(n.listening) != 0 {
		t.Errorf("not allowed, and yet %+v, listening on %v", got, n.listening)
	}
	if withdrawn {
		t.Error("another user's bridge is on the network, and the sink is gone")
	}
	// Whoever is grandmaster by now has not been heard since.
	back, listened := aes67.MonoTime(4*time.Hour), time.Duration(-1)
	n.now = func() aes67.MonoTime { return back }
	n.useClock = func(_ net.Interface, _ netip.Addr, d time.Duration) error { listened = d; return nil }
	allowed = true
	if n.choose(back); !n.input().Usable || listened != 0 {
		t.Errorf("allowed again: %+v, and the clock told that it was listened to for %v, want none", n.input(), listened)
	}
}

func TestTheSinkGoesWithTheNetworkAndComesBack(t *testing.T) {
	withdrawn := false
	n := &network{withdraw: func(yes bool) bool { withdrawn = yes; return false }}
	const second = aes67.MonoTime(time.Second)
	for i, step := range []struct {
		at    aes67.MonoTime
		off   bool
		gone  bool
		again aes67.MonoTime
	}{
		{second, true, false, 11 * second},
		{2 * second, false, false, 0}, // a cable was moved
		{3 * second, true, false, 13 * second},
		{13*second - 1, true, false, 13 * second},
		{13 * second, true, true, 0},
		{3600 * second, true, true, 0},
		{3601 * second, false, false, 0},
	} {
		if again := n.offline(step.at, step.off); withdrawn != step.gone || again != step.again {
			t.Errorf("step %d: withdrawn %v, again at %v; want %v, %v", i, withdrawn, again, step.gone, step.again)
		}
	}
}
