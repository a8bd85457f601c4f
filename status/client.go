package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/instance"
	"aes67-sink/internal/text"
)

// ErrNotRunning says that no bridge of this user serves the control socket.
var ErrNotRunning = errors.New("no aes67-sink of this user is running")

// ErrHangs says that a bridge is there and does not answer.
var ErrHangs = errors.New("the bridge hangs")

const (
	askTimeout = 2 * time.Second
	maxAnswer  = 4 << 20 // bytes; a thousand sessions are a sixth of it
)

// Client asks the running bridge of this user.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a client; it asks nothing yet.
func NewClient() *Client {
	c := &Client{path: filepath.Join(instance.Directory(), controlName)}
	c.http = &http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{
			DisableKeepAlives: true, // nothing is left open between questions
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", c.path)
			},
		},
	}
	return c
}

// Status returns the picture as JSON.
func (c *Client) Status(ctx context.Context) ([]byte, error) { return c.ask(ctx, "/status.json") }

// Model returns the picture.
func (c *Client) Model(ctx context.Context) (Model, error) {
	var m Model
	text, err := c.Status(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// Reload lets the bridge read its configuration anew.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	var r Reloaded
	text, err := c.request(ctx, http.MethodPost, "/reload")
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// Listing returns what is known of the network, as JSON.
func (c *Client) Listing(ctx context.Context) ([]byte, error) { return c.ask(ctx, "/list.json") }

// Sessions returns the session descriptions, in channel order.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	var sessions []Session
	text, err := c.ask(ctx, "/sdp")
	if err == nil {
		err = json.Unmarshal(text, &sessions)
	}
	return sessions, err
}

func (c *Client) ask(ctx context.Context, path string) ([]byte, error) {
	return c.request(ctx, http.MethodGet, path)
}

func (c *Client) request(ctx context.Context, method, path string) (body []byte, err error) {
	err = c.receive(ctx, c.http, method, path, func(r io.Reader) (err error) {
		body, err = io.ReadAll(io.LimitReader(r, maxAnswer))
		return err
	})
	return body, err
}

// receive asks and hands the body of the answer to read.
func (c *Client) receive(ctx context.Context, asker *http.Client, method, path string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	answer, err := asker.Do(request)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return ErrNotRunning
	case err != nil:
		return fmt.Errorf("control socket %s: %w", c.path, plain(err, asker.Timeout))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(answer.Body, maxHeader)) // as much as there is
		return fmt.Errorf("control socket %s: %s: %s", c.path, answer.Status, strings.TrimSpace(string(why)))
	}
	if err := read(answer.Body); err != nil {
		return fmt.Errorf("control socket %s: %w", c.path, plain(err, asker.Timeout))
	}
	return nil
}

// plain says why a question was not answered, without the layers in between.
func plain(err error, within time.Duration) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("no answer within %v: %w", within, ErrHangs)
	}
	return text.Cause(err)
}
