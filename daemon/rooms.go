package daemon

import (
	"slices"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/rtthread"
	"aes67-sink/pulse"
	"aes67-sink/volume"
)

// furnish makes the sinks, and joins their sound. The law of the first is the slider's,
// whom the speakers' own levels may obey.
func (e *edges) furnish(volumes []volumeMemory, follows func() bool, part func(string) zerolog.Logger) (err error) {
	cfg := e.cfg
	frames := cfg.Stream.PacketTime.Frames(cfg.Stream.Rate)
	var joined []bridge.Room
	for i, sink := range cfg.Sinks() {
		s := seat{cfg: sink}
		s.pipeline, err = bridge.NewPipeline(bridge.PipelineConfig{
			Channels:     len(sink.Channels),
			SinkRate:     sink.StartRate(),
			OtherRates:   sink.Rates()[1:],
			StreamRate:   cfg.Stream.Rate,
			PacketFrames: frames,
			Latency:      sink.Latency,
			CeilingDBFS:  cfg.Safety.CeilingDBFS,
		}, e.clock)
		if err != nil {
			return err
		}
		var law func(doubts uint64, law aes67.Law)
		if i == 0 {
			e.loudness = volume.NewLoudness(s.pipeline, rtthread.Now, part("speakers"))
			e.loudness.Delays(func() time.Duration {
				return slices.Max(append([]time.Duration{0}, sink.Delays...)) + time.Duration(e.receiver.Load())
			})
			law = e.loudness.Obey
		}
		s.sink = pulse.New(pulse.Config{
			SinkID: sink.ID, SinkName: sink.Name, Host: hostName(), Rate: sink.StartRate(), OtherRates: sink.Rates()[1:], Channels: sink.Channels,
			FirstVolumeDB: cfg.Safety.FirstVolumeDB, MaxVolumeDB: cfg.Safety.MaxVolumeDB, JumpGuard: cfg.Safety.JumpGuard,
			Follows: follows, Law: law,
			Latency: func() (time.Duration, bool) { return e.toEar(i) },
			Volume:  volumes[i], Now: rtthread.Now, OnReader: captureThread(part("pulse")),
		}, s.pipeline, part("pulse"))
		e.seats = append(e.seats, s)
		joined = append(joined, bridge.Room{
			Pipeline: s.pipeline, Channels: sink.Channels, GainsDB: sink.Gains, Delays: sink.Delays, Into: cfg.Into(sink),
		})
	}
	var record bridge.Recorder
	if e.ring != nil {
		record = e.ring
	}
	e.rooms, err = bridge.NewRooms(bridge.RoomsConfig{
		StreamRate: cfg.Stream.Rate, PacketFrames: frames, CeilingDBFS: cfg.Safety.CeilingDBFS, Recorder: record,
	}, joined)
	return err
}
