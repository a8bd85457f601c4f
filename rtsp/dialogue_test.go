package rtsp

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// two are the sessions that the tests serve.
func two() []Session {
	return []Session{
		{Name: "studio-pc AES67 Speakers Left #2", Number: 1, Text: "v=0\r\ns=left\r\n", Group: netip.MustParseAddr("239.69.10.1"), Port: 5004, TTL: 15},
		{Name: "Größe 50% a+b/c?", Number: 2, Text: "v=0\r\ns=right\r\n", Group: netip.MustParseAddr("239.69.10.2"), Port: 5004, TTL: 32},
	}
}

func newDialogue() *dialogue {
	return &dialogue{source: netip.MustParseAddr("192.168.10.1"), id: "5e551d"}
}

// talk lets a client say something and returns the answers.
func talk(t testing.TB, d *dialogue, sessions []Session, requests ...string) string {
	t.Helper()
	var out []byte
	for _, text := range requests {
		h, err := readHead(bufio.NewReaderSize(strings.NewReader(text), maxHead))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		r, err := parseRequest(h)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		a := d.answer(&r, sessions)
		out = a.append(out)
	}
	return string(out)
}

func TestAnswers(t *testing.T) {
	const (
		left = "rtsp://192.168.10.1:8554/by-name/studio-pc%20AES67%20Speakers%20Left%20%232"
		cseq = "CSeq: 7\r\n\r\n"
		ok   = "RTSP/1.0 200 OK\r\nCSeq: 7\r\nServer: aes67-sink\r\n"
	)
	refused := func(status string, fields ...string) string {
		return "RTSP/1.0 " + status + "\r\nCSeq: 7\r\nServer: aes67-sink\r\n" + strings.Join(fields, "") + "\r\n"
	}
	body := "Content-Type: application/sdp\r\nContent-Length: 13\r\n\r\nv=0\r\ns=left\r\n"
	tests := []struct{ name, request, want string }{
		{"OPTIONS", "OPTIONS * RTSP/1.0\r\n" + cseq, ok + "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n"},
		{
			"DESCRIBE by name, as aes67-linux-daemon does",
			"DESCRIBE " + left + " RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: aes67-daemon\r\nAccept: application/sdp\r\n\r\n",
			ok + "Content-Base: " + left + "/\r\n" + body,
		},
		{"field names in small letters, as ravennakit writes them", "DESCRIBE " + left + " RTSP/1.0\r\ncseq: 7\r\naccept: application/sdp\r\n\r\n", ok + "Content-Base: " + left + "/\r\n" + body},
		{"line ends of LF alone", "DESCRIBE /by-id/1 RTSP/1.0\nCSeq: 7\n\n", ok + body},
		{"empty lines before", "\r\n\r\nDESCRIBE /by-id/1 RTSP/1.0\r\n" + cseq, ok + body},
		{"spaces left as they are", "DESCRIBE /by-name/studio-pc AES67 Speakers Left #2 RTSP/1.0\r\n" + cseq, ok + body},
		{"Accept of anything", "DESCRIBE /by-id/1 RTSP/1.0\r\nAccept: text/plain, */*;q=0.1\r\n" + cseq, ok + body},
		{"Accept of something else", "DESCRIBE /by-id/1 RTSP/1.0\r\nAccept: application/rtsl\r\n" + cseq, refused("406 Not Acceptable")},
		{"a session that is not there", "DESCRIBE /by-id/3 RTSP/1.0\r\n" + cseq, refused("404 Not Found")},
		{"no path", "DESCRIBE rtsp://192.168.10.1 RTSP/1.0\r\n" + cseq, refused("404 Not Found")},
		{"GET_PARAMETER", "GET_PARAMETER / RTSP/1.0\r\n" + cseq, ok + "\r\n"},
		{"a method that is not for us", "RECORD /by-id/1 RTSP/1.0\r\n" + cseq, refused("405 Method Not Allowed", "Allow: "+allowed+"\r\n")},
		{"a method that nobody knows", "DANCE /by-id/1 RTSP/1.0\r\n" + cseq, refused("501 Not Implemented")},
		{"another version", "OPTIONS * RTSP/2.0\r\n" + cseq, refused("505 Version Not Supported")},
		{"no CSeq", "OPTIONS * RTSP/1.0\r\n\r\n", "RTSP/1.0 400 Bad Request\r\n\r\n"},
		{"a CSeq that would break lines", "OPTIONS * RTSP/1.0\r\nCSeq: 7\rX: y\r\n\r\n", "RTSP/1.0 400 Bad Request\r\n\r\n"},
		{
			"SETUP, as ffmpeg asks at last", "SETUP " + left + "/ RTSP/1.0\r\nTransport: RTP/AVP/UDP;multicast\r\n" + cseq,
			ok + "Session: 5e551d;timeout=60\r\nTransport: RTP/AVP;multicast;destination=239.69.10.1;source=192.168.10.1;port=5004-5005;ttl=15\r\n\r\n",
		},
		{
			"SETUP, as GStreamer asks",
			"SETUP /by-id/2 RTSP/1.0\r\nTransport: RTP/AVP;unicast;client_port=50000-50001,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1\r\n" + cseq,
			ok + "Session: 5e551d;timeout=60\r\nTransport: RTP/AVP;multicast;destination=239.69.10.2;source=192.168.10.1;port=5004-5005;ttl=32\r\n\r\n",
		},
		{"SETUP by unicast", "SETUP /by-id/1 RTSP/1.0\r\nTransport: RTP/AVP/UDP;unicast;client_port=5000-5001\r\n" + cseq, refused("461 Unsupported Transport")},
		{"SETUP by TCP", "SETUP /by-id/1 RTSP/1.0\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n" + cseq, refused("461 Unsupported Transport")},
		{"SETUP without a transport", "SETUP /by-id/1 RTSP/1.0\r\n" + cseq, refused("461 Unsupported Transport")},
		{"SETUP to record", "SETUP /by-id/1 RTSP/1.0\r\nTransport: RTP/AVP;multicast;mode=\"RECORD\"\r\n" + cseq, refused("461 Unsupported Transport")},
		{"SETUP of a session that is not there", "SETUP /by-id/0 RTSP/1.0\r\nTransport: RTP/AVP;multicast\r\n" + cseq, refused("404 Not Found")},
		{"PLAY before SETUP", "PLAY /by-id/1 RTSP/1.0\r\n" + cseq, refused("455 Method Not Valid in This State", "Allow: OPTIONS, DESCRIBE, SETUP, GET_PARAMETER\r\n")},
		{"PLAY of a session of another connection", "PLAY /by-id/1 RTSP/1.0\r\nSession: 5e551d\r\n" + cseq, refused("454 Session Not Found")},
		{"HTTP", "GET /by-id/1 HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: aes67-sink\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n" + body},
		{"HTTP, led here by a page", "GET /by-id/1 HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 Misdirected Request\r\nServer: aes67-sink\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP HEAD", "HEAD /by-id/1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: aes67-sink\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Type: application/sdp\r\nContent-Length: 13\r\n\r\n"},
		{
			"HTTP, what there is", "GET / HTTP/1.1\r\n\r\n",
			"HTTP/1.1 200 OK\r\nServer: aes67-sink\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 72\r\n\r\n" +
				"/by-id/1  studio-pc AES67 Speakers Left #2\n/by-id/2  Größe 50% a+b/c?\n",
		},
		{"HTTP, what there is not", "GET /x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\nServer: aes67-sink\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP, writing", "POST /by-id/1 HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\nServer: aes67-sink\r\nConnection: close\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, talk(t, newDialogue(), two(), test.request)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAPlayersConversation(t *testing.T) {
	d := newDialogue()
	got := talk(t, d, two(),
		"SETUP /by-id/1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;multicast\r\n\r\n",
		"PLAY /by-id/1 RTSP/1.0\r\nCSeq: 2\r\nSession: 5e551d\r\nRange: npt=0.000-\r\n\r\n",
		"PLAY /by-id/1 RTSP/1.0\r\nCSeq: 3\r\nSession: other\r\n\r\n",
		"TEARDOWN /by-id/1 RTSP/1.0\r\nCSeq: 4\r\nSession: 5e551d\r\n\r\n",
		"TEARDOWN /by-id/1 RTSP/1.0\r\nCSeq: 5\r\nSession: 5e551d\r\n\r\n",
	)
	var codes []string
	for _, line := range strings.Split(got, "\r\n") {
		if strings.HasPrefix(line, "RTSP/1.0 ") {
			codes = append(codes, line[9:12])
		}
	}
	if want := "200 200 454 200 454"; strings.Join(codes, " ") != want {
		t.Errorf("answered %v, want %s", codes, want)
	}
}

func TestFind(t *testing.T) {
	sessions := two()
	for uri, want := range map[string]int{
		"rtsp://host:8554/by-name/studio-pc%20AES67%20Speakers%20Left%20%232":  1,
		"rtsp://host:8554/by-name/studio-pc%20AES67%20Speakers%20Left%20%232/": 1,
		"rtsp://other/by-name/STUDIO-PC%20aes67%20Speakers%20Left%20%232?x=y":  1,
		"/by-name/studio-pc AES67 Speakers Left #2":                            1,
		"/by-name/studio-pc+AES67+Speakers+Left+%232":                          0, // + is no space in a path
		"/by-name/studio-pc%20AES67%20Speakers%20Left":                         0,
		"/by-name/Gr%C3%B6%c3%9fe%2050%25%20a+b%2Fc%3F":                        2,
		"/by-name/Größe 50% a+b/c?":                                            2, // encoded not at all
		"/by-id/2":                                                             2,
		"/by-id/2/":                                                            2,
		"/by-id/2#x":                                                           2,
		"/by-id/02":                                                            2,
		"/by-id/-1":                                                            0,
		"/by-id/x":                                                             0,
		"/by-id/":                                                              0,
		"rtsp://host":                                                          0,
		"":                                                                     0,
		"*":                                                                    0,
		"/by-name/":                                                            0,
		"/by-name/%ZZ":                                                         0,
		"http://h/by-id/1":                                                     1,
	} {
		got := 0
		if s := find(uri, sessions); s != nil {
			got = s.Number
		}
		if got != want {
			t.Errorf("%q means session %d, want %d", uri, got, want)
		}
	}
	for i := range sessions {
		if s := find("rtsp://h"+Path(sessions[i].Name), sessions); s == nil || s.Number != sessions[i].Number {
			t.Errorf("the path of %q does not mean it", sessions[i].Name)
		}
	}
}

func TestPushesWhatHasChanged(t *testing.T) {
	d, sessions := newDialogue(), two()
	talk(t, d, sessions, "DESCRIBE rtsp://h/by-id/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", "DESCRIBE rtsp://h/by-id/3 RTSP/1.0\r\nCSeq: 2\r\n\r\n",
		"DESCRIBE rtsp://h"+Path(sessions[0].Name)+" RTSP/1.0\r\nCSeq: 3\r\n\r\n")
	if b := d.push(sessions); b != nil {
		t.Fatalf("pushed %q though nothing has changed", b)
	}
	changed := two()
	changed[0].Text, changed[0].Name = "v=0\r\ns=new\r\n", "renamed"
	changed = append(changed, Session{Name: "third", Number: 3, Text: "v=0\r\ns=third\r\n"})
	pushes := ""
	for b := d.push(changed); b != nil; b = d.push(changed) {
		pushes += string(b)
	}
	want := func(uri, cseq, text string) string {
		return "ANNOUNCE rtsp://h" + uri + " RTSP/1.0\r\nCSeq: " + cseq + "\r\nServer: aes67-sink\r\nContent-Type: application/sdp\r\nContent-Length: " +
			map[int]string{12: "12", 14: "14"}[len(text)] + "\r\nConnection: Keep-Alive\r\n\r\n" + text
	}
	all := want("/by-id/1", "1", "v=0\r\ns=new\r\n") + want("/by-id/3", "2", "v=0\r\ns=third\r\n") + want(Path(two()[0].Name), "3", "v=0\r\ns=new\r\n")
	if diff := cmp.Diff(all, pushes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if b := d.push(nil); b != nil {
		t.Errorf("pushed %q when the sessions ended", b)
	}
}

func TestWhatOneClientAskedForIsBounded(t *testing.T) {
	d := newDialogue()
	for range 100 {
		for _, uri := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"} {
			talk(t, d, two(), "DESCRIBE /"+uri+" RTSP/1.0\r\nCSeq: 1\r\n\r\n")
		}
	}
	if len(d.asked) != maxAsked || d.asked[maxAsked-1].uri != "/r" {
		t.Errorf("%d remembered, the last %q", len(d.asked), d.asked[len(d.asked)-1].uri)
	}
}
