package e2e

import (
	"context"
	"fmt"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/speakersim"
)

// meter is a speaker's receiver of one stream: how loud it is.
type meter struct{ bits atomic.Uint64 }

func (m *meter) dB() float64 { return math.Float64frombits(m.bits.Load()) }

// listen measures the largest sample of each packet of a stream of 24 bits.
func (m *meter) listen(ctx context.Context, conn *net.UDPConn) error {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	const header = 12 // RFC 3550, 5.1, without contributing sources
	packet := make([]byte, 1500)
	for {
		n, err := conn.Read(packet)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		peak := 0.0
		for i := header; i+3 <= n; i += 3 {
			sample := int32(packet[i])<<24 | int32(packet[i+1])<<16 | int32(packet[i+2])<<8
			peak = max(peak, math.Abs(float64(sample))/(1<<31))
		}
		m.bits.Store(math.Float64bits(max(-120, 20*math.Log10(peak))))
	}
}

// alone keeps other groups of the same port out of a socket (ip(7), IP_MULTICAST_ALL).
func alone(t *testing.T, conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { must(0, unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPairing lets the pair command play through a bridge to two simulated speakers, whose
// meters are fed by real receivers of the streams, in each of the four wirings.
func TestPairing(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w, s := newWire(t), newServer(t, "pipewire")
	s.do("start", "pipewire")
	b := stationAt(w, s).run("--set", "clock.mode=grandmaster", "--set", "stream.when=always")
	r := b.sends(silenceOfMasters)
	if len(r.Streams) != 2 {
		t.Fatalf("streams %+v", r.Streams)
	}
	var streams [2]meter
	for i := range streams {
		streams[i].bits.Store(math.Float64bits(-120))
		group := net.UDPAddr{IP: net.ParseIP(r.Streams[i].Group), Port: r.Streams[i].Port}
		w.inside(t, speaker, func(eth0 net.Interface) error {
			conn, err := net.ListenMulticastUDP("udp4", &eth0, &group)
			if err == nil {
				alone(t, conn)
				beside(t, "receiver", func(ctx context.Context) error { return streams[i].listen(ctx, conn) })
			}
			return err
		})
	}
	const none = -1
	var wiring [2]atomic.Int64 // which stream each speaker plays
	var addresses []string
	for i, name := range []string{"Left", "Right"} {
		sim := speakersim.New(speakersim.Config{Profile: speakersim.KH120IIAES67, Name: name, Serial: fmt.Sprintf("638000000%d", i)})
		sim.SetMeter(func() []float64 {
			if plays := wiring[i].Load(); plays != none {
				return []float64{streams[plays].dB()}
			}
			return []float64{-120}
		})
		ip := fmt.Sprintf("fe80::67:%d", i+1)
		mustOutput(t, nil, w.in(speaker, "ip", "address", "add", ip+"/64", "dev", "eth0", "nodad")...)
		w.inside(t, speaker, func(net.Interface) error {
			l, err := net.Listen("tcp", "["+ip+"%eth0]:0")
			if err == nil {
				addresses = append(addresses, fmt.Sprintf("[%s%%eth0]:%d", ip, l.Addr().(*net.TCPAddr).Port))
				beside(t, "speaker", func(ctx context.Context) error { return sim.Serve(ctx, l) })
			}
			return err
		})
	}
	for _, c := range []struct {
		name        string
		left, right int64
		paired      bool
		says        string
	}{
		{"one is silent", 0, none, false, "Left plays left, and nothing is heard by Right"},
		{"both on left", 0, 0, false, "Left and Right both play the left stream"},
		{"swapped", 1, 0, true, "Right plays left, Left plays right: by their names they are swapped"},
		{"straight", 0, 1, true, "Left plays left, Right plays right"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wiring[0].Store(c.left)
			wiring[1].Store(c.right)
			began := time.Now()
			said, err := output(s.env, w.in(pc, program, "speakers", "pair", "--address", addresses[0], "--address", addresses[1])...)
			figures.atMost(t, "pairing", time.Since(began).Seconds(), 10, "s")
			if err != nil {
				said += err.Error()
			}
			if (err == nil) != c.paired || !strings.Contains(said, c.says) {
				t.Errorf("%q, %v; want %q, paired: %v", said, err, c.says, c.paired)
			}
		})
	}
	b.reaches(5*time.Second, "the bridge knows the pair", func(r report) bool { return strings.Contains(r.text, `"speakers"`) })
}
