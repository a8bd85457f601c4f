package pulse

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
)

const (
	// defaultLatency is how much a player keeps in the server's queue.
	defaultLatency = 100 * time.Millisecond
	// fadeOut ends a tone that is cut off, without a click.
	fadeOut = 10 * time.Millisecond
)

// PlayConfig says where and what to play.
type PlayConfig struct {
	SinkID   string
	Rate     aes67.Hz
	Channels []string // PulseAudio position names
	Name     string   // what the desktop shows, such as "test tone"
	// Latency is how much is queued ahead; 0 means 100 ms.
	Latency time.Duration
	// Ahead is told before each read how long the first sample of it will take to be heard, as
	// the server says; that costs a request each time. It may be nil.
	Ahead func(time.Duration)
}

// ErrNoSink says that the sink is not there.
var ErrNoSink = errors.New("not there")

var errGone = errors.New("went away")

// Play plays into a sink what read fills in, interleaved, until read returns
// less than it was asked for; it returns when all of it was heard. When ctx ends
// it fades out and stops. The volume is the sink's own.
func Play(ctx context.Context, cfg PlayConfig, read func(samples []float32) int) error {
	return play(ctx, thisProcess(), cfg, read)
}

func play(ctx context.Context, where surroundings, cfg PlayConfig, read func(samples []float32) int) error {
	if err := errors.Join(checkSinkID(cfg.SinkID), checkRate(cfg.Rate)); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	p := player{cfg: cfg, read: read, wakeup: make(chan struct{}, 1)}
	var err error
	if p.channels, err = channelMap(cfg.Channels); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	framer := newFramer(len(p.channels), nil)
	// What is read needs no time stamps: no audio comes this way.
	p.server, err = connect(ctx, where, framer, func() aes67.MonoTime { return 0 }, nil, p.message)
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	defer p.server.close()
	defer deadline(ctx, farewell, func() { p.server.fail(context.Cause(ctx)) })()
	if err := p.play(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}

func checkRate(rate aes67.Hz) error {
	if !aes67.ValidRate(rate) {
		return fmt.Errorf("rate %d Hz: not one of %v", rate, aes67.Rates)
	}
	return nil
}

type player struct {
	cfg      PlayConfig
	channels proto.ChannelMap
	read     func([]float32) int
	server   *server
	stream   uint32

	wanted atomic.Int64 // bytes that the server has asked for
	killed atomic.Bool
	wakeup chan struct{}
}

// message runs on the connection's reader.
func (p *player) message(m any) {
	switch m := m.(type) {
	case *proto.Request:
		p.wanted.Add(int64(m.Length))
	case *proto.PlaybackStreamKilled:
		p.killed.Store(true)
	default:
		return
	}
	wake.Signal(p.wakeup)
}

func (p *player) play(ctx context.Context) error {
	// Asked first, because newer PipeWire lets a stream wait for a sink to come.
	err := p.server.request("looking for the sink", &proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: p.cfg.SinkID}, &proto.GetSinkInfoReply{})
	if errors.Is(err, proto.ErrNoSuchEntity) {
		return fmt.Errorf("sink %q: %w", p.cfg.SinkID, ErrNoSink)
	}
	if err != nil {
		return err
	}
	latency := p.cfg.Latency
	if latency == 0 {
		latency = defaultLatency
	}
	frame := int64(4 * len(p.channels))
	reply := &proto.CreatePlaybackStreamReply{}
	err = p.server.request("playing", &proto.CreatePlaybackStream{
		SampleSpec:            proto.SampleSpec{Format: proto.FormatFloat32LE, Channels: byte(len(p.channels)), Rate: uint32(p.cfg.Rate)},
		ChannelMap:            p.channels,
		SinkIndex:             proto.Undefined,
		SinkName:              p.cfg.SinkID,
		BufferMaxLength:       proto.Undefined,
		BufferTargetLength:    uint32(int64(aes67.FramesIn(latency, p.cfg.Rate)) * frame),
		BufferPrebufferLength: proto.Undefined,
		BufferMinimumRequest:  proto.Undefined,
		AdjustLatency:         true,
		NoMove:                true,
		NoRemix:               true,
		// Not set: with flat volumes a stream's volume could raise the sink's.
		VolumeSet:      false,
		ChannelVolumes: whole(len(p.channels)).wire(),
		Properties: proto.PropList{
			"media.name": proto.PropListString(label(p.cfg.Name)),
			"media.role": proto.PropListString("test"),
		},
	}, reply)
	if err != nil {
		return err
	}
	p.stream = reply.StreamIndex
	p.wanted.Add(int64(reply.Missing))
	fade := int(aes67.FramesIn(fadeOut, p.cfg.Rate)) * len(p.channels)
	samples := make([]float32, messageBytes/4/len(p.channels)*len(p.channels))
	packet := make([]byte, 0, messageBytes)
	for ended := false; !ended; {
		block := samples[:min(int64(len(samples)), max(0, p.wanted.Load()/frame)*int64(len(p.channels)))]
		ending := ctx.Err() != nil
		if ending {
			block = samples[:fade]
		} else if len(block) == 0 {
			if err := p.await(ctx); err != nil {
				return err
			}
			continue
		}
		if err := p.tellAhead(); err != nil {
			return err
		}
		got := min(max(0, p.read(block)), len(block))
		ended = got < len(block) || ending
		block = block[:got]
		if ending {
			fadeToSilence(block, len(p.channels), fade)
		}
		packet = packet[:0]
		for _, sample := range block {
			packet = binary.LittleEndian.AppendUint32(packet, math.Float32bits(sample))
		}
		p.wanted.Add(-int64(len(packet)))
		if len(packet) > 0 {
			if err := p.server.send(p.stream, packet); err != nil {
				return err
			}
		}
	}
	return p.server.request("draining", &proto.DrainPlaybackStream{StreamIndex: p.stream}, nil)
}

// tellAhead asks what is queued, and how late the sink is (PulseAudio, stream.c,
// pa_stream_get_latency: indices are in bytes).
func (p *player) tellAhead() error {
	if p.cfg.Ahead == nil {
		return nil
	}
	reply := &proto.GetPlaybackLatencyReply{}
	if err := p.server.request("latency", &proto.GetPlaybackLatency{StreamIndex: p.stream}, reply); err != nil {
		return err
	}
	queued := aes67.Frames((reply.WriteIndex - reply.ReadIndex) / int64(4*len(p.channels)))
	p.cfg.Ahead(queued.Duration(p.cfg.Rate) + time.Duration(reply.Latency)*time.Microsecond)
	return nil
}

// await waits until the server wants more.
func (p *player) await(ctx context.Context) error {
	select {
	case <-p.wakeup:
	case <-ctx.Done():
	case <-p.server.lost:
		return p.server.err()
	}
	if p.killed.Load() {
		return fmt.Errorf("sink %q: %w", p.cfg.SinkID, errGone)
	}
	return nil
}

// fadeToSilence ramps the first samples down and silences the rest.
func fadeToSilence(samples []float32, channels, over int) {
	for i := range samples {
		position := i / channels * channels
		if position >= over {
			samples[i] = 0
			continue
		}
		samples[i] *= float32(0.5 + 0.5*math.Cos(math.Pi*float64(position)/float64(over)))
	}
}
