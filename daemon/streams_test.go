package daemon

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
)

// house is a sender of mono streams from several sinks that play, on the loopback.
type house struct {
	sinks, channels int  // channels of each
	everywhere      bool // and one more sink that plays into all
}

func (h house) streams() int { return h.sinks * h.channels }

// made builds the path of the data from the pipelines on.
func (h house) made(b *testing.B, clock *mediaclock.Clock) (*bridge.Rooms, []aes67.Stream) {
	b.Helper()
	var rooms []bridge.Room
	var streams []aes67.Stream
	add := func(channels int, into []int) {
		names := make([]string, channels)
		for c := range names {
			names[c] = fmt.Sprintf("aux%d", c)
		}
		p, err := bridge.NewPipeline(bridge.PipelineConfig{Channels: channels, SinkRate: 48000, StreamRate: 48000, PacketFrames: 48}, clock)
		if err != nil {
			b.Fatal(err)
		}
		p.SetConfirmed(true)
		rooms = append(rooms, bridge.Room{Pipeline: p, Channels: names, Into: into})
	}
	var all []int
	for i := range h.sinks {
		add(h.channels, nil)
		all = append(all, i)
	}
	if h.everywhere {
		add(h.channels, all)
	}
	for i := range h.streams() {
		streams = append(streams, aes67.Stream{
			Name: fmt.Sprint(i), Channels: []string{"mono"}, First: i, Group: netip.AddrFrom4([4]byte{239, 69, 254, byte(1 + i)}), Port: 15104,
			TTL: 1, PayloadType: 98, Encoding: aes67.L24, Rate: 48000, PacketTime: aes67.PacketTime1ms,
		})
	}
	joined, err := bridge.NewRooms(bridge.RoomsConfig{StreamRate: 48000, PacketFrames: 48}, rooms)
	if err != nil {
		b.Fatal(err)
	}
	return joined, streams
}

// run sends for a while, and returns the processor's time of the sender for a packet of
// one stream, and the share of packets that were later than a packet time.
func (h house) run(b *testing.B, length time.Duration) (cost time.Duration, late float64) {
	b.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		b.Skip("needs a loopback interface")
	}
	clock := &mediaclock.Clock{}
	clock.Step(rtthread.Raw(), 1e18, 10_000) // 10 ppm: the resampler works
	joined, streams := h.made(b, clock)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	fed := make(chan struct{})
	go func() { defer close(fed); feed(ctx, joined.Pipelines(), h.channels) }()
	s, err := rtpsend.New(rtpsend.Config{
		Streams: streams, Interface: *lo, Source: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Priority: senderPriority,
	}, clock, joined, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- s.Run(ctx) }()
	<-time.After(time.Second) // the filter is filled, the pages are there
	tid := 0
	rtthread.Each(func(name string, id int, _ rtthread.Grant) {
		if name == senderThread {
			tid = id
		}
	})
	before, spent := s.Snapshot().Streams[0], spentBy(b, tid)
	<-time.After(length)
	after, now := s.Snapshot().Streams[0], spentBy(b, tid)
	stop()
	<-fed
	if err := <-sent; err != nil {
		b.Fatal(err)
	}
	packets := after.Packets - before.Packets
	for i, p := range joined.Pipelines() {
		if r := p.Snapshot(); r.Phase != bridge.Flowing {
			b.Fatalf("sink %d does not play: %+v", i, r)
		}
	}
	return (now - spent) / time.Duration(packets*uint64(h.streams())), float64(after.Late-before.Late) / float64(packets)
}

// spentBy is the processor's time of a thread (proc(5), schedstat).
func spentBy(b *testing.B, tid int) (spent time.Duration) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", tid))
	if err == nil {
		_, err = fmt.Fscan(strings.NewReader(string(text)), &spent)
	}
	if err != nil {
		b.Fatal(err)
	}
	return spent
}

// feed plays a tone into all, as a server of cycles of 256 frames.
func feed(ctx context.Context, all []*bridge.Pipeline, channels int) {
	const cycle = 256
	samples := make([]float32, channels*cycle)
	each := time.NewTicker(time.Millisecond)
	defer each.Stop()
	began, sent := rtthread.Now(), aes67.Frames(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		for now := rtthread.Now(); sent.Duration(48000) <= now.Sub(began); sent += cycle {
			for f := range cycle {
				x := float32(0.1 * math.Sin(2*math.Pi*440*float64(int(sent)+f)/48000))
				for c := range channels {
					samples[f*channels+c] = x
				}
			}
			for _, p := range all {
				p.Frames(samples, now)
			}
		}
	}
}

// BenchmarkStreams has the sender's cost of a stream among 64 beside that of one of two,
// in turn, and whether 64 hold their instants.
func BenchmarkStreams(b *testing.B) {
	houses := []house{{1, 2, false}, {8, 8, false}, {8, 8, true}}
	costs, lates := make([][]time.Duration, len(houses)), make([][]float64, len(houses))
	for range b.N {
		for i, h := range houses {
			cost, late := h.run(b, 3*time.Second)
			costs[i], lates[i] = append(costs[i], cost), append(lates[i], late)
		}
	}
	median := func(i int) float64 { return float64(slices.Sorted(slices.Values(costs[i]))[len(costs[i])/2]) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(0), "ns/stream-of-2")
	b.ReportMetric(median(1), "ns/stream-of-64")
	b.ReportMetric(median(2), "ns/stream-of-64-and-everywhere")
	b.ReportMetric(median(1)/median(0), "of-64/of-2")
	for i, name := range []string{"%late-of-2", "%late-of-64"} {
		late := slices.Sorted(slices.Values(lates[i]))
		b.ReportMetric(100*late[len(late)/2], name)
	}
}
