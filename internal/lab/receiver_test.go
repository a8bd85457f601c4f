package lab

import (
	"bytes"
	"context"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/ipv4"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
)

// tones is a source of one tone a channel. It fades in and out in 5 ms.
type tones struct {
	hz   []float64
	n    int
	gain float64
}

func (s *tones) Pull(out [][]float64, _ aes67.MonoTime, open bool) bool {
	for i := range out[0] {
		if open {
			s.gain = math.Min(1, s.gain+1.0/240)
		} else {
			s.gain = math.Max(0, s.gain-1.0/240)
		}
		for c := range out {
			out[c][i] = 0.5 * s.gain * math.Sin(2*math.Pi*s.hz[c]*float64(s.n)/48000)
		}
		s.n++
	}
	return s.gain == 0
}

func (s *tones) Skipped(frames aes67.Frames) { s.n += int(frames) }

func (s *tones) Unsent() {}

func loopback(t *testing.T) net.Interface {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil || lo.Flags&net.FlagUp == 0 {
		t.Skip("needs a loopback interface that is up")
	}
	return *lo
}

// background runs a part until the test ends.
func background(t *testing.T, what string, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s did not end within 5 s", what)
		}
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestReceiverHearsWhatTheSenderSends(t *testing.T) {
	lo := loopback(t)
	streams := make([]aes67.Stream, 2)
	for i := range streams {
		streams[i] = aes67.Stream{
			Name: []string{"left", "right"}[i], Channels: []string{"c"}, First: i,
			Group: netip.AddrFrom4([4]byte{239, 69, 254, byte(10 + i)}), Port: 15014, TTL: 15, PayloadType: 98,
			Rate: 48000, PacketTime: aes67.PacketTime1ms,
		}
	}
	gm := Oscillator{Start: rtthread.Raw(), Epoch: 1_700_000_000_000_000_000, Skew: 100_000}
	var clock mediaclock.Clock
	clock.Step(gm.Start, gm.Epoch, gm.Skew)

	receivers := make([]*Receiver, 2)
	for i := range receivers {
		r, err := NewReceiver(ReceiverConfig{
			Interface: lo, Clock: gm.At, Record: 10 * 48000,
			Subscription: Subscription{Name: streams[i].Name, Stream: streams[i], Channels: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		background(t, "receiver", r.Run)
		receivers[i] = r
	}
	sender, err := rtpsend.New(rtpsend.Config{
		Streams: streams, Interface: lo, Source: netip.AddrFrom4([4]byte{127, 0, 0, 1}), DSCP: 34, Loop: true, Priority: 10,
	}, &clock, &tones{hz: []float64{997, 1499}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	stop := background(t, "sender", sender.Run)
	eventually(t, "three seconds of packets", func() bool { return receivers[1].Report(0).Packets > 3000 })
	stop()
	stats := sender.Snapshot()

	for i, r := range receivers {
		eventually(t, "the last packet", func() bool { return r.Report(0).Packets == stats.Streams[i].Packets })
		report := r.Report(0)
		want := Counts{Packets: stats.Streams[i].Packets, TimestampJumps: stats.TimestampJumps}
		if report.Counts != want {
			t.Errorf("%s: %+v, want %+v", report.Name, report.Counts, want)
		}
		if report.TTL != 15 || report.DSCP != 34 || report.SSRC != stats.Streams[i].SSRC || report.Early != 0 {
			t.Errorf("%s: ttl %d, dscp %d, ssrc %08x, early %d", report.Name, report.TTL, report.DSCP, report.SSRC, report.Early)
		}
		if report.Delay.Min < 0 || report.Delay.P50 > 2000 {
			t.Errorf("%s: delay %+v", report.Name, report.Delay)
		}
		if stats.TimestampJumps > 0 {
			continue // this machine stalled; its sound has a hole
		}
		recording := r.Recording()
		if whole := recording.Channels[0]; !slices.Equal(r.Recorded(0, 1000), whole[1000:]) || len(r.Recorded(0, len(whole)+1)) != 0 || !slices.Equal(r.Recorded(0, -1), whole) {
			t.Errorf("%s: Recorded does not give the recording from a frame on", report.Name)
		}
		x := recording.WAV().Channels[0]
		from, to := Steady(x, 4800)
		tone := AnalyseTone(x[from:to], 48000, ToneOptions{OtherHz: []float64{1499, 997}[i]})
		// L24 with triangular dither: a step of 2^-23, its power 1/4 in all.
		if tone.SINADdB < 135 || tone.CrosstalkDB > -150 || len(tone.Defects) > 0 || math.Abs(tone.ToneHz-[]float64{997, 1499}[i]) > 1e-4 {
			t.Errorf("%s: %+v", report.Name, tone)
		}
	}
	if a, b := receivers[0].Recording(), receivers[1].Recording(); a.Start != b.Start || len(a.Channels[0]) != len(b.Channels[0]) {
		t.Errorf("the streams begin at %d and %d and have %d and %d frames; want the same", a.Start, b.Start, len(a.Channels[0]), len(b.Channels[0]))
	}
}

func TestAnnouncementsAreHeard(t *testing.T) {
	lo := loopback(t)
	heard := make(chan Announcement, 10)
	background(t, "SAP listener", func(ctx context.Context) error {
		return HearSAP(ctx, lo, func(a Announcement) {
			select {
			case heard <- a:
			default:
			}
		})
	})
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := ipv4.NewPacketConn(conn).SetMulticastInterface(&lo); err != nil {
		t.Fatal(err)
	}
	packet := []byte("\x20\x00\x12\x34\x7f\x00\x00\x01application/sdp\x00v=0\r\ns=lab test\r\n")
	for range 200 {
		if _, err := conn.WriteTo(packet, &net.UDPAddr{IP: SAPGroup().AsSlice(), Port: SAPPort}); err != nil {
			t.Fatal(err)
		}
		select {
		case a := <-heard:
			if !bytes.Contains(a.Text, []byte("lab test")) {
				continue // another program's
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("no announcement heard in 10 s")
}

func TestSubscribeTakesWhatADescriptionSays(t *testing.T) {
	for frames, want := range map[aes67.Frames]aes67.PacketTime{
		48: aes67.PacketTime1ms, 6: aes67.PacketTime125us, 5: aes67.PacketTime125us, 192: aes67.PacketTime4ms, 16: aes67.PacketTime333us,
	} {
		if got, err := packetTimeOf(frames, 48000); err != nil || got != want {
			t.Errorf("%d frames: %v, %v; want %v", frames, got, err, want)
		}
	}
	if _, err := packetTimeOf(1024, 48000); err == nil {
		t.Error("1024 frames a packet are taken")
	}
}
