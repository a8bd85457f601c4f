package port

import (
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWallClockNarrowsTheOffsetDown(t *testing.T) {
	const offset = 1_700_000_000_123_456_789
	r := rand.New(rand.NewPCG(1, 1))
	var c wallClock
	now := int64(5e12)
	for range 200 {
		now += 1e8
		first, second := 40+int64(300*r.ExpFloat64()), 40+int64(300*r.ExpFloat64())
		if c.observe(Pair{now, now + first + offset, now + first + second}) {
			t.Fatal("saw a step where there was none")
		}
	}
	if got := c.offset() - offset; got < -60 || got > 60 {
		t.Errorf("offset is off by %d ns, want within 60 ns", got)
	}
}

func TestWallClockSeesTheDateSet(t *testing.T) {
	for _, step := range []int64{int64(time.Hour), -int64(time.Second), 5_000, -5_000} {
		var c wallClock
		now := int64(5e12)
		for range 10 {
			now += 1e8
			c.observe(Pair{now, now + 100 + 1e18, now + 200})
		}
		if !c.observe(Pair{now + 1e8, now + 1e8 + 100 + 1e18 + step, now + 1e8 + 200}) {
			t.Errorf("date set by %d ns: not seen", step)
		}
		if c.observe(Pair{now + 2e8, now + 2e8 + 100 + 1e18 + step, now + 2e8 + 200}) {
			t.Errorf("date set by %d ns: seen twice", step)
		}
		if got := int64(c.mono(now + 1e18 + step)); got < now-100 || got > now+100 {
			t.Errorf("after the date was set by %d ns an instant is mapped %d ns off", step, got-now)
		}
	}
}

func TestWallClockAgreesWithTheKernel(t *testing.T) {
	var c wallClock
	for range 100 {
		r, ok := readClocks()
		if !ok {
			t.Fatal("the clocks cannot be read")
		}
		c.observe(r.Real)
	}
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		t.Fatal(err)
	}
	at := c.mono(time.Now().UnixNano())
	if d := time.Duration(int64(at) - mono.Nano()); d < -time.Millisecond || d > 100*time.Millisecond {
		t.Errorf("CLOCK_REALTIME now is %v off CLOCK_MONOTONIC now", d)
	}
}

func FuzzParseControl(f *testing.F) {
	stamp := make([]byte, 64)
	stamp[0], stamp[8], stamp[12], stamp[16] = 64, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, 9
	f.Add(stamp)
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c := parseControl(b); c.hasTime && len(b) < unix.CmsgLen(48) {
			t.Errorf("a timestamp from %d bytes", len(b))
		}
	})
}
