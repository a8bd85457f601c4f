package port

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp/wire"
)

var self = wire.PortIdentity{Clock: aes67.ClockIdentity{0x02, 1}, Port: 1}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func nowRaw(t testing.TB) aes67.RawTime {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts); err != nil {
		t.Fatal(err)
	}
	return aes67.RawTime(ts.Nano())
}

// anywhere opens ports of any number that send to themselves.
func anywhere(t *testing.T) *Sockets {
	t.Helper()
	p, err := openSockets(0, 0, 46)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for i, fd := range []int{p.event, p.general} {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		p.to[i].Port = sa.(*unix.SockaddrInet4).Port
	}
	return p
}

// looped opens such ports, and waits until the kernel stamps what comes.
func looped(t *testing.T) *Sockets {
	t.Helper()
	p := anywhere(t)
	warm(t, p)
	return p
}

// warm waits until the kernel stamps what is received: it turns that on a
// moment after the first socket of the machine asks for it
// (net_enable_timestamp, by a work queue), and what comes before has no stamp.
func warm(t *testing.T, p *Sockets) {
	t.Helper()
	m := wire.Message{Kind: wire.KindDelayReq, Sequence: 1, Source: self}
	for range 100 {
		c := &collector{left: map[uint16]aes67.RawTime{}}
		if err := p.Send(m.Append(nil), loopback); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			now := nowRaw(t)
			if err := p.Wait(now, now.Add(10*time.Millisecond), c); err != nil {
				t.Fatal(err)
			}
			if len(c.datagrams) > 0 && len(c.left) > 0 {
				return
			}
		}
	}
	t.Fatal("the kernel never stamps what is received")
}

// collector keeps what Wait finds.
type collector struct {
	datagrams []Datagram
	left      map[uint16]aes67.RawTime
	kinds     []wire.Kind
}

func (c *collector) Datagram(d *Datagram) {
	kept := *d
	kept.Bytes = slices.Clone(d.Bytes)
	c.datagrams = append(c.datagrams, kept)
}

func (c *collector) Transmitted(kind wire.Kind, sequence uint16, at aes67.RawTime) {
	c.kinds = append(c.kinds, kind)
	c.left[sequence] = at
}

// waitFor waits until done or two seconds have passed.
func waitFor(t *testing.T, p *Sockets, h Handler, done func() bool) {
	t.Helper()
	for start := nowRaw(t); !done(); {
		now := nowRaw(t)
		if now.Sub(start) > 10*time.Second {
			t.Fatal("nothing came within 10 s")
		}
		if err := p.Wait(now, now.Add(100*time.Millisecond), h); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPortsStampBothDirections(t *testing.T) {
	p := looped(t)
	c := &collector{left: map[uint16]aes67.RawTime{}}
	const messages = 20
	for i := range uint16(messages) {
		m := wire.Message{Kind: wire.KindDelayReq, Sequence: 1000 + i, Source: self}
		before := nowRaw(t)
		if err := p.Send(m.Append(nil), loopback); err != nil {
			t.Fatal(err)
		}
		waitFor(t, p, c, func() bool { return len(c.datagrams) == int(i)+1 && len(c.left) == int(i)+1 })
		after := nowRaw(t)
		d := &c.datagrams[i]
		left, ok := c.left[1000+i]
		if !ok || c.kinds[i] != wire.KindDelayReq {
			t.Fatalf("transmit timestamps of %v, want of %d", c.left, 1000+i)
		}
		const slack = 1000 // ns, of mapping one clock to the other
		if left < before-slack || d.At < left-slack || d.At > after+slack {
			t.Errorf("left at %d, came at %d; want in order within %d to %d", left, d.At, before, after)
		}
		if got, err := wire.Decode(d.Bytes); err != nil || got != m {
			t.Errorf("got %+v, %v; want %+v", got, err, m)
		}
		if !d.Event || d.From != loopback || d.Interface == 0 {
			t.Errorf("got %+v, want an event message from %v by an interface", d, loopback)
		}
	}
}

func TestPortsSurviveASendThatFails(t *testing.T) {
	p := looped(t)
	c := &collector{left: map[uint16]aes67.RawTime{}}
	send := func(sequence uint16, to netip.Addr) error {
		m := wire.Message{Kind: wire.KindDelayReq, Sequence: sequence}
		return p.Send(m.Append(nil), to)
	}
	if err := send(1, loopback); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, c, func() bool { return len(c.left) == 1 })
	if err := send(2, netip.AddrFrom4([4]byte{255, 255, 255, 255})); err == nil {
		t.Fatal("a broadcast was allowed")
	}
	if err := send(3, loopback); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, c, func() bool { return len(c.left) == 2 })
	if _, ok := c.left[3]; !ok {
		t.Errorf("timestamps of %v, want of 1 and 3", c.left)
	}
}

func TestGeneralMessagesComeByTheOtherPort(t *testing.T) {
	p := looped(t)
	c := &collector{left: map[uint16]aes67.RawTime{}}
	announcement := (&wire.Message{Kind: wire.KindAnnounce, Source: self}).Append(nil)
	if err := p.Send(announcement, loopback); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, c, func() bool { return len(c.datagrams) == 1 })
	if d := &c.datagrams[0]; d.Event || !slices.Equal(d.Bytes, announcement) {
		t.Errorf("got %+v", d)
	}
	if len(c.left) != 0 {
		t.Error("a general message has a transmit timestamp")
	}
}

// What has come while we stood still is read before anything is decided by the time.
func TestABacklogIsReadWhole(t *testing.T) {
	p := looped(t)
	announcement := (&wire.Message{Kind: wire.KindAnnounce, Source: self}).Append(nil)
	for range 3 * batch {
		if err := p.Send(announcement, loopback); err != nil {
			t.Fatal(err)
		}
	}
	c := &collector{left: map[uint16]aes67.RawTime{}}
	now := nowRaw(t)
	if err := p.Wait(now, now.Add(time.Second), c); err != nil {
		t.Fatal(err)
	}
	if n := len(c.datagrams); n != 3*batch {
		t.Errorf("%d datagrams of %d in one turn", n, 3*batch)
	}
}

// counter counts, and keeps nothing.
type counter struct{ datagrams, left int }

func (c *counter) Datagram(*Datagram)                           { c.datagrams++ }
func (c *counter) Transmitted(wire.Kind, uint16, aes67.RawTime) { c.left++ }

func TestReceivingDoesNotAllocate(t *testing.T) {
	p := looped(t)
	c := &counter{}
	sync := (&wire.Message{Kind: wire.KindSync, Flags: wire.FlagTwoStep, Source: self, LogInterval: -3}).Append(nil)
	round := func() {
		want := *c
		if err := p.Send(sync, loopback); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			now := nowRaw(t)
			if err := p.Wait(now, now.Add(20*time.Millisecond), c); err != nil {
				t.Fatal(err)
			}
			if c.datagrams > want.datagrams && c.left > want.left {
				return
			}
		}
		t.Fatal("lost")
	}
	round()
	if n := testing.AllocsPerRun(200, round); n > 0 {
		t.Errorf("%v allocations to send and receive a message, want 0", n)
	}
}

func TestWakeFreesWait(t *testing.T) {
	p := looped(t)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer p.WakeOn(ctx)()
	defer stop()
	start := nowRaw(t)
	if err := p.Wait(start, start.Add(10*time.Second), &counter{}); err != nil {
		t.Fatal(err)
	}
	if d := nowRaw(t).Sub(start); d > 5*time.Second {
		t.Errorf("Wait lasted %v after Wake", d)
	}
}

func TestSocketOptions(t *testing.T) {
	p := looped(t)
	for _, fd := range []int{p.event, p.general} {
		for _, o := range []struct {
			name       string
			level, opt int
			want       int
		}{
			{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, 46 << 2},
			{"IP_MULTICAST_TTL", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 1},
			{"IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
			{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
			{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, 6},
		} {
			if got, err := unix.GetsockoptInt(fd, o.level, o.opt); err != nil || got != o.want {
				t.Errorf("%s is %d, %v; want %d", o.name, got, err, o.want)
			}
		}
	}
}

func TestJoinAndLeave(t *testing.T) {
	p := looped(t)
	if err := p.Join(1); err != nil {
		t.Skip("no multicast on the loopback interface:", err)
	}
	if err := p.Join(1); err != nil {
		t.Errorf("joining again: %v", err)
	}
	p.Rejoin()
	if got := p.Joined(); !slices.Equal(got, []int{1}) {
		t.Errorf("joined %v, want interface 1", got)
	}
	p.Leave(1)
	if got := p.Joined(); len(got) != 0 {
		t.Errorf("joined %v, want none", got)
	}
	if err := p.Join(99999); err == nil || len(p.Joined()) != 0 {
		t.Errorf("joined an interface that is not there: %v, %v", p.Joined(), err)
	}
}

func TestOpenTellsThatPermissionIsMissing(t *testing.T) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread gives up its capabilities
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			done <- err
			return
		}
		p, err := Open(46)
		if err == nil {
			p.Close()
		}
		done <- err
	}()
	err := <-done
	if err == nil {
		t.Skip("this machine lets everybody bind port 319")
	}
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v, want os.ErrPermission", err)
	}
	t.Log(err)
}
