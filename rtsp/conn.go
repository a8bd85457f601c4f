package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// requestTime is how long a request may take, the first from the connection
	// on.
	requestTime = 10 * time.Second
	// writeTime is how long a client may take to read what it gets.
	writeTime = 5 * time.Second
)

// readers are used again: a flood of connections makes little garbage, whose collection
// could make packets late.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxHead) }}

// conn is one client's connection.
type conn struct {
	server *Server
	net    net.Conn
	from   netip.Addr
	began  time.Time
	wake   chan struct{} // a description may have changed

	mu       sync.Mutex // held while something is written, and for what follows
	dialogue dialogue

	completed bool      // a request was answered; guarded by server.mu, as is
	usedAt    time.Time // when there was last one
}

// run serves the connection until it ends.
func (c *conn) run() {
	defer c.server.forget(c)
	defer func() {
		if p := recover(); p != nil { // a broken invariant of ours costs this client alone
			c.server.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("internal error")
		}
	}()
	ended := make(chan struct{})
	var pusher sync.WaitGroup
	pusher.Go(func() { c.push(ended) })
	err := c.read()
	close(ended)
	_ = c.net.Close()
	pusher.Wait()
	c.server.log.Debug().Err(err).Stringer("client", c.from).Msg("RTSP client left")
}

// read answers requests until one is the last.
func (c *conn) read() error {
	r := readers.Get().(*bufio.Reader)
	r.Reset(c.net)
	defer func() {
		r.Reset(nil)
		readers.Put(r)
	}()
	_ = c.net.SetReadDeadline(c.began.Add(requestTime))
	for {
		if _, err := r.Peek(1); err != nil {
			return err
		}
		if c.isComplete() {
			_ = c.net.SetReadDeadline(time.Now().Add(requestTime))
		}
		h, err := readHead(r)
		if err == nil && h.isAnswer() { // to a push
			if err = h.discardBody(r); err == nil {
				c.rest()
				continue
			}
		}
		var request request
		if err == nil {
			request, err = parseRequest(h)
		}
		if err == nil {
			err = h.discardBody(r)
		}
		if err != nil {
			return c.refuse(err)
		}
		if last, err := c.respond(&request); last || err != nil {
			return err
		}
		c.rest()
	}
}

// rest waits for the next message: for ever once something was asked and answered,
// since receivers stay to hear of changes.
func (c *conn) rest() {
	if c.isComplete() {
		_ = c.net.SetReadDeadline(time.Time{})
	}
}

// refuse tells what is wrong with a request, if the client still listens.
func (c *conn) refuse(err error) error {
	var late net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &late) {
		return err
	}
	c.server.count(func(s *Status) { s.Refused++ })
	c.mu.Lock()
	defer c.mu.Unlock()
	a := refusal(err)
	return errors.Join(err, c.write(a.append(nil)))
}

// respond answers a request.
func (c *conn) respond(r *request) (last bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.dialogue.answer(r, c.server.current())
	c.server.log.Debug().Stringer("client", c.from).Str("method", r.method).Str("uri", r.uri).Int("code", a.code).Msg("RTSP request")
	c.server.used(c, a.code == 200 || a.code == 404)
	return a.last, c.write(a.append(nil))
}

// push sends the descriptions that have changed, whenever it is woken. A client
// that does not take them in time is left.
func (c *conn) push(ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-c.wake:
		}
		if err := c.pushAll(); err != nil {
			_ = c.net.Close() // read ends with it
			return
		}
	}
}

func (c *conn) pushAll() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxAsked {
		b := c.dialogue.push(c.server.current())
		if b == nil {
			return nil
		}
		if err := c.write(b); err != nil {
			return err
		}
		c.server.count(func(s *Status) { s.Pushed++ })
	}
	return nil
}

// write writes a whole message. The caller holds mu.
func (c *conn) write(b []byte) error {
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := c.net.Write(b); err != nil {
		return fmt.Errorf("rtsp: client %v: %w", c.from, err)
	}
	return nil
}

func (c *conn) isComplete() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.completed
}
