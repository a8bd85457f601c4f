package rtsp

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"aes67-sink/sdp"
)

const (
	dialTime   = 3 * time.Second
	answerTime = 5 * time.Second
	// askAgain is after how long a description is asked for once more. Nobody stays
	// connected meanwhile: a small device has few connections to give, and a network
	// of desktops would take them all.
	askAgain = 2 * time.Minute
)

// client fetches one description.
type client struct {
	net      net.Conn
	read     *bufio.Reader
	uri      string
	sequence int
	waiting  bool // for the answer to the last request
}

func dial(ctx context.Context, t Target) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime, KeepAliveConfig: keepAlive}
	return d.DialContext(ctx, "tcp4", t.Address.String())
}

func newClient(nc net.Conn, t Target) *client {
	return &client{net: nc, read: bufio.NewReaderSize(nc, maxHead), uri: "rtsp://" + t.Address.String() + Path(t.Name)}
}

// run asks, and hands over the description that comes.
func (c *client) run(take func(text []byte) error) error {
	if err := c.ask(); err != nil {
		return err
	}
	for range messagesPerAnswer {
		if err := c.message(take); err != nil {
			return err
		}
		if !c.waiting {
			return nil
		}
	}
	return fmt.Errorf("rtsp: %s: never answered", c.uri)
}

// messagesPerAnswer is how many messages may come before the answer is among them: a server
// may tell of a change just then, and what more it has to tell it tells when it is asked again.
const messagesPerAnswer = 8

// ask sends a request for the description.
func (c *client) ask() error {
	c.sequence++
	c.waiting = true
	_ = c.net.SetReadDeadline(time.Now().Add(answerTime))
	return c.write(fmt.Sprintf("DESCRIBE %s %s\r\nCSeq: %d\r\nUser-Agent: %s\r\nAccept: %s\r\n\r\n", c.uri, rtspVersion, c.sequence, serverName, sdpType))
}

// message reads one message: an answer, or a request of the server.
func (c *client) message(take func(text []byte) error) error {
	h, err := readHead(c.read)
	if err != nil {
		return err
	}
	body, err := h.readBody(c.read, sdp.MaxText)
	if err != nil {
		return err
	}
	if h.isAnswer() {
		code, err := statusOf(&h)
		switch {
		case err != nil:
			return err
		case h.get("cseq") != fmt.Sprint(c.sequence):
			return nil // to an earlier request
		case code != 200:
			return fmt.Errorf("rtsp: %s: answered %d", c.uri, code)
		}
		c.waiting = false
		return take(body)
	}
	r, err := parseRequest(h)
	if err != nil {
		return err
	}
	code := 200
	if r.method != "ANNOUNCE" {
		code = 501
	} else if take(body) != nil {
		code = 400
	}
	a := answer{version: rtspVersion, code: code}
	if sequence := r.get("cseq"); sequence != "" {
		a.add("CSeq", sequence)
	}
	return c.write(string(a.append(nil)))
}

func (c *client) write(text string) error {
	_ = c.net.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := c.net.Write([]byte(text))
	return err
}
