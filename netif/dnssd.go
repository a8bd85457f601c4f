package netif

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/mcast"
	"aes67-sink/internal/wake"
)

const (
	// signLife is how long an announced service counts: records live 75 minutes
	// and are announced anew before (RFC 6762, 10).
	signLife = 75 * time.Minute
	// maxMessages bounds the messages looked at in one second.
	maxMessages = 200
	// maxMessage is the largest multicast DNS message (RFC 6762, 17).
	maxMessage  = 9000
	reopenAfter = 10 * time.Second
	rejoinAfter = time.Second
	// askAgainAfter is when it asks a second time, for the first may be lost while a link
	// comes up (RFC 6762, 5.2: at least one second).
	askAgainAfter = time.Second
)

// DNSSD hears AES67 devices announce their services by multicast DNS: by
// themselves, because somebody else asks, or because it asks itself, twice when it
// begins to listen on an interface. It is the weakest kind of sign.
type DNSSD struct {
	now     func() aes67.MonoTime
	log     zerolog.Logger
	wake    chan struct{}
	changed chan struct{}
	open    func() (groupConn, error)
	local   func(netip.Addr) bool // is an address of this machine

	mu       sync.Mutex
	listen   []int
	rejoin   bool
	signs    map[int]Sign
	second   aes67.MonoTime
	inSecond int
}

// groupConn is the network as DNSSD sees it.
type groupConn interface {
	Join(index int) error
	Leave(index int) error
	// Send sends to where multicast DNS is spoken.
	Send(index int, to netip.AddrPort, b []byte) error
	Receive(b []byte) (n int, source netip.Addr, index int, err error)
	Close() error
}

// NewDNSSD makes a listener that does nothing until Run; now is
// CLOCK_MONOTONIC.
func NewDNSSD(now func() aes67.MonoTime, log zerolog.Logger) *DNSSD {
	return &DNSSD{
		now: now, log: log, open: openMDNS, local: isLocal, signs: map[int]Sign{},
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
}

// Listen sets the interfaces to listen on; signs on others are forgotten.
func (d *DNSSD) Listen(indexes []int) error {
	for _, index := range indexes {
		if index <= 0 {
			return fmt.Errorf("netif: interface index %d: must be positive", index)
		}
	}
	d.mu.Lock()
	d.listen = slices.Clone(indexes)
	for index := range d.signs {
		if !slices.Contains(indexes, index) {
			delete(d.signs, index)
		}
	}
	d.mu.Unlock()
	wake.Signal(d.wake)
	return nil
}

// Rejoin joins again on every interface, for the return of a carrier.
func (d *DNSSD) Rejoin() {
	d.mu.Lock()
	d.rejoin = true
	d.mu.Unlock()
	wake.Signal(d.wake)
}

// Signs returns one sign for each interface on which a service was announced,
// ordered by index.
func (d *DNSSD) Signs() []Sign {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	out := make([]Sign, 0, len(d.signs))
	for index, sign := range d.signs {
		if now.Sub(sign.At) > signLife {
			delete(d.signs, index)
			continue
		}
		out = append(out, sign)
	}
	slices.SortFunc(out, func(a, b Sign) int { return a.Index - b.Index })
	return out
}

// Changed is woken when an interface has its first sign.
func (d *DNSSD) Changed() <-chan struct{} { return d.changed }

// Run listens until ctx ends and returns nil. A socket that cannot be had, or
// fails, is told once and tried again.
func (d *DNSSD) Run(ctx context.Context) error {
	level := zerolog.InfoLevel // once, and no more: other signs remain
	for ctx.Err() == nil {
		if err := d.session(ctx); ctx.Err() == nil {
			d.log.WithLevel(level).Err(err).Float64("retry_s", reopenAfter.Seconds()).Msg("multicast DNS is not heard")
			level = zerolog.DebugLevel
			wake.Pause(ctx, reopenAfter)
		}
	}
	return nil
}

// session listens on one socket until ctx ends or it fails.
func (d *DNSSD) session(ctx context.Context) error {
	conn, err := d.open()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() { failed <- d.read(conn) })
	err = d.members(ctx, conn, failed)
	err = errors.Join(err, conn.Close())
	reader.Wait()
	return err
}

// members keeps the memberships as Listen asked, until ctx ends (nil) or
// reading failed.
func (d *DNSSD) members(ctx context.Context, conn groupConn, failed <-chan error) error {
	var joined mcast.Keeper
	retry := time.NewTimer(0)
	defer retry.Stop()
	type asked struct { // on an interface, once
		index int
		again time.Time
	}
	var once []asked // in order of time
	again := time.NewTimer(askAgainAfter)
	defer again.Stop()
	join := func(index int) error {
		err := conn.Join(index)
		if err == nil {
			d.ask(conn, index)
			once = append(slices.DeleteFunc(once, func(a asked) bool { return a.index == index }), asked{index, time.Now().Add(askAgainAfter)})
			again.Reset(time.Until(once[0].again))
		}
		return err
	}
	for {
		d.mu.Lock()
		listen, rejoin := d.listen, d.rejoin
		d.rejoin = false
		d.mu.Unlock()
		if failed, err := joined.Adjust(listen, rejoin, join, conn.Leave); len(failed) > 0 {
			d.log.Debug().Err(err).Int("interface_index", failed[0]).Msg("cannot join multicast DNS, retrying")
			retry.Reset(rejoinAfter)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("netif: receiving multicast DNS: %w", err)
		case <-d.wake:
		case <-retry.C:
		case <-again.C:
			for ; len(once) > 0 && time.Until(once[0].again) <= 0; once = once[1:] {
				if slices.Contains(listen, once[0].index) {
					d.ask(conn, once[0].index)
				}
			}
			if len(once) > 0 {
				again.Reset(time.Until(once[0].again))
			}
		}
	}
}

// ask asks on an interface who is there.
func (d *DNSSD) ask(conn groupConn, index int) {
	if err := conn.Send(index, mdnsGroup(), query()); err != nil {
		d.log.Debug().Err(err).Int("interface_index", index).Msg("cannot ask by multicast DNS, listening")
	}
}

// read takes messages until the socket is closed. A message that breaks an
// invariant of ours ends this session, not the program and its sound.
func (d *DNSSD) read(conn groupConn) (failure error) {
	defer func() {
		if p := recover(); p != nil {
			failure = fmt.Errorf("netif: internal error: %v\n%s", p, debug.Stack())
		}
	}()
	buf := make([]byte, maxMessage)
	for {
		n, source, index, err := conn.Receive(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		d.received(d.now(), index, source, buf[:n])
	}
}

// received lets one message in. What this machine announces is no sign: it may
// be the bridge itself.
func (d *DNSSD) received(now aes67.MonoTime, index int, source netip.Addr, b []byte) {
	if !d.wanted(now, index) {
		return
	}
	service := announcedService(b)
	if service == "" || d.local(source) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.listen, index) {
		return
	}
	sign, known := d.signs[index]
	if !known || now.Sub(sign.At) > signLife { // else what was said first stays
		sign = Sign{Index: index, Kind: SignDNSSD, Source: source, Detail: fmt.Sprintf("service %s announced by %v", service, source)}
	}
	sign.At = now
	d.signs[index] = sign
	if !known {
		wake.Signal(d.changed)
	}
}

// wanted reports whether a message is worth looking at.
func (d *DNSSD) wanted(now aes67.MonoTime, index int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if second := now / aes67.MonoTime(time.Second); second != d.second {
		d.second, d.inSecond = second, 0
	}
	d.inSecond++
	return d.inSecond <= maxMessages && slices.Contains(d.listen, index)
}

// isLocal reports whether an address is one of this machine's; if that cannot
// be told it counts as one.
func isLocal(addr netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		prefix, ok := a.(*net.IPNet)
		return ok && prefix.IP.Equal(addr.AsSlice())
	})
}
