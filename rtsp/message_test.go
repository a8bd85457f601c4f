package rtsp

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
)

func head1(text string) (head, error) {
	return readHead(bufio.NewReaderSize(strings.NewReader(text), maxHead))
}

func TestReadHeadRefuses(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", io.EOF},
		{"half a line", "OPTIONS", io.ErrUnexpectedEOF},
		{"no end", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n", io.ErrUnexpectedEOF},
		{"a field without a colon", "OPTIONS * RTSP/1.0\r\nCSeq\r\n\r\n", errMalformed},
		{"a folded line", "OPTIONS * RTSP/1.0\r\nA: b\r\n c: d\r\n\r\n", errMalformed},
		{"a long line", "OPTIONS " + strings.Repeat("x", maxHead), errTooLong},
		{"a long head", "OPTIONS * RTSP/1.0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 1000)+"\r\n", 9), errTooLong},
		{"many fields", "OPTIONS * RTSP/1.0\r\n" + strings.Repeat("A: b\r\n", maxFields+1), errTooLong},
		{"many empty lines", strings.Repeat("\r\n", maxBlank+1), errMalformed},
		{"interleaved data", "$\x00\x00\x04abcd\n", errInterleaved},
	} {
		if _, err := head1(test.text); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	for _, line := range []string{
		"OPTIONS", "OPTIONS RTSP/1.0", "OPTIONS  RTSP/1.0", " * RTSP/1.0", "OPTIONS * RTSP", "OPTIONS * SIP/2.0", "OPTIONS a\rb RTSP/1.0",
		"OPTIONS a\x00b RTSP/1.0", "RTSP/1.0 200 OK",
	} {
		if r, err := parseRequest(head{line: line}); err == nil {
			t.Errorf("%q: read as %+v", line, r)
		}
	}
}

func TestBodies(t *testing.T) {
	for length, good := range map[string]bool{"": true, "0": true, "3": true, "65536": true, "65537": false, "-1": false, "x": false, "99999999999": false} {
		h := head{fields: []field{{"content-length", length}}}
		r := bufio.NewReaderSize(io.LimitReader(zeros{}, 1<<20), maxHead)
		if err := h.discardBody(r); (err == nil) != good {
			t.Errorf("Content-Length %q: %v", length, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Requests as they were seen on the wire, for the fuzzers to begin with.
var seen = []string{
	"OPTIONS rtsp://10.67.0.1:8554/by-id/1 RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Lavf59.27.100\r\n\r\n",
	"SETUP rtsp://10.67.0.1:8554/by-id/1/ RTSP/1.0\r\nTransport: RTP/AVP/UDP;unicast;client_port=19706-19707\r\nCSeq: 3\r\nUser-Agent: Lavf59.27.100\r\n\r\n",
	"DESCRIBE rtsp://10.67.0.1:8554/by-id/1 RTSP/1.0\r\nCSeq: 2\r\nUser-Agent: GStreamer/1.22.0\r\nAccept: application/sdp\r\nDate: Thu, 26 Nov 2026 18:00:00 GMT\r\n\r\n",
	"DESCRIBE rtsp://192.168.10.1:8554/by-name/studio-pc%20AES67%20Speakers%20Left RTSP/1.0\r\ncseq: 15\r\naccept: application/sdp\r\n\r\n",
	"GET /by-name/studio-pc%20AES67%20Speakers%20Left HTTP/1.1\r\nHost: 10.67.0.1:8554\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
	"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
	"ANNOUNCE rtsp://h/by-id/1 RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
}

// FuzzRequest: whatever is sent is answered by one well-formed answer or none,
// and what is read is bounded.
func FuzzRequest(f *testing.F) {
	for _, text := range seen {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHead(bufio.NewReaderSize(bytes.NewReader(b), maxHead))
		if err != nil {
			return
		}
		if len(h.fields) > maxFields || len(h.line) > maxHead {
			t.Fatalf("%d fields, a line of %d bytes", len(h.fields), len(h.line))
		}
		r, err := parseRequest(h)
		if err != nil {
			return
		}
		d := newDialogue()
		a := d.answer(&r, two())
		text := a.append(nil)
		out := bufio.NewReaderSize(bytes.NewReader(text), maxHead)
		back, err := readHead(out)
		if err != nil && len(text) <= maxHead {
			t.Fatalf("the answer %q cannot be read: %v", text, err)
		}
		if len(back.fields) != len(a.fields) && len(back.fields) != len(a.fields)+1 {
			t.Fatalf("an answer of %d fields is read as %d: %q", len(a.fields), len(back.fields), text)
		}
		if len(d.asked) > maxAsked {
			t.Fatalf("%d descriptions remembered", len(d.asked))
		}
	})
}

// FuzzPath: the path of every name means that name.
func FuzzPath(f *testing.F) {
	for _, s := range two() {
		f.Add(s.Name, "rtsp://h"+Path(s.Name))
	}
	f.Fuzz(func(t *testing.T, name, uri string) {
		sessions := []Session{{Name: name, Number: 1}}
		if name != "" && find("rtsp://h:1"+Path(name), sessions) == nil {
			t.Fatalf("the path %q does not mean %q", Path(name), name)
		}
		find(uri, sessions)
	})
}
