package e2e

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stranger announces one session by SAP from the speaker's side, each second.
type stranger struct {
	t    testing.TB
	stop chan struct{}
	done chan struct{}
}

// announceStranger says that a session of an origin plays on a group; more are lines
// of its description.
func announceStranger(t testing.TB, w wire, name, origin string, id uint64, group string, more ...string) *stranger {
	t.Helper()
	text := fmt.Sprintf("v=0\r\no=- %d 1 IN IP4 %s\r\ns=%s\r\nc=IN IP4 %s/15\r\nt=0 0\r\nm=audio 5004 RTP/AVP 97\r\n"+
		"a=rtpmap:97 L24/48000/2\r\na=ptime:1\r\n", id, origin, name, group)
	for _, line := range more {
		text += line + "\r\n"
	}
	packet := []byte{0x20, 0}
	packet = binary.BigEndian.AppendUint16(packet, uint16(crc32.ChecksumIEEE([]byte(text)))|1)
	address := netip.MustParseAddr(origin).As4()
	packet = append(append(append(packet, address[:]...), "application/sdp\x00"...), text...)

	var conn net.Conn
	w.inside(t, speaker, func(net.Interface) (err error) {
		conn, err = net.Dial("udp4", "239.255.255.255:9875")
		return err
	})
	s := &stranger{t, make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(s.done)
		defer func() { _ = conn.Close() }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			_, _ = conn.Write(packet)
			select {
			case <-tick.C:
			case <-s.stop:
				packet[0] = 0x24 // deleted
				_, _ = conn.Write(packet)
				return
			}
		}
	}()
	t.Cleanup(s.end)
	return s
}

func (s *stranger) end() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	<-s.done
}

// TestNeighbours holds the bridge to what it owes other sessions on a network.
func TestNeighbours(t *testing.T) {
	shared(t)
	w, s := newWire(t), startServer(t, "pulseaudio")
	startGrandmaster(t, w, 0)
	desk := stationAt(w, s)
	desk.host = "lab-pc"
	b := desk.run()
	first := b.follows(15 * time.Second).Streams
	b.end()

	// What it had is taken now, by one that would have to move later.
	s.forgetLastRun() // as if it were a minute later
	before := announceStranger(t, w, first[0].Name, "10.67.0.200", 9, first[0].Group)
	b = desk.run("--set", "network.interface=auto", "--set", "stream.when=always") // listens first
	second := b.follows(25 * time.Second).Streams
	if second[0].Group == first[0].Group || second[1].Group != first[1].Group {
		t.Errorf("groups %s and %s beside one on %s, before %s and %s", second[0].Group, second[1].Group, first[0].Group, first[0].Group, first[1].Group)
	}
	if !strings.HasSuffix(second[0].Name, "#2") || !strings.HasSuffix(second[1].Name, "#2") {
		t.Errorf("names %q and %q beside a session %q", second[0].Name, second[1].Name, first[0].Name)
	}
	before.end()

	t.Run("of two on one group the higher stays away, the lower stays", func(t *testing.T) {
		higher := announceStranger(t, w, "higher", "10.67.0.200", 1, second[1].Group)
		b.reaches(15*time.Second, "the problem is told", func(r report) bool { return strings.Contains(r.Problem, `is also used by "higher"`) })
		if now := b.sends(time.Second); now.Streams[1].Group != second[1].Group {
			t.Errorf("moved from %s to %s", second[1].Group, now.Streams[1].Group)
		}
		higher.end()
		b.reaches(5*time.Second, "the problem is over", report.well)
	})

	t.Run("and moves within 2 s for the lower", func(t *testing.T) {
		receiver := listen(t, w, b.descriptions()[1], nil, 0)
		receiver.lasts(t, time.Second)
		versions := b.versions()
		lower := announceStranger(t, w, "lower", "10.67.0.0", 1, second[1].Group)
		began := time.Now()
		b.reaches(2*time.Second, "the right stream leaves its group", func(r report) bool {
			return len(r.Streams) == 2 && r.Streams[1].Group != second[1].Group && r.State == "sending"
		})
		figures.atMost(t, "a contested group is left after", time.Since(began).Seconds(), 2, "s")
		now := b.versions()
		if now[1] <= versions[1] {
			t.Errorf("version %d after the move, %d before", now[1], versions[1])
		}
		if streams := b.sends(time.Second).Streams; streams[0].Group != second[0].Group {
			t.Errorf("the left stream moved too, from %s to %s", second[0].Group, streams[0].Group)
		}
		lower.end()
	})
	b.end()
}

// forgetLastRun removes what lets a bridge go on where the last one ended.
func (s *server) forgetLastRun() {
	s.t.Helper()
	last, _ := filepath.Glob(filepath.Join(s.dir, "home/.local/state/aes67-sink/last-*.json"))
	if len(last) == 0 {
		s.t.Error("the last run has left nothing to go on with")
	}
	for _, path := range last {
		if err := os.Remove(path); err != nil {
			s.t.Error(err)
		}
	}
}

// versions returns the versions of the descriptions.
func (b *bridge) versions() (versions [2]uint64) {
	b.t.Helper()
	for i, text := range b.sdp() {
		for _, line := range strings.Split(text, "\r\n") {
			if f := strings.Fields(line); len(f) == 6 && strings.HasPrefix(line, "o=") {
				if _, err := fmt.Sscan(f[2], &versions[i]); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
	return versions
}

// TestManyBridges starts bridges of one host name on one network, two and ten:
// they end with names, groups and ids of their own.
func TestManyBridges(t *testing.T) {
	for _, count := range []int{2, 10} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			w, s := newHub(t, count), startServer(t, "pulseaudio")
			var bridges []*bridge
			for n := 1; n <= count; n++ {
				seat := s.seat(w, fmt.Sprint(n))
				seat.host = "lab-pc"
				if n <= 2 { // two with Avahi show what it adds; ten of them show the machine's limits
					seat.env = append(seat.env, startAvahi(t, w, seat.side, "lab-pc").env())
				}
				if count > 2 { // together they would take both processors in real time
					seat.as = []string{"setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "--"}
				}
				bridges = append(bridges, seat.run("--set", fmt.Sprintf("sink.id=aes67n%d", n), "--set", "stream.ptime=4ms"))
			}
			for _, b := range bridges {
				b.reaches(60*time.Second, "the bridge has streams", func(r report) bool { return len(r.Streams) == 2 })
			}
			var all map[string]string
			settled := func() bool {
				all = map[string]string{}
				for _, b := range bridges {
					r, err := b.look()
					if err != nil || len(r.Streams) != 2 {
						return false
					}
					for i, text := range b.sdp() {
						stream := r.Streams[i]
						for _, what := range []string{"name " + stream.Name, "group " + stream.Group, "id " + strings.Fields(text)[2]} {
							if _, taken := all[what]; taken {
								return false
							}
							all[what] = b.name
						}
					}
				}
				return true
			}
			eventually(t, 30*time.Second, "all have names, groups and ids of their own", settled)
			before := fmt.Sprint(all)
			// They stay as they are; this is the time that it takes to notice.
			quiet := time.NewTimer(3 * time.Second)
			<-quiet.C
			if !settled() || fmt.Sprint(all) != before {
				t.Errorf("they do not stay as they were:\n%v\n%v", before, all)
			}
			for _, b := range bridges {
				b.end()
			}
		})
	}
}
