package doctor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestWhatHasComeInIsLookedAt has datagrams that came before the time was over and were not
// read by then, as on a computer that stood still, and a sender that never ends.
func TestWhatHasComeInIsLookedAt(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	const before = 5 // the queue of a pair holds ten (net.unix.max_dgram_qlen)
	for range before {
		if _, err := unix.Write(pair[1], []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	count := func([]byte, unix.Sockaddr) bool { n++; return true }
	if err := receive(t.Context(), pair[0], 0, count); err != nil || n != before {
		t.Errorf("%d datagrams of %d, %v", n, before, err)
	}

	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for every := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				every.Stop()
				return
			case <-every.C:
				_ = unix.Sendto(pair[1], []byte("x"), unix.MSG_DONTWAIT, nil) // what nobody reads is lost
			}
		}
	}()
	began := time.Now()
	if err := receive(t.Context(), pair[0], 20*time.Millisecond, count); err != nil || n == before {
		t.Errorf("%d datagrams, %v", n-before, err)
	}
	if took := time.Since(began); took > mostLate*time.Millisecond/2 {
		t.Errorf("it took %v: a sender is listened to for as long as it sends", took)
	}
	close(stop)
	<-ended
}
