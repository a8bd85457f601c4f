package rtsp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"aes67-sink/internal/httphost"
)

const (
	rtspVersion = "RTSP/1.0"
	httpVersion = "HTTP/1.1"
	serverName  = "aes67-sink"
	sdpType     = "application/sdp" // RFC 8866, 8.1
	// maxAsked bounds how many descriptions one connection is kept up to date on.
	maxAsked = 16
	// sessionTimeout is told to players, which then ask for something that often.
	// Nothing ends when they do not (RFC 2326, 12.37).
	sessionTimeout = 60 // s
	allowed        = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
)

// known are the other methods that RFC 2326 has.
var known = []string{"PAUSE", "ANNOUNCE", "RECORD", "REDIRECT", "SET_PARAMETER"}

// asked is a description that the client asked for, whether it got it or not.
type asked struct {
	uri    string
	number int    // of the session; 0: there was none
	text   string // as the client has it
}

// dialogue is what one connection has said so far. It has no clock and no
// socket.
type dialogue struct {
	source  netip.Addr // the address that the streams come from
	id      string     // of the RTSP session, if one is set up
	setUp   bool
	asked   []asked
	pushSeq int // CSeq of the last push
}

// answer answers a request.
func (d *dialogue) answer(r *request, sessions []Session) answer {
	if strings.HasPrefix(r.version, "HTTP/") {
		return answerHTTP(r, sessions)
	}
	a := answer{version: rtspVersion, code: 200}
	sequence := r.get("cseq")
	if _, err := strconv.ParseUint(sequence, 10, 32); err != nil {
		a.code = 400
		return a
	}
	a.add("CSeq", sequence)
	a.add("Server", serverName)
	if r.version != rtspVersion {
		a.code = 505
		return a
	}
	switch r.method {
	case "OPTIONS":
		a.add("Public", allowed)
	case "DESCRIBE":
		d.describe(r, sessions, &a)
	case "SETUP":
		d.setup(r, sessions, &a)
	case "PLAY", "TEARDOWN":
		d.play(r, &a)
	case "GET_PARAMETER": // keeps the connection alive (RFC 2326, 10.8)
	default:
		a.code = 501
		if slices.Contains(known, r.method) {
			a.code = 405
			a.add("Allow", allowed)
		}
	}
	return a
}

func (d *dialogue) describe(r *request, sessions []Session, a *answer) {
	if !accepts(r.get("accept")) {
		a.code = 406
		return
	}
	s := find(r.uri, sessions)
	d.remember(r.uri, s)
	if s == nil {
		a.code = 404
		return
	}
	if strings.Contains(r.uri, "://") {
		a.add("Content-Base", strings.TrimSuffix(r.uri, "/")+"/")
	}
	a.add("Content-Type", sdpType)
	a.body = s.Text
}

// accepts reports whether an Accept field allows a session description.
func accepts(field string) bool {
	if field == "" {
		return true
	}
	for kind := range strings.SplitSeq(strings.ToLower(field), ",") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.TrimSpace(kind) {
		case sdpType, "application/*", "*/*":
			return true
		}
	}
	return false
}

// remember takes note of what the client wants to know; the latest count.
func (d *dialogue) remember(uri string, s *Session) {
	d.asked = slices.DeleteFunc(d.asked, func(a asked) bool { return a.uri == uri })
	next := asked{uri: uri}
	if s != nil {
		next.number, next.text = s.Number, s.Text
	}
	d.asked = append(d.asked, next)
	d.asked = d.asked[max(0, len(d.asked)-maxAsked):]
}

func (d *dialogue) setup(r *request, sessions []Session, a *answer) {
	s := find(r.uri, sessions)
	switch {
	case s == nil:
		a.code = 404
		return
	case !d.names(r):
		a.code = 454
		return
	case !offersMulticast(r.get("transport")):
		a.code = 461
		return
	}
	d.setUp = true
	a.add("Session", fmt.Sprintf("%s;timeout=%d", d.id, sessionTimeout))
	a.add("Transport", transportOf(s, d.source))
}

// names reports whether the request names no session but this one.
func (d *dialogue) names(r *request) bool {
	id, _, _ := strings.Cut(r.get("session"), ";")
	return id == "" || id == d.id && d.setUp
}

func (d *dialogue) play(r *request, a *answer) {
	switch {
	case !d.names(r):
		a.code = 454
		return
	case !d.setUp:
		a.code = 455
		a.add("Allow", "OPTIONS, DESCRIBE, SETUP, GET_PARAMETER")
		return
	}
	a.add("Session", d.id)
	if r.method == "TEARDOWN" {
		d.setUp = false
		return
	}
	a.add("Range", "npt=now-") // live (RFC 2326, 3.6)
}

// push returns the announcement of one description that the client asked for
// and that has changed since, nil if there is none.
func (d *dialogue) push(sessions []Session) []byte {
	for i := range d.asked {
		ask := &d.asked[i]
		s := find(ask.uri, sessions)
		if at := slices.IndexFunc(sessions, func(s Session) bool { return s.Number == ask.number }); at >= 0 {
			s = &sessions[at] // also under another name
		}
		if s == nil || s.Text == ask.text {
			continue
		}
		ask.number, ask.text = s.Number, s.Text
		d.pushSeq++
		return fmt.Appendf(nil, "ANNOUNCE %s %s\r\nCSeq: %d\r\nServer: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: Keep-Alive\r\n\r\n%s",
			ask.uri, rtspVersion, d.pushSeq, serverName, sdpType, len(s.Text), s.Text)
	}
	return nil
}

// answerHTTP serves the same texts to people and scripts.
func answerHTTP(r *request, sessions []Session) answer {
	a := answer{version: httpVersion, code: 200, head: r.method == "HEAD", last: true}
	a.add("Server", serverName)
	a.add("Connection", "close")
	s := find(r.uri, sessions)
	switch {
	case !httphost.Ours(r.get("host")):
		a.code = 421
	case r.method != "GET" && r.method != "HEAD":
		a.code = 405
		a.add("Allow", "GET, HEAD")
	case s != nil:
		a.add("X-Content-Type-Options", "nosniff")
		a.add("Content-Type", sdpType)
		a.body = s.Text
	case pathOf(r.uri) == "/":
		a.add("X-Content-Type-Options", "nosniff")
		a.add("Content-Type", "text/plain; charset=utf-8")
		for i := range sessions {
			a.body += fmt.Sprintf("/by-id/%d  %s\n", sessions[i].Number, sessions[i].Name)
		}
	default:
		a.code = 404
	}
	return a
}

// refusal is the answer to what could not be read; the connection ends with it.
func refusal(err error) answer {
	a := answer{version: rtspVersion, code: 400, last: true}
	switch {
	case errors.Is(err, errTooLong):
		a.code = 414
	case errors.Is(err, errBody):
		a.code = 413
	}
	return a
}
