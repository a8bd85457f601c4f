package port

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

// fakeCard is the clock of a network card that runs 30 ppm fast, is read in 1 to
// 3 µs, and now and then in 100 because the thread was interrupted.
type fakeCard struct {
	now    aes67.RawTime
	epoch  int64
	random *rand.Rand
	fails  bool
	closed bool
}

func (f *fakeCard) show(t aes67.RawTime) int64 {
	return (f.epoch + int64(float64(t)*(1+30e-6))) / 8 * 8 // counts in steps of 8 ns
}

func (f *fakeCard) read() (Pair, bool) {
	took := int64(1000 + f.random.IntN(2000))
	if f.random.IntN(10) == 0 {
		took = 100_000
	}
	r := Pair{Before: int64(f.now), Inner: f.show(f.now.Add(time.Duration((took + 2*f.random.Int64N(took)) / 4))), After: int64(f.now) + took}
	f.now = f.now.Add(time.Duration(took))
	return r, !f.fails
}

func (f *fakeCard) open(string) (func() (Pair, bool), func(), error) {
	return f.read, func() { f.closed = true }, nil
}

func newFakeCard() *fakeCard {
	return &fakeCard{now: 5000e9, epoch: 1e18, random: rand.New(rand.NewPCG(1, 2))}
}

func TestACardsClockIsMapped(t *testing.T) {
	f := newFakeCard()
	var c card
	c.begin("eth0", f.open)
	if !c.on {
		t.Fatalf("not used: %s", c.why)
	}
	var sum float64
	var n int
	for range 400 {
		f.now += phcEvery
		c.look(f.now)
		stamped := f.now.Add(-time.Millisecond)
		e := float64(c.line.At(f.show(stamped)).Sub(stamped))
		if math.Abs(e) > 1500 {
			t.Fatalf("an instant is %v ns off", e)
		}
		sum += e * e
		n++
	}
	if rms := math.Sqrt(sum / float64(n)); rms > 250 {
		t.Errorf("instants are %.0f ns rms off, want at most 250", rms)
	}
}

func TestACardThatIsSetIsMappedAnew(t *testing.T) {
	f := newFakeCard()
	var c card
	c.begin("eth0", f.open)
	for range 40 {
		f.now += phcEvery
		c.look(f.now)
	}
	f.epoch += 1e9 // another daemon sets it
	for range 20 {
		f.now += phcEvery
		c.look(f.now)
	}
	if at := c.line.At(f.show(f.now)); at.Sub(f.now).Abs() > 5*time.Microsecond {
		t.Errorf("after the card was set an instant is %v off", at.Sub(f.now))
	}
}

func TestWithoutHardwareTimestampsThoseOfTheKernelAreUsed(t *testing.T) {
	var c card
	c.begin("eth0", func(string) (func() (Pair, bool), func(), error) {
		return nil, nil, errors.New("eth0 takes none")
	})
	if c.on || c.why != "eth0 takes none" {
		t.Errorf("on %v, why %q", c.on, c.why)
	}
	c.begin("eth0", func(string) (func() (Pair, bool), func(), error) {
		return nil, nil, fmt.Errorf("open /dev/ptp0: %w", os.ErrPermission)
	})
	if c.on || !strings.Contains(c.why, "udev rule") {
		t.Errorf("on %v, why %q", c.on, c.why)
	}

	f := newFakeCard()
	c.begin("eth0", f.open)
	for range hardwareMisses {
		c.miss(inward)
	}
	if c.on || !f.closed || !strings.Contains(c.why, "driver gives none") {
		t.Errorf("after %d messages without: on %v, closed %v, why %q", hardwareMisses, c.on, f.closed, c.why)
	}

	f = newFakeCard()
	c.begin("eth0", f.open)
	f.fails = true
	c.look(f.now + phcEvery*2)
	if c.on || !f.closed {
		t.Errorf("with a clock that cannot be read: on %v, closed %v", c.on, f.closed)
	}
}

// TestACardWhoseTimestampsAreNeverTrueIsGivenUp, not one that somebody has set, nor for
// what another card stamps by its own clock.
func TestACardWhoseTimestampsAreNeverTrueIsGivenUp(t *testing.T) {
	for _, test := range []struct {
		name    string
		ifindex int
		set     bool // the card's clock, and it is read anew
		lost    bool
	}{
		{"of the interface in use", 1, false, true},
		{"of another interface", 2, false, false},
		{"of a clock that was set", 1, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := looped(t)
			f := newFakeCard()
			f.now = p.base.raw()
			p.card.begin("eth0", f.open)
			p.hardware, p.used = true, 1
			off := int64(37 * time.Second)
			if test.set {
				f.epoch, off = f.epoch+off, 0
			}
			taken := 0
			for range 3 * hardwareMisses {
				if f.now = p.base.raw(); !p.card.on {
					break
				}
				if _, ok := p.instant(&control{hardware: f.show(f.now) + off, ifindex: test.ifindex}, false, inward); ok {
					taken++
				}
				p.card.look(f.now)
			}
			if (taken > 0) != test.set {
				t.Errorf("%d timestamps are taken, want those of a clock that was set alone", taken)
			}
			if p.card.on == test.lost {
				t.Errorf("in use: %v (%s), want %v", p.card.on, p.card.why, !test.lost)
			}
		})
	}
}

// stamped are the control messages of one recvmsg with both timestamps.
func stamped(software, hardware int64) []byte {
	length := unix.CmsgSpace(int(unsafe.Sizeof(unix.ScmTimestamping{})))
	b := make([]byte, length)
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPING
	h.SetLen(unix.CmsgLen(int(unsafe.Sizeof(unix.ScmTimestamping{}))))
	data := b[unix.CmsgLen(0):]
	for i, ns := range []int64{software, 0, hardware} {
		binary.NativeEndian.PutUint64(data[16*i:], uint64(ns/1e9))
		binary.NativeEndian.PutUint64(data[16*i+8:], uint64(ns%1e9))
	}
	return b
}

// A port whose card is simulated: the socket is real, the card's clock and its
// timestamps are not.
func TestAPortUsesTheCardAndFallsBack(t *testing.T) {
	p, err := openSockets(0, 0, 46)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := newFakeCard()
	f.now = p.base.raw()
	p.open = f.open
	p.selected = "eth0"
	p.chooseStamps()
	if s := p.Stamps(); !s.Hardware || s.String() != "hardware" {
		t.Fatalf("timestamps are of %v: %s", s, s.Why)
	}
	if got, _ := unix.GetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING); got&hardwareTimestamping != hardwareTimestamping {
		t.Errorf("SO_TIMESTAMPING is %#x, want those of hardware too", got)
	}
	passed := f.now
	late := int64(40_000) // the kernel's own timestamp, ns
	mono := int64(p.base.last.mono.Add(passed.Sub(p.base.raw())))
	c := parseControl(stamped(mono+p.clock.offset()+late, f.show(passed)))
	at, ok := p.instant(&c, false, inward)
	if !ok || at.Sub(passed).Abs() > 3*time.Microsecond {
		t.Errorf("instant %v off by %v, want that of the card", ok, at.Sub(passed))
	}
	if _, ok = p.instant(&c, true, inward); !ok {
		t.Error("a date that was set spoils the card's timestamps")
	}
	for range hardwareMisses {
		p.card.miss(inward)
	}
	c = parseControl(stamped(mono+p.clock.offset(), 0))
	p.chooseStamps()
	if s := p.Stamps(); s.Hardware || s.Why == "" {
		t.Errorf("without a hardware timestamp for long: %+v", s)
	}
	if at, ok = p.instant(&c, false, inward); !ok || at.Sub(passed).Abs() > time.Microsecond {
		t.Errorf("after falling back: %v, off by %v", ok, at.Sub(passed))
	}
	if got, _ := unix.GetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING); got&hardwareTimestamping != 0 {
		t.Errorf("SO_TIMESTAMPING is still %#x", got)
	}
}

func TestReadPair(t *testing.T) {
	r, ok := readPair(unix.CLOCK_MONOTONIC, unix.CLOCK_REALTIME)
	if !ok || r.Took() < 0 || time.Unix(0, r.Inner).Year() < 2020 {
		t.Errorf("read %+v, %v", r, ok)
	}
	if _, ok := readPair(unix.CLOCK_MONOTONIC, unix.FdToClockID(1<<20)); ok {
		t.Error("a clock that does not exist is read")
	}
}

func TestOpenPHCWithoutOne(t *testing.T) {
	if _, _, err := openPHC("lo"); err == nil || !strings.Contains(err.Error(), "lo") {
		t.Errorf("loopback has a clock of its own: %v", err)
	}
}

// Only what the card ought to have stamped tells that it does not: neither
// Dante's PTPv1, which comes to the same group and port, nor another interface.
func TestOthersMessagesDoNotCostTheHardwareTimestamps(t *testing.T) {
	v2 := (&wire.Message{Kind: wire.KindSync, Source: self}).Append(nil)
	v1 := append([]byte{0x00, 0x01}, make([]byte, 122)...)
	echoed := echoMessage(self, 1)
	const loop = 1 // the interface's index
	for _, test := range []struct {
		name    string
		message []byte
		used    int
		lost    bool
		taken   bool // as what needs no timestamp
	}{
		{"PTPv1", v1, loop, false, false},
		{"another interface", v2, loop + 1, false, false},
		{"the master that is followed", v2, loop, true, false},
		{"an echo, which no card sees", echoed[:], loop, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := looped(t)
			f := newFakeCard()
			p.card.begin("eth0", f.open)
			p.hardware, p.used = true, test.used
			port := p.to[0].Port
			from, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(from)
			c := &counter{}
			for range hardwareMisses {
				if err := unix.Sendto(from, test.message, 0, &unix.SockaddrInet4{Port: port, Addr: loopback.As4()}); err != nil {
					t.Fatal(err)
				}
				now := nowRaw(t)
				if err := p.Wait(now, now.Add(time.Second), c); err != nil {
					t.Fatal(err)
				}
			}
			if taken := c.datagrams == hardwareMisses; taken != test.taken {
				t.Errorf("%d of %d datagrams taken, want all: %v", c.datagrams, hardwareMisses, test.taken)
			}
			if p.card.on == test.lost {
				t.Errorf("after %d messages without hardware timestamps the card's are in use: %v, want %v", hardwareMisses, p.card.on, !test.lost)
			}
		})
	}
}

// A card that stamps what it receives and not what is sent would leave every
// Delay_Req without its instant.
func TestACardThatStampsOneDirectionOnlyIsGivenUp(t *testing.T) {
	// The kernel may tell its own instant of what the card did not stamp, or nothing.
	for _, told := range []bool{false, true} {
		p := looped(t)
		f := newFakeCard()
		f.now = p.base.raw()
		p.card.begin("eth0", f.open)
		request := (&wire.Message{Kind: wire.KindDelayReq, Source: self}).Append(nil)
		for range hardwareMisses + 1 {
			if err := p.Send(request, loopback); err != nil {
				t.Fatal(err)
			}
			if told {
				p.readSent(&counter{}, false)
			}
			if p.card.on {
				p.instant(&control{hardware: f.show(p.base.raw())}, false, inward)
			}
		}
		if p.card.on || !strings.Contains(p.card.why, "sent") {
			t.Errorf("told by the kernel %v: in use %v, why %q; want given up for what is sent", told, p.card.on, p.card.why)
		}
	}
}
