package e2e

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/lab"
)

// TestDiscovery finds both streams in every way that receivers look for them,
// and plays them by the descriptions found so.
func TestDiscovery(t *testing.T) {
	shared(t)
	w, s := newWire(t), startServer(t, "pipewire")
	here, there := startAvahi(t, w, pc, "lab-pc"), startAvahi(t, w, speaker, "lab-speaker")
	startGrandmaster(t, w, 0)
	desk := stationAt(w, s)
	desk.host, s.env = "lab-pc", append(s.env, here.env())
	b := desk.run("--set", inHand)
	b.loud(15 * time.Second)
	s.realtime()
	b.follows(15 * time.Second)
	b.reaches(5*time.Second, "it is announced in every way", func(r report) bool {
		return r.Announce.SAP == "announcing" && r.Announce.MDNS == "established" && r.Announce.RTSPPort == 8554
	})
	s.play(makeTones(t, 2*time.Minute))
	b.playing(10 * time.Second)
	texts := b.sdp()
	names := []string{"lab-pc AES67 Speakers Left", "lab-pc AES67 Speakers Right"}

	t.Run("avahi-browse", func(t *testing.T) {
		var found map[string]string
		eventually(t, browsing, "both sessions are found", func() bool {
			found = there.browse()
			return len(found) == 2
		})
		for _, name := range names {
			if found[name] != "10.67.0.1:8554" {
				t.Errorf("found %v, want %q at 10.67.0.1:8554", found, name)
			}
		}
	})

	t.Run("a RAVENNA browser: DESCRIBE by name and by id", func(t *testing.T) {
		for i, name := range names {
			for _, path := range []string{"/by-name/" + url.PathEscape(name), "/by-id/" + strconv.Itoa(i+1)} {
				if got := describe(t, w, path); strings.TrimSuffix(got, "\r\n") != strings.TrimSuffix(texts[i], "\r\n") {
					t.Errorf("%s: got\n%s\nwant\n%s", path, got, texts[i])
				}
			}
		}
	})

	t.Run("curl, ffmpeg and GStreamer by the description that it got", func(t *testing.T) {
		need(t, "curl")
		measured(t, func(t *attempt) {
			for i, side := range sides {
				path := filepath.Join(tempDir(t, "curl"), "session.sdp")
				mustOutput(t, os.Environ(), w.in(speaker, "curl", "--fail", "--silent", "--max-time", "5", "--output", path,
					"http://10.67.0.1:8554/by-name/"+url.PathEscape(names[i]))...)
				hears(t, side, startFFmpeg(t, w, path), startGStreamer(t, w, path))
			}
		})
	})

	t.Run("ffmpeg and GStreamer by the RTSP address alone", func(t *testing.T) {
		measured(t, func(t *attempt) {
			for i, side := range sides {
				address := "rtsp://10.67.0.1:8554/by-name/" + url.PathEscape(names[i])
				hears(t, side, openFFmpeg(t, w, address), openFFmpeg(t, w, address, "-rtsp_transport", "udp_multicast"), openGStreamer(t, w, address))
			}
		})
	})

	t.Run("aes67-sink list, here and elsewhere", func(t *testing.T) {
		elsewhere := s.seat(w, speaker)
		elsewhere.env = append(elsewhere.env, there.env())
		for where, l := range map[string]listed{"here": desk.list(t), "elsewhere": elsewhere.list(t, "--for=8s", "--set", "announce.sap-interval=5s")} {
			if len(l.Sessions) != 2 || len(l.Notes) != 0 {
				t.Fatalf("%s: %+v, want two sessions", where, l)
			}
			for i, s := range l.Sessions {
				if s.Name != names[i] || s.Own != (where == "here") || s.Source != "10.67.0.1" || s.Port != 5004 ||
					s.Encoding != "L24" || s.RateHz != 48000 || s.Channels != 1 || s.PtimeUS != 1000 || !strings.HasPrefix(s.Clock, "ptp=IEEE1588-2008:") {
					t.Errorf("%s: session %+v", where, s)
				}
				if !slices.Contains(s.Via, "mdns") || where == "elsewhere" && s.Host != "lab-pc.local" || where == "here" && !slices.Contains(s.Via, "sap") {
					t.Errorf("%s: session %+v, want it by mDNS", where, s)
				}
			}
			if where == "elsewhere" {
				continue // where the grandmaster itself is
			}
			if m := l.Masters; len(m) != 1 || !m[0].Followed || m[0].Own || !strings.Contains(l.Sessions[0].Clock, m[0].Grandmaster) {
				t.Errorf("masters %+v, want the one of %q", m, l.Sessions[0].Clock)
			}
		}
	})

	b.end()
	eventually(t, 5*time.Second, "after the end nothing is found", func() bool { return len(there.browse()) == 0 })
}

// describe fetches a description as RAVENNA receivers do.
func describe(t testing.TB, w wire, path string) string {
	t.Helper()
	request := "DESCRIBE rtsp://10.67.0.1:8554" + path + " RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: x\r\nAccept: application/sdp\r\n\r\n"
	answer := ask(t, w, request)
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.HasPrefix(head, "RTSP/1.0 200 OK\r\n") || !strings.Contains(head+"\r\n", "\r\nCSeq: 7\r\n") {
		t.Fatalf("%s: answered %q", path, head)
	}
	return body
}

// hears judges what receivers of one channel record: the longest stretch of three
// seconds that a standstill of the machine left.
func hears(t testing.TB, s side, recorders ...*recorder) {
	t.Helper()
	for _, r := range recorders {
		r.records(15 * time.Second)
		r.counts()
	}
	for _, r := range recorders {
		r.grows(4 * 48000 * 3)
		x := r.finish()
		x = unbroken(x[len(x)/4:], s.hz)
		tone := lab.AnalyseTone(x, 48000, lab.ToneOptions{NearHz: s.hz, OtherHz: s.otherHz})
		// Which channel it is; TestTwoReceivers judges how good.
		figures.atLeast(t, r.name+" "+s.name+" level", tone.ToneDBFS, toneDBFS-2, "dBFS")
		figures.atMost(t, r.name+" "+s.name+" level", tone.ToneDBFS, toneDBFS+0.1, "dBFS")
		figures.atMost(t, r.name+" "+s.name+" crosstalk", tone.CrosstalkDB, -30, "dB")
	}
}

// grows waits until the recording has a number of bytes.
func (r *recorder) grows(bytes int64) {
	r.t.Helper()
	eventually(r.t, 20*time.Second, r.name+" goes on recording", func() bool {
		info, err := os.Stat(r.path)
		return err == nil && info.Size() > bytes
	})
}

// openFFmpeg records from an RTSP address.
func openFFmpeg(t testing.TB, w wire, address string, options ...string) *recorder {
	t.Helper()
	need(t, "ffmpeg")
	path := filepath.Join(tempDir(t, "rec"), "ffmpeg.wav")
	command := append([]string{"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"}, options...)
	return startRecorder(path, func() *process {
		return start(t, "ffmpeg", os.Environ(), w.in(speaker,
			append(command, "-i", address, "-c:a", "pcm_s24le", "-flush_packets", "1", "-y", path)...)...)
	})
}

// openGStreamer records from an RTSP address.
func openGStreamer(t testing.TB, w wire, address string) *recorder {
	t.Helper()
	need(t, "gst-launch-1.0")
	path := filepath.Join(tempDir(t, "rec"), "gstreamer.wav")
	return startRecorder(path, func() *process {
		return start(t, "gstreamer", gstreamerEnv(), w.in(speaker,
			"gst-launch-1.0", "-e", "rtspsrc", "location="+address, "!", "rtpL24depay",
			"!", "audioconvert", "!", "audio/x-raw,format=S24LE", "!", "wavenc", "!", "filesink", "location="+path)...)
	})
}

// ask sends a request from the speaker's side and returns the whole answer.
func ask(t testing.TB, w wire, request string) string {
	t.Helper()
	conn := w.dial(t, "10.67.0.1:8554")
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, conn)
}

// readAnswer reads one answer with its body.
func readAnswer(t testing.TB, conn interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 4096)
	for {
		head, body, whole := bytes.Cut(all, []byte("\r\n\r\n"))
		if whole && len(body) >= contentLength(string(head)) {
			return string(all)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		all = append(all, buf[:n]...)
	}
}

func contentLength(head string) int {
	for _, line := range strings.Split(head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			n, _ := strconv.Atoi(strings.TrimSpace(value))
			return n
		}
	}
	return 0
}
