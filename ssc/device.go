// Package ssc asks and sets Neumann KH speakers by Sennheiser Sound Control: one TCP
// connection a speaker (port 45, IPv6), one request at a time, one line each way.
// wire has the messages.
package ssc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/ssc/wire"
)

// Port is where speakers listen, unless mDNS says otherwise (SSC catalogue, khtool).
const Port = 45

const (
	// DefaultTimeout bounds connecting, and each request. The tools wait 1 to 3 s;
	// speakers that take 3 s have been told of.
	DefaultTimeout = 4 * time.Second
	// maxStale bounds the lines that answer nothing before one that does.
	maxStale = 256
	// maxRemembered bounds what is remembered of a connection.
	maxRemembered = 256
)

// Names of package wire that whoever asks speakers needs.
type (
	// Path is the address of a leaf.
	Path = wire.Path
	// Value is what it holds.
	Value = wire.Value
	// Limits are what it takes.
	Limits = wire.Limits
	// Error is a refusal.
	Error = wire.Error
)

// Kinds of failure, beside *Error. What a request returns wraps one of them.
var (
	ErrLocal       = errors.New("the speaker is set to LOCAL at its rear and takes no settings from the network")
	ErrUnreachable = errors.New("the speaker cannot be reached")
	ErrSilent      = errors.New("the speaker does not answer")
	ErrGarbled     = errors.New("the speaker sends what is no answer")
	ErrClosed      = errors.New("no longer asked")
)

// Another is a speaker at the address of the one that is meant.
type Another struct {
	Addr   netip.AddrPort
	Serial string // as it tells; "": it tells none
	Meant  string
}

func (e *Another) Error() string {
	if e.Serial == "" {
		return fmt.Sprintf("at %s answers a speaker that tells no serial number, not %s", e.Addr, e.Meant)
	}
	return fmt.Sprintf("at %s answers another speaker, serial %q, not %s", e.Addr, e.Serial, e.Meant)
}

// Device is a speaker. It connects when asked something, and anew after an error.
// Its methods may be called from anywhere and wait for one another.
type Device struct {
	addr    netip.AddrPort
	timeout time.Duration
	meant   string // the serial number that each connection is asked for first; "": any will do

	turn  chan struct{} // holds one: whoever has it may use what follows
	life  context.Context
	end   context.CancelFunc
	conn  net.Conn
	lines *bufio.Reader
	// What this connection has taught; a speaker that comes back may be another, or
	// have other firmware.
	product  string
	absent   map[Path]*Error
	limits   map[Path]Limits
	noLimits bool
	noSchema bool
}

// NewDevice makes a speaker that is connected to when it is asked something. timeout
// bounds each request; 0 is DefaultTimeout.
func NewDevice(addr netip.AddrPort, timeout time.Duration) *Device {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	d := &Device{addr: addr, timeout: timeout, turn: make(chan struct{}, 1)}
	d.life, d.end = context.WithCancel(context.Background())
	d.turn <- struct{}{}
	return d
}

// Expect lets it speak to the speaker of a serial number alone: another one, which is an
// *Another, is asked nothing else, and set nothing. It is to be called before the first
// request.
func (d *Device) Expect(serial string) { d.meant = serial }

// Addr is where the speaker is.
func (d *Device) Addr() netip.AddrPort { return d.addr }

// Close ends the connection, and a request that is under way. What is asked later
// fails with ErrClosed.
func (d *Device) Close() {
	d.end()
	<-d.turn
	d.drop()
	d.turn <- struct{}{}
}

// Get asks for a leaf. A refusal is an *Error; 404 is remembered, and not asked again
// on this connection.
func (d *Device) Get(ctx context.Context, p Path) (v Value, err error) {
	err = d.do(ctx, func(ctx context.Context) error {
		v, err = d.leaf(ctx, p, wire.Null)
		return err
	})
	return v, err
}

// Set writes a leaf and returns what the speaker confirms, which it may have clamped.
// ErrForbidden (package wire) is what is never written; ErrLocal a refusal because the
// rear switches rule.
func (d *Device) Set(ctx context.Context, p Path, v Value) (confirmed Value, err error) {
	if err := wire.Allowed(p, v); err != nil {
		return Value{}, err
	}
	err = d.do(ctx, func(ctx context.Context) error {
		confirmed, err = d.leaf(ctx, p, v)
		var refused *Error
		if !errors.As(err, &refused) && (err != nil || confirmed.Same(v)) {
			return err
		}
		if refused != nil && refused.Code == 404 {
			return err
		}
		if mode, asked := d.leaf(ctx, wire.ControlMode, wire.Null); asked == nil && mode.Same(wire.Text(wire.Local)) {
			return fmt.Errorf("%w (%s=%s)", ErrLocal, p, v)
		}
		return err
	})
	return confirmed, err
}

// Limits are what a leaf may hold: as the speaker tells, else (Told is false) as the
// public tools know its model. ok is false where neither is known.
func (d *Device) Limits(ctx context.Context, p Path) (l Limits, ok bool, err error) {
	err = d.do(ctx, func(ctx context.Context) error {
		var known bool
		if l, known = d.limits[p]; known {
			ok = true
			return nil
		}
		if !d.noLimits {
			var refused *Error
			switch l, err = d.askLimits(ctx, p); {
			case err == nil:
				if len(d.limits) < maxRemembered {
					d.limits[p] = l
				}
				ok = true
				return nil
			case errors.As(err, &refused) || errors.Is(err, wire.ErrMessage):
				d.noLimits = refused != nil && refused.Path == "" // the question, not the address
			default:
				return err
			}
		}
		if d.product == "" {
			v, err := d.leaf(ctx, wire.Product, wire.Null)
			if err != nil {
				return err
			}
			d.product, _ = v.Text()
		}
		l, ok = wire.KnownLimits(d.product, p)
		return nil
	})
	return l, ok, err
}

// Below are the names below an address ("" is the root), and whether each is a
// container. An *Error is firmware that does not tell; it is not asked again on this
// connection.
func (d *Device) Below(ctx context.Context, p Path) (below map[string]bool, err error) {
	err = d.do(ctx, func(ctx context.Context) error {
		if d.noSchema {
			return &Error{Code: 400, Desc: "this firmware does not tell its addresses", Path: p}
		}
		line, err := wire.AskSchema(p)
		if err != nil {
			return err
		}
		v, err := d.exchange(ctx, line, "osc/schema")
		var refused *Error
		if errors.As(err, &refused) {
			d.noSchema = d.noSchema || p == ""
			return err
		}
		if err == nil {
			below, err = wire.ParseSchema(p, v)
		}
		return err
	})
	return below, err
}

// Raw sends a line of JSON as it is, and returns the first line that comes back. What
// must never be written is refused (wire.AllowedLine).
func (d *Device) Raw(ctx context.Context, line string) (answer string, err error) {
	if err := wire.AllowedLine([]byte(line)); err != nil {
		return "", err
	}
	err = d.do(ctx, func(ctx context.Context) error {
		answer, err = d.raw(ctx, line)
		return err
	})
	return answer, err
}

// do runs a request in its turn, once more if an idle connection turns out to be dead:
// a leaf that is set twice to one value is set once.
func (d *Device) do(ctx context.Context, request func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrSilent, ctx.Err())
	case <-d.turn:
	}
	defer func() { d.turn <- struct{}{} }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	if d.life.Err() != nil {
		return ErrClosed
	}
	idle := d.conn != nil
	err := request(ctx)
	if idle && d.conn == nil && errors.Is(err, errLost) && ctx.Err() == nil {
		err = request(ctx)
	}
	if err != nil && d.life.Err() != nil {
		return ErrClosed
	}
	return err
}

func (d *Device) drop() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
	d.conn, d.lines = nil, nil
}

// connect makes a connection where there is none.
func (d *Device) connect(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	dialling, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialling, "tcp", d.addr.String())
	if err != nil {
		return fmt.Errorf("%w at %s: %w; is it on, and on the network of that interface?", ErrUnreachable, d.addr, cause(err))
	}
	// What is queued when a connection is given up must never be obeyed: closed so, it is
	// discarded (socket(7), SO_LINGER with no time), and not sent again for a minute.
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	d.conn, d.lines = conn, bufio.NewReaderSize(conn, wire.MaxLine)
	d.product, d.absent, d.limits, d.noLimits, d.noSchema = "", map[Path]*Error{}, map[Path]Limits{}, false, false
	if d.meant == "" {
		return nil
	}
	return d.recognize(ctx)
}

// recognize asks for the serial number on a new connection.
func (d *Device) recognize(ctx context.Context) error {
	line, err := wire.Message(wire.Serial, wire.Null)
	if err != nil {
		return err
	}
	v, err := d.exchange(ctx, line, wire.Serial)
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	if serial, _ := v.Text(); serial != d.meant {
		d.drop()
		return &Another{d.addr, serial, d.meant}
	}
	return nil
}

// cause leaves the address out, which is told already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// leaf asks for or sets one.
func (d *Device) leaf(ctx context.Context, p Path, v Value) (Value, error) {
	if err := d.connect(ctx); err != nil {
		return Value{}, err
	}
	if refused := d.absent[p]; refused != nil {
		return Value{}, refused
	}
	line, err := wire.Message(p, v)
	if err != nil {
		return Value{}, err
	}
	got, err := d.exchange(ctx, line, p)
	var refused *Error
	if errors.As(err, &refused) {
		if refused.Path == "" {
			refused.Path = p
		}
		if refused.Code == 404 && len(d.absent) < maxRemembered {
			d.absent[p] = refused
		}
	}
	return got, err
}

func (d *Device) askLimits(ctx context.Context, p Path) (Limits, error) {
	line, err := wire.AskLimits(p)
	if err != nil {
		return Limits{}, err
	}
	v, err := d.exchange(ctx, line, "osc/limits")
	if err != nil {
		return Limits{}, err
	}
	return wire.ParseLimits(p, v)
}

// errLost is a connection that ended.
var errLost = errors.New("the connection ended")

// exchange sends a line and reads until one answers it.
func (d *Device) exchange(ctx context.Context, line []byte, p Path) (Value, error) {
	var v Value
	err := d.within(ctx, func() error {
		if err := d.send(line); err != nil {
			return err
		}
		for range maxStale {
			said, err := d.read()
			if err != nil {
				return err
			}
			reply, err := wire.Parse(said)
			switch {
			case err == nil && reply.Err != nil && (reply.Err.Path == "" || reply.Err.Path == p || p == "osc/limits" || p == "osc/schema"):
				return reply.Err
			case err == nil && reply.Path == p && reply.Err == nil:
				v = reply.Value
				return nil
			}
		}
		return fmt.Errorf("%w: %d lines, none about %s", ErrGarbled, maxStale, p)
	})
	return v, err
}

func (d *Device) raw(ctx context.Context, line string) (answer string, err error) {
	err = d.within(ctx, func() error {
		if err := d.send(append([]byte(line), '\r', '\n')); err != nil {
			return err
		}
		said, err := d.read()
		answer = string(wire.Trim(said))
		return err
	})
	return answer, err
}

// within runs one exchange on a connection until its deadline. After anything but an
// answer the connection is no longer used: what comes late shall answer nothing else.
func (d *Device) within(ctx context.Context, exchange func() error) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	conn := d.conn
	_ = conn.SetDeadline(time.Now().Add(d.timeout))
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)); close(ended) })
	defer func() {
		if !stop() {
			<-ended // else it would end the next exchange
		}
	}()
	err := exchange()
	var refused *Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	d.drop()
	var timeout net.Error
	switch {
	case errors.Is(err, ErrGarbled), errors.Is(err, wire.ErrTooLong):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w at %s: %w", ErrSilent, d.addr, ctx.Err())
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w at %s within %v; it may be asleep, or its network busy", ErrSilent, d.addr, d.timeout)
	}
	return fmt.Errorf("%w at %s: %w (%w); is it on?", ErrUnreachable, d.addr, errLost, cause(err))
}

// send discards what came unasked, and writes.
func (d *Device) send(line []byte) error {
	if err := d.discard(); err != nil {
		return err
	}
	_, err := d.conn.Write(line)
	return err
}

// discard reads away what has come before anything was asked, without waiting.
func (d *Device) discard() error {
	if n := d.lines.Buffered(); n > 0 {
		_, _ = d.lines.Discard(n)
	}
	tcp, ok := d.conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var scrap [4096]byte
	for range maxStale {
		n := 0
		if err := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), scrap[:])
			return true
		}); err != nil {
			return err
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return err
		case n == 0:
			return errLost
		}
	}
	return fmt.Errorf("%w: it sends without being asked, and without an end", ErrGarbled)
}

// read returns the next line; it is valid until the one after it.
func (d *Device) read() ([]byte, error) {
	line, err := d.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: %w", ErrGarbled, wire.ErrTooLong)
	}
	return line, err
}
