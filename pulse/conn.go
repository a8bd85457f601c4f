package pulse

// Hot: pull runs once a read, in the capture context; what asks the server does not.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

const (
	// requestTimeout is how long a server may take to answer before it counts as
	// lost.
	requestTimeout = 5 * time.Second
	// maxRequest bounds a request in bytes: the library panics at 1024.
	maxRequest = 900
	// readBytes is the most that one read takes: more than a burst after a stall
	// of 100 ms at 8 channels.
	readBytes = 256 << 10
)

var (
	errClosed   = errors.New("connection closed")
	errNoAnswer = errors.New("the server does not answer")
	// errHungUp is not io.EOF: on that the library calls back once more.
	errHungUp = errors.New("the server closed the connection")
)

// conn is the guarded connection: the reader and writer that the library is
// given in place of a socket. The library's read goroutine calls Read, which is
// the capture context: it blocks in read(2) on a thread of its own, hands audio
// over and gives the library nothing but whole, checked control packets. So the
// library can meet an error only between two packets, where it ends its
// goroutine and fails every waiting request.
type conn struct {
	fd       int
	now      func() aes67.MonoTime
	onReader func() (end func())
	onEnd    func() // what onReader returned
	framer   *framer
	client   proto.Client

	// of the capture goroutine
	started bool
	failed  bool
	buf     []byte
	out     []byte // checked packets
	given   int    // bytes of out that the library has taken
	ended   chan struct{}

	// of the requesting goroutine
	requests sync.Mutex
	reply    reflect.Type // of the request being written
	head     [descriptorSize]byte
	headLen  int
	packet   []byte

	version  atomic.Uint32
	expected atomic.Pointer[expectation]

	closing sync.Mutex
	cause   error
	lost    chan struct{}
	closed  bool
}

// newConn takes over the socket fd. on is called on the capture goroutine for
// each message; it must not block and must not make requests.
func newConn(fd int, f *framer, now func() aes67.MonoTime, onReader func() (end func()), on func(message any)) *conn {
	c := &conn{
		fd: fd, now: now, onReader: onReader, framer: f,
		buf:   make([]byte, readBytes),
		ended: make(chan struct{}), lost: make(chan struct{}),
	}
	f.reset(c.check)
	c.client.Callback = on
	c.version.Store(uint32(protocolVersion))
	return c
}

// open starts the capture goroutine; close ends it.
func (c *conn) open() { c.client.Open(c) }

// close ends the connection and returns when nothing reads it any more.
func (c *conn) close() {
	c.fail(errClosed)
	<-c.ended
	c.closing.Lock()
	defer c.closing.Unlock()
	if !c.closed {
		c.closed = true
		unix.Close(c.fd)
	}
}

// fail marks the connection as lost and frees whoever is blocked in it.
func (c *conn) fail(cause error) {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.cause != nil {
		return
	}
	c.cause = cause
	close(c.lost)
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // fails if the peer was faster
}

// err returns why the connection was lost.
func (c *conn) err() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	return c.cause
}

// Read gives the library its next bytes. It is called by the library's read
// goroutine alone.
func (c *conn) Read(p []byte) (int, error) {
	if c.failed {
		runtime.Goexit() // not reached as long as the library keeps its promise
	}
	if !c.started {
		c.started = true
		// Never unlocked: the thread, and its priority, end with the goroutine.
		runtime.LockOSThread()
		if c.onReader != nil {
			c.onEnd = c.onReader()
		}
	}
	if c.given == len(c.out) {
		c.given, c.out = 0, c.out[:0]
		if cap(c.out) > messageBytes {
			c.out = nil
		}
	}
	for len(c.out) == 0 {
		if err := c.pull(); err != nil {
			c.failed = true
			c.fail(err)
			if c.onEnd != nil {
				c.onEnd()
			}
			close(c.ended)
			return 0, err
		}
	}
	n := copy(p, c.out[c.given:])
	c.given += n
	return n, nil
}

// pull does one read(2) and everything that follows from it.
func (c *conn) pull() error {
	n, err := unix.Read(c.fd, c.buf)
	at := c.now()
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return err
	case n <= 0:
		return errHungUp
	}
	return c.framer.feed(c.buf[:n], at)
}

// check is what the framer calls for each control payload.
func (c *conn) check(payload []byte) {
	c.out = appendChecked(c.out, payload, c.expected.Load(), proto.Version(c.version.Load()))
}

// Write is called by the library, descriptor first and payload after that; they
// leave together.
func (c *conn) Write(p []byte) (int, error) {
	taken := len(p)
	if c.headLen < descriptorSize {
		n := copy(c.head[c.headLen:], p)
		c.headLen, p = c.headLen+n, p[n:]
	}
	if len(p) == 0 {
		return taken, nil
	}
	c.headLen = 0
	if _, tag, ok := header(p); ok && binary.BigEndian.Uint32(c.head[4:]) == controlChannel {
		c.expected.Store(&expectation{tag, c.reply})
	}
	c.packet = append(append(c.packet[:0], c.head[:]...), p...)
	for rest := c.packet; len(rest) > 0; {
		n, err := unix.SendmsgN(c.fd, rest, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && !errors.Is(err, unix.EINTR) {
			c.fail(fmt.Errorf("write: %w", err))
			return 0, err
		}
		rest = rest[max(n, 0):]
	}
	return taken, nil
}

// request asks the server and waits for the answer, which is read into reply
// unless that is nil. reply must be a fresh struct: after a timeout it still
// belongs to the library.
func (c *conn) request(what string, req proto.RequestArgs, reply proto.Reply) error {
	return c.requestWithin(requestTimeout, what, req, reply)
}

// requestWithin is request with a limit of its own.
func (c *conn) requestWithin(limit time.Duration, what string, req proto.RequestArgs, reply proto.Reply) error {
	if n := requestSize(req); n > maxRequest {
		return fmt.Errorf("%s: request of %d bytes: at most %d; use shorter names", what, n, maxRequest)
	}
	c.requests.Lock()
	defer c.requests.Unlock()
	if err := c.err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	c.reply = nil
	if reply != nil {
		c.reply = reflect.TypeOf(reply).Elem()
	}
	c.client.SetTimeout(limit)
	err := c.client.Request(req, reply)
	c.expected.Store(nil)
	if errors.Is(err, context.DeadlineExceeded) {
		c.fail(errNoAnswer)
	}
	if lost := c.err(); err != nil && lost != nil {
		err = lost
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// send writes audio of a playback stream.
func (c *conn) send(stream uint32, data []byte) error {
	if err := c.err(); err != nil {
		return err
	}
	c.requests.Lock()
	defer c.requests.Unlock()
	return c.client.Send(stream, data)
}

var _ io.ReadWriter = (*conn)(nil)

// requestSize returns the bytes of a request as the library writes it.
func requestSize(req proto.RequestArgs) int {
	return replyHeader + structSize(reflect.ValueOf(req).Elem())
}

// structSize adds up type bytes and values; it may be a little too much, for
// fields that the version leaves out.
func structSize(v reflect.Value) int {
	size := 0
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			size += 2 + f.Len()
		case reflect.Map:
			size += 2 + propertiesSize(f.Interface().(proto.PropList))
		case reflect.Slice:
			if f.Type().Elem().Kind() == reflect.Struct {
				for j := range f.Len() {
					size += 4 + structSize(f.Index(j))
				}
			} else {
				size += f.Len() * int(f.Type().Elem().Size())
			}
			size += 5
		case reflect.Struct:
			size += 1 + structSize(f)
		case reflect.Bool: // is its own type byte
			size++
		default:
			size += 1 + int(f.Type().Size())
		}
	}
	return size
}

func propertiesSize(list proto.PropList) int {
	size := 0
	for key, value := range list {
		size += 2 + len(key) + 10 + len(value)
	}
	return size
}
