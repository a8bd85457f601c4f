package port

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/mcast"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// Where PTP messages go on UDP over IPv4 (IEEE 1588-2008, annex D).
const (
	eventPort   = 319
	generalPort = 320
)

// group carries everything but peer delay messages (IEEE 1588-2008, D.3).
var group = netip.AddrFrom4([4]byte{224, 0, 1, 129})

// timestamping asks for software timestamps of both directions. OPT_ID numbers
// the datagrams so that a transmit timestamp finds its message, and OPT_TSONLY
// returns the timestamp without the packet (kernel
// Documentation/networking/timestamping.rst).
const timestamping = unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_RX_SOFTWARE |
	unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_OPT_ID | unix.SOF_TIMESTAMPING_OPT_TSONLY

// socketPriority is the highest that needs no privilege. It is set after the
// DSCP because IP_TOS overwrites it.
const socketPriority = 6

// sentHistory is how many sent event messages may await their timestamp.
const sentHistory = 64

// Sockets are those of PTP: UDP 319 and 320, both open for the life of the
// process. Join, Leave, Select and Wake may be called from any goroutine; Wait
// and Send belong to one.
type Sockets struct {
	event, general int                     // file descriptors
	wake           int                     // eventfd
	readings       func() (Readings, bool) // how the kernel's clocks are read
	clock          wallClock
	stepped        bool // the date was set since Wait looked
	sleep          sleepClock
	base           TimeBase
	slewed         bool // since the loop's renew
	slept          bool // since takeSlept
	rx             receiver
	card           card      // of Wait's goroutine
	hardware       bool      // the event socket asks for hardware timestamps
	open           phcReader // how a card's clock is found

	mu       sync.Mutex
	selected string         // the interface whose card is to be looked for
	used     int            // index of the interface that Select chose
	stamps   ptp.Timestamps // what is used now
	joined   map[int]bool   // interfaces whose group membership both sockets have
	parked   bool           // deaf, for nothing is to be heard
	to       [2]unix.SockaddrInet4
	sequence uint32 // OPT_ID that the kernel gives to the next event message
	sent     [sentHistory]sentMessage
}

type sentMessage struct {
	id       uint32
	kind     wire.Kind
	sequence uint16
	waiting  bool
}

// Open opens UDP 319 and 320 on all addresses. Nothing is joined yet, so
// nothing is heard. The error is os.ErrPermission (errors.Is) when the process
// may not bind ports below 1024.
func Open(dscp int) (*Sockets, error) { return openSockets(eventPort, generalPort, dscp) }

func openSockets(event, general, dscp int) (*Sockets, error) {
	p := &Sockets{event: -1, general: -1, wake: -1, joined: map[int]bool{}, open: openPHC, readings: readClocks}
	p.rx.init()
	var err error
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if p.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("ptp: eventfd: %w", err)
	}
	if p.event, err = openPort(event, dscp); err != nil {
		return nil, err
	}
	if p.general, err = openPort(general, dscp); err != nil {
		return nil, err
	}
	if err = unix.SetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, timestamping); err != nil {
		return nil, fmt.Errorf("ptp: UDP port %d: SO_TIMESTAMPING: %w", event, err)
	}
	p.to[0] = unix.SockaddrInet4{Port: event}
	p.to[1] = unix.SockaddrInet4{Port: general}
	p.look()
	return p, nil
}

func openPort(port, dscp int) (fd int, err error) {
	fd, err = mcast.Socket(netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)),
		mcast.Option{Name: "IP_PKTINFO", Level: unix.IPPROTO_IP, Number: unix.IP_PKTINFO, Value: 1},
		mcast.Option{Name: "IP_MULTICAST_TTL", Level: unix.IPPROTO_IP, Number: unix.IP_MULTICAST_TTL, Value: 1},
		mcast.Option{Name: "IP_MULTICAST_LOOP", Level: unix.IPPROTO_IP, Number: unix.IP_MULTICAST_LOOP, Value: 0},
		mcast.Option{Name: "IP_TOS", Level: unix.IPPROTO_IP, Number: unix.IP_TOS, Value: dscp << 2},
		mcast.Option{Name: "SO_PRIORITY", Level: unix.SOL_SOCKET, Number: unix.SO_PRIORITY, Value: socketPriority},
	)
	if err != nil {
		return -1, fmt.Errorf("ptp: UDP port %d: %w", port, err)
	}
	return fd, nil
}

// Close closes the sockets. Wait must not be running.
func (p *Sockets) Close() {
	p.card.end("")
	for _, fd := range []*int{&p.event, &p.general, &p.wake} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// Join makes both sockets hear the PTP group on an interface. Joining again
// renews the membership, which an interface that came back needs.
func (p *Sockets) Join(ifindex int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(ifindex)
	for _, fd := range []int{p.event, p.general} {
		if err := mcast.Join(fd, group, ifindex); err != nil {
			p.leave(ifindex)
			return fmt.Errorf("ptp: %w", err)
		}
	}
	p.joined[ifindex] = true
	return nil
}

// Rejoin tells the switches anew what is heard here, after a link came back.
func (p *Sockets) Rejoin() {
	for _, i := range p.Joined() {
		p.renew(i)
	}
}

// renew tells the switches anew that an interface is heard, if it is.
func (p *Sockets) renew(ifindex int) (joined bool) {
	p.mu.Lock()
	joined = p.joined[ifindex]
	p.mu.Unlock()
	if joined {
		_ = p.Join(ifindex) // an interface that is gone is missed elsewhere
	}
	return joined
}

// Leave ends what Join began. The interface may be gone already.
func (p *Sockets) Leave(ifindex int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(ifindex)
}

func (p *Sockets) leave(ifindex int) {
	for _, fd := range []int{p.event, p.general} {
		mcast.Leave(fd, group, ifindex)
	}
	delete(p.joined, ifindex)
}

// Joined lists the interfaces that are heard.
func (p *Sockets) Joined() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]int, 0, len(p.joined))
	for i := range p.joined {
		list = append(list, i)
	}
	return list
}

// Select chooses the interface that Send uses, and its address.
func (p *Sockets) Select(iface net.Interface, addr netip.Addr) error {
	mreq := &unix.IPMreqn{Ifindex: int32(iface.Index)}
	if addr.Is4() {
		mreq.Address = addr.As4()
	}
	for _, fd := range []int{p.event, p.general} {
		if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, mreq); err != nil {
			return fmt.Errorf("ptp: sending on interface %s, address %v: %w", iface.Name, addr, err)
		}
	}
	p.mu.Lock()
	p.selected, p.used = iface.Name, iface.Index
	p.mu.Unlock()
	p.Wake()
	return nil
}

// using is the index of the interface that Select chose.
func (p *Sockets) using() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}

// Stamps tells where the timestamps come from.
func (p *Sockets) Stamps() ptp.Timestamps {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stamps
}

// chooseStamps looks for the card of an interface that was just selected, and
// follows the card if it gave up.
func (p *Sockets) chooseStamps() {
	p.mu.Lock()
	name := p.selected
	p.selected = ""
	p.mu.Unlock()
	if name != "" {
		p.card.begin(name, p.open)
	}
	if name == "" && p.card.on == p.hardware {
		return
	}
	p.hardware = p.card.on
	if err := unix.SetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, p.flags()); err != nil && p.hardware {
		p.card.end(fmt.Sprintf("SO_TIMESTAMPING: %v", err))
		p.hardware = false
		_ = unix.SetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, p.flags()) // worked when the port was opened
	}
	p.mu.Lock()
	p.stamps = ptp.Timestamps{Hardware: p.card.on, Why: p.card.why}
	p.mu.Unlock()
}

// flags are those of SO_TIMESTAMPING.
func (p *Sockets) flags() int {
	if p.hardware {
		return timestamping | hardwareTimestamping
	}
	return timestamping
}

// Send sends an encoded message to one address, or to the PTP group if to is
// zero. Event messages are timestamped: the kernel's answer comes by Wait.
func (p *Sockets) Send(b []byte, to netip.Addr) error {
	kind, sequence := wire.KindOf(b), uint16(b[30])<<8|uint16(b[31])
	fd, sa := p.general, &p.to[1]
	if kind.Event() {
		fd, sa = p.event, &p.to[0]
	}
	if !to.Is4() {
		to = group
	}
	sa.Addr = to.As4()
	err := unix.Sendto(fd, b, unix.MSG_DONTWAIT, sa)
	if kind.Event() {
		p.noteSent(kind, sequence, err != nil)
	}
	if err != nil {
		return fmt.Errorf("ptp: sending %v to %v: %w", kind, net.IP(sa.Addr[:]), err)
	}
	return nil
}

// noteSent remembers which message the next OPT_ID stands for. Whether a send
// that failed used up a number depends on how far it got, so the kernel's
// count is started anew; timestamps still under way are given up.
func (p *Sockets) noteSent(kind wire.Kind, sequence uint16, failed bool) {
	if failed {
		_ = unix.SetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, p.flags()&^unix.SOF_TIMESTAMPING_OPT_ID)
		_ = unix.SetsockoptInt(p.event, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, p.flags()) // worked when the port was opened
		p.sequence = 0
		p.sent = [sentHistory]sentMessage{}
		return
	}
	if p.card.on { // the answers to those before should have come
		if p.card.awaited > 0 {
			p.card.miss(outward)
		}
		p.card.awaited++
	}
	p.sent[p.sequence%sentHistory] = sentMessage{id: p.sequence, kind: kind, sequence: sequence, waiting: true}
	p.sequence++
}

// WakeOn ends a Wait when ctx is done. The function that it returns must be
// called before the ports are closed: it waits until nothing touches them.
func (p *Sockets) WakeOn(ctx context.Context) (stop func()) {
	woken := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(woken)
		p.Wake()
	})
	return func() {
		if !unwatch() {
			<-woken
		}
	}
}

// Wake makes a Wait that blocks return.
func (p *Sockets) Wake() {
	one := [8]byte{7: 1, 0: 1} // any value but 0, in either byte order
	_, _ = unix.Write(p.wake, one[:])
}

// look compares the kernel's clocks. It reports whether the computer has slept since
// it did so last.
func (p *Sockets) look() (slept bool) {
	r, ok := p.readings()
	if !ok {
		return false
	}
	p.slewed = p.base.Observe(r.Raw) || p.slewed
	slept = p.sleep.observe(r.Boot)
	p.slept = p.slept || slept
	p.stepped = p.clock.observe(r.Real) || p.stepped
	return slept
}

// lookAgain compares the clocks unless that was done a moment ago.
func (p *Sockets) lookAgain(now aes67.RawTime) {
	if p.base.raw().Add(time.Millisecond) < now {
		p.look()
	}
}

// due is when the next reading is wanted.
func (p *Sockets) due() aes67.RawTime { return p.base.Due(p.clock.mono(0)) }

// takeSlept reports whether the computer has slept since the last call.
func (p *Sockets) takeSlept() (slept bool) {
	slept, p.slept = p.slept, false
	return slept
}

// TAI returns International Atomic Time now, as far as the computer's clock
// knows it: CLOCK_REALTIME and the 37 s by which TAI is ahead of UTC since
// 2017. CLOCK_TAI is no help, its offset stays 0 unless an NTP daemon sets it.
func (p *Sockets) TAI(now aes67.RawTime) aes67.PTPTime {
	p.lookAgain(now)
	utc := aes67.PTPTime(int64(p.base.last.mono) + p.clock.offset()).Add(now.Sub(p.base.raw()))
	return utc.Add(ptp.UTCOffset * time.Second)
}
