package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	maxHead      = 8 << 10  // bytes of a request line or status line and all fields
	maxFields    = 64       // lines
	maxBlank     = 16       // empty lines before a head
	maxDiscarded = 64 << 10 // bytes of a body that is of no interest
)

// The faults of a head.
var (
	errMalformed   = errors.New("malformed head")
	errTooLong     = fmt.Errorf("head longer than %d bytes or %d lines", maxHead, maxFields)
	errInterleaved = errors.New("interleaved data, which nobody asked for")
	errBody        = fmt.Errorf("body longer than %d bytes, or of no length", maxDiscarded)
)

// head is what stands before a body: a request's or an answer's.
type head struct {
	line   string
	fields []field
}

type field struct{ name, value string } // the name in lower case

// get returns a field's value, "" if it is not there (RFC 2326, 12).
func (h *head) get(name string) string {
	for _, f := range h.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// readHead reads a head: lines that end with CRLF or LF, up to an empty one.
// Empty lines before it are passed over (RFC 2326, 4.1).
func readHead(r *bufio.Reader) (head, error) {
	var h head
	size, blank := 0, 0
	for {
		raw, err := r.ReadSlice('\n')
		size += len(raw)
		switch {
		case errors.Is(err, bufio.ErrBufferFull), size > maxHead:
			return h, errTooLong
		case err == io.EOF && size > 0:
			return h, io.ErrUnexpectedEOF
		case err != nil:
			return h, err
		}
		if h.line == "" && raw[0] == '$' { // RFC 2326, 10.12
			return h, errInterleaved
		}
		line := strings.TrimRight(string(raw), "\r\n")
		switch {
		case line == "" && h.line != "":
			return h, nil
		case line == "":
			if blank++; blank > maxBlank {
				return h, errMalformed
			}
		case h.line == "":
			h.line = line
		case len(h.fields) == maxFields:
			return h, errTooLong
		default:
			name, value, found := strings.Cut(line, ":")
			if !found || name == "" || strings.ContainsAny(name, " \t") {
				return h, errMalformed // folded lines too: nobody writes them
			}
			h.fields = append(h.fields, field{strings.ToLower(name), strings.TrimSpace(value)})
		}
	}
}

// bodyLength returns the bytes that follow the head.
func (h *head) bodyLength() (int, error) {
	text := h.get("content-length")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errBody
	}
	return int(n), nil
}

// discardBody reads past the body.
func (h *head) discardBody(r *bufio.Reader) error {
	n, err := h.bodyLength()
	if err != nil || n > maxDiscarded {
		return errBody
	}
	_, err = r.Discard(n)
	return err
}

// readBody reads a body of at most limit bytes.
func (h *head) readBody(r *bufio.Reader, limit int) ([]byte, error) {
	n, err := h.bodyLength()
	if err != nil || n > limit {
		return nil, fmt.Errorf("body of %q bytes: more than %d", h.get("content-length"), limit)
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err
}

// request is a request of either protocol.
type request struct {
	head
	method, uri, version string
}

// parseRequest reads the request line. Clients exist that leave the spaces of a
// name in the URI as they are: it is all that stands between the first and the
// last space.
func parseRequest(h head) (request, error) {
	method, rest, found := strings.Cut(h.line, " ")
	at := strings.LastIndexByte(rest, ' ')
	if !found || at < 1 || method == "" {
		return request{}, errMalformed
	}
	r := request{head: h, method: method, uri: strings.TrimSpace(rest[:at]), version: rest[at+1:]}
	protocol, _, found := strings.Cut(r.version, "/")
	control := func(c rune) bool { return c < ' ' || c == 0x7F }
	if !found || protocol != "RTSP" && protocol != "HTTP" || r.uri == "" || strings.ContainsFunc(r.uri, control) {
		return request{}, errMalformed
	}
	return r, nil
}

// isAnswer reports whether a head is an answer, to something that we sent.
func (h *head) isAnswer() bool { return strings.HasPrefix(h.line, "RTSP/") }

// statusOf reads a status line (RFC 2326, 7.1).
func statusOf(h *head) (code int, err error) {
	_, rest, found := strings.Cut(h.line, " ")
	text, _, _ := strings.Cut(rest, " ")
	code, err = strconv.Atoi(text)
	if !found || !h.isAnswer() || err != nil || code < 100 || code > 599 {
		return 0, errMalformed
	}
	return code, nil
}

// answer is an answer of either protocol.
type answer struct {
	version string
	code    int
	fields  []field
	body    string
	head    bool // the body's length alone, for HEAD
	last    bool // the connection ends with it
}

// reasons are the words beside the codes (RFC 2326, 7.1.1).
var reasons = map[int]string{
	200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
	413: "Request Entity Too Large", 414: "Request-URI Too Large", 421: "Misdirected Request", 454: "Session Not Found",
	455: "Method Not Valid in This State", 461: "Unsupported Transport", 501: "Not Implemented",
	505: "Version Not Supported",
}

func (a *answer) add(name, value string) { a.fields = append(a.fields, field{name, value}) }

// append writes the answer.
func (a *answer) append(b []byte) []byte {
	b = fmt.Appendf(b, "%s %d %s\r\n", a.version, a.code, reasons[a.code])
	for _, f := range a.fields {
		b = fmt.Appendf(b, "%s: %s\r\n", f.name, f.value)
	}
	if a.body != "" || a.version != rtspVersion {
		b = fmt.Appendf(b, "Content-Length: %d\r\n", len(a.body))
	}
	b = append(b, "\r\n"...)
	if !a.head {
		b = append(b, a.body...)
	}
	return b
}
