package daemon

import (
	"github.com/rs/zerolog"

	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/pulse"
)

// newSeats makes the sinks, and joins their sound. obey returns what is told the law of
// the first, which the speakers' own levels may carry out.
func newSeats(cfg config.Config, volumes []volumeMemory, clock *mediaclock.Clock, recorder bridge.Recorder, follows func() bool,
	obey func(first *bridge.Pipeline) func(doubts uint64, law pulse.Law), part func(string) zerolog.Logger,
) (made seats, rooms *bridge.Rooms, err error) {
	frames := cfg.Stream.PacketTime.Frames(cfg.Stream.Rate)
	var joined []bridge.Room
	for i, sink := range cfg.Sinks() {
		s := seat{cfg: sink}
		s.pipeline, err = bridge.NewPipeline(bridge.PipelineConfig{
			Channels:     len(sink.Channels),
			SinkRate:     sink.Rate,
			StreamRate:   cfg.Stream.Rate,
			PacketFrames: frames,
			Latency:      sink.Latency,
			CeilingDBFS:  cfg.Safety.CeilingDBFS,
		}, clock)
		if err != nil {
			return nil, nil, err
		}
		var law func(doubts uint64, law pulse.Law)
		if i == 0 {
			law = obey(s.pipeline)
		}
		s.sink = pulse.New(pulse.Config{
			SinkID: sink.ID, SinkName: sink.Name, Host: hostName(), Rate: sink.Rate, Channels: sink.Channels,
			FirstVolumeDB: cfg.Safety.FirstVolumeDB, MaxVolumeDB: cfg.Safety.MaxVolumeDB, JumpGuard: cfg.Safety.JumpGuard,
			Follows: follows, Law: law,
			Volume: volumes[i], Now: rtthread.Now, OnReader: captureThread(part("pulse")),
		}, s.pipeline, part("pulse"))
		made = append(made, s)
		joined = append(joined, bridge.Room{
			Pipeline: s.pipeline, Channels: sink.Channels, GainsDB: sink.Gains, Delays: sink.Delays, Into: cfg.Into(sink),
		})
	}
	rooms, err = bridge.NewRooms(bridge.RoomsConfig{
		StreamRate: cfg.Stream.Rate, PacketFrames: frames, CeilingDBFS: cfg.Safety.CeilingDBFS, Recorder: recorder,
	}, joined)
	return made, rooms, err
}
