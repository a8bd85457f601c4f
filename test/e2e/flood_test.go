package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/rtthread"
)

// TestFloods throws at the bridge what a network can hold: its memory stays
// bounded, other askers are served, and the streams do not notice.
func TestFloods(t *testing.T) { measured(t, floods) }

func floods(t *attempt) {
	w, s := newWire(t), startServer(t, "pulseaudio")
	master := startGrandmaster(t, w, 20_000)
	b := stationAt(w, s).run()
	b.follows(40 * time.Second)
	b.reaches(30*time.Second, "the clock has settled", func(r report) bool {
		return r.Clock.OffsetRMSNS != nil && *r.Clock.OffsetRMSNS < 5000
	})
	left := b.descriptions()[0]
	want := ask(t, w, describeLeft)

	length := window(5*time.Second, 30*time.Second)
	// Of the packets that no standstill of the machine touched.
	lateness := func(name string, during func()) (p99 float64) {
		t.Helper()
		l := listen(t, w, left, master, 0)
		from := rtthread.Now()
		l.lasts(t, time.Second)
		during()
		l.lasts(t, length)
		l.judgeContinuity(t, "left beside "+name)
		delays, out := l.punctual(from, rtthread.Now())
		t.Logf("%s: judged %d of %d packets", name, len(delays), len(delays)+out)
		return lateAt(delays, 0.99)
	}
	before := lateness("nothing", func() {})
	memory := b.memory()

	for _, flood := range []struct {
		name string
		pour func()
	}{
		{"1000 half-open RTSP connections", func() {
			w.dials(t, "10.67.0.1:8554", 1000, func(i int, conn net.Conn) {
				t.Cleanup(func() { _ = conn.Close() })
				if i%2 == 0 {
					_, _ = conn.Write([]byte("DESCRIBE rtsp://x/by-id/1 RTSP/1.0\r\nCSe"))
				}
			})
		}},
		{"slow readers", func() {
			w.dials(t, "10.67.0.1:8554", 64, func(_ int, conn net.Conn) {
				t.Cleanup(func() { _ = conn.Close() })
				_ = conn.(*net.TCPConn).SetReadBuffer(1024)
				_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				for range 2000 {
					if _, err := conn.Write([]byte(describeLeft)); err != nil {
						break
					}
				}
			})
		}},
		{"10 MB of header", func() {
			w.dials(t, "10.67.0.1:8554", 8, func(_ int, conn net.Conn) {
				t.Cleanup(func() { _ = conn.Close() })
				_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
				_, _ = conn.Write(append([]byte("DESCRIBE rtsp://x/by-id/1 RTSP/1.0\r\nX-Long: "), bytes.Repeat([]byte("x"), 10<<20)...))
			})
		}},
		{"100 000 SAP announcements", func() { w.flood(t, 100_000) }},
	} {
		after := lateness(flood.name, func() {
			flood.pour()
			eventually(t, 15*time.Second, flood.name+": a receiver is still served", func() bool {
				answer, err := w.tryAsk(t, describeLeft)
				return err == nil && answer == want
			})
		})
		// Noise of one measurement against another on this machine.
		figures.atMost(t, flood.name+": send instant late p99, beyond before", after-before, max(150, before), "us")
		figures.never(t, flood.name+": memory, beyond before", b.memory()-memory, 32, "MiB")
	}
	r := b.sends(5 * time.Second)
	const oneTalker = 250 // sessions of one sender that are kept (sap/table.go)
	figures.never(t, "sessions kept of 100 000", float64(r.Heard.Sessions), oneTalker, "")
	figures.never(t, "sessions missing of those that are kept of one sender", float64(oneTalker-r.Heard.Sessions), oneTalker/10, "")
	b.end()
}

const describeLeft = "DESCRIBE rtsp://10.67.0.1:8554/by-id/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n"

// tryAsk is ask for what may fail.
func (w wire) tryAsk(t testing.TB, request string) (string, error) {
	conn := w.dial(t, "10.67.0.1:8554")
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write([]byte(request)); err != nil {
		return "", err
	}
	var all []byte
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		all = append(all, buf[:n]...)
		if head, body, whole := bytes.Cut(all, []byte("\r\n\r\n")); whole && len(body) >= contentLength(string(head)) {
			return string(all), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// flood announces sessions by SAP from the speaker's side, each another one.
func (w wire) flood(t testing.TB, count int) {
	t.Helper()
	w.inside(t, speaker, func(net.Interface) error {
		conn, err := net.Dial("udp4", "239.255.255.255:9875")
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		for n := range count {
			group := fmt.Sprintf("239.%d.%d.%d", 1+n>>16, byte(n>>8), byte(n))
			text := fmt.Sprintf("v=0\r\no=- %d 1 IN IP4 10.67.%d.%d\r\ns=flood %d\r\nc=IN IP4 %s/15\r\nt=0 0\r\nm=audio 5004 RTP/AVP 97\r\na=rtpmap:97 L24/48000/2\r\n",
				n+1, 1+byte(n>>8)%250, byte(n), n, group)
			packet := binary.BigEndian.AppendUint16([]byte{0x20, 0}, uint16(n)|1)
			packet = append(append(append(packet, 10, 67, byte(n>>8), byte(n)), "application/sdp\x00"...), text...)
			if _, err := conn.Write(packet); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return err
			}
		}
		return nil
	})
}

// memory is what the bridge has in memory, MiB.
func (b *bridge) memory() float64 {
	b.t.Helper()
	text := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))))
	_, rest, _ := strings.Cut(text, "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return kilobytes / 1024
}

// cpu is the processor time that the bridge has taken.
func (b *bridge) cpu() time.Duration {
	b.t.Helper()
	text := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.cmd.Process.Pid))))
	_, rest, _ := strings.Cut(text, ") ")
	f := strings.Fields(rest) // from the third field on (proc_pid_stat(5))
	ticks := must(strconv.Atoi(f[11])) + must(strconv.Atoi(f[12]))
	return time.Duration(ticks) * (time.Second / 100)
}

// share is how much of a processor the bridge takes for a while, in percent.
func (b *bridge) share(length time.Duration) float64 {
	b.t.Helper()
	before, began := b.cpu(), time.Now()
	timer := time.NewTimer(length)
	<-timer.C
	return 100 * float64(b.cpu()-before) / float64(time.Since(began))
}

// TestAvahiComesAndGoes kills Avahi and the system bus under the bridge: the
// sessions are found again within 2 s of their return, and meanwhile nothing
// spins. An Avahi that publishes nothing is told, and a bus that hangs keeps
// nobody from ending.
func TestAvahiComesAndGoes(t *testing.T) {
	shared(t)
	measured(t, avahiComesAndGoes)
}

// spoken counts the lines of the log, but for those that a standstill of the machine
// brings: of what is sent, of the streams' state and of the clock, and of what it does to a
// sound server.
func (b *bridge) spoken() (lines int) {
	still := []string{`"part":"send"`, `"part":"bridge"`, `"part":"ptp"`, `"part":"recorder"`}
	for _, code := range own {
		still = append(still, fmt.Sprintf(`"code":%q`, code))
	}
	for line := range strings.Lines(b.output.String()) {
		if !slices.ContainsFunc(still, func(of string) bool { return strings.Contains(line, of) }) {
			lines++
		}
	}
	return lines
}

func avahiComesAndGoes(t *attempt) {
	w, s := newWire(t), startServer(t, "pulseaudio")
	here, there := startAvahi(t, w, pc, "lab-pc"), startAvahi(t, w, speaker, "lab-speaker")
	s.env = append(s.env, here.env())
	b := stationAt(w, s).run()
	b.sends(20 * time.Second)
	published := func(r report) bool { return r.Announce.MDNS == "established" }
	b.reaches(5*time.Second, "the sessions are published", published)
	length := window(4*time.Second, 30*time.Second)
	usual := b.share(length)

	for _, loss := range []struct{ name, down, up, word string }{
		{"Avahi is killed", "kill-avahi", "start-avahi", "absent"},
		{"the bus is killed, and Avahi with it", "kill-bus", "start-bus", "no-bus"},
	} {
		here.do(loss.down)
		b.reaches(5*time.Second, loss.name, func(r report) bool { return r.Announce.MDNS == loss.word && r.Announce.Problem != "" })
		lines := b.spoken()
		figures.atMost(t, loss.name+": CPU beyond the usual", b.share(length)-usual, limit(3, 1), "%") // a short look has some per cent of noise
		if n := b.spoken() - lines; n > 1 {
			t.Errorf("%s: %d lines in the log while it is away", loss.name, n)
		}
		here.do(loss.up)
		began := time.Now()
		b.reaches(10*time.Second, loss.name+": the sessions are published again", published)
		figures.atMost(t, loss.name+": published again after", time.Since(began).Seconds(), 2, "s")
		there.finds(t, loss.name, 2)
	}
	t.Logf("usual CPU of the bridge: %.1f %%", usual)
	for _, refusal := range []struct{ verb, remedy string }{
		{"forbid", "disable-user-service-publishing=no"},
		{"leave-out", "deny-interfaces"},
	} {
		here.do(refusal.verb)
		b.reaches(10*time.Second, "Avahi is made to "+refusal.verb, func(r report) bool {
			return r.Announce.MDNS == "forbidden" && strings.Contains(r.Announce.Problem, refusal.remedy)
		})
		there.finds(t, "Avahi is made to "+refusal.verb, 0) // goodbyes take 1 s
	}
	name := b.reaches(time.Second, "its streams are there", func(r report) bool { return len(r.Streams) == 2 }).Streams[0].Name
	rival := start(t, "avahi-publish", append(os.Environ(), there.env()), w.in(speaker, "avahi-publish", "--service", name, "_rtsp._tcp", "9")...)
	eventually(t, 5*time.Second, "somebody else has that name", func() bool { return strings.Contains(rival.output.String(), "Established under name '"+name+"'") })
	here.do("permit")
	moved := func() bool { return strings.Contains(rival.output.String(), "picking new name") }
	last := b.reaches(10*time.Second, "it publishes again, and one of the two has moved to another name", func(r report) bool {
		return published(r) && (r.Streams[0].Name == name+" #2" || moved()) // which of them is for the daemons to settle
	}).Streams[0].Name
	t.Logf("after the collision: here %q, somebody else moved: %v", last, moved())
	there.finds(t, "after the collision", 2)
	here.do("hang-bus")
	began := time.Now()
	b.end()
	figures.atMost(t, "its end while the bus hangs", time.Since(began).Seconds(), 2, "s")
	here.do("resume-bus")
}
