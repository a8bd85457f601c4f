package daemon

import (
	"fmt"
	"math"
	"time"

	"aes67-sink/bridge"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

// lookout looks at the bridge for the flight recorder.
type lookout struct {
	edges      *edges
	supervisor *bridge.Bridge
}

// look tells how the bridge is; of the sender's thread it knows nothing.
func (o lookout) look() recorder.Look {
	e, b := o.edges, o.supervisor.Snapshot()
	unknown := math.NaN()
	raw := rtthread.Raw()
	l := recorder.Look{
		At: time.Now(), Raw: raw, State: b.State.String(), Asleep: e.sleeper.asleep(),
		OffsetNS: unknown, BoundNS: unknown, Fill: unknown, RatioPPB: unknown,
	}
	if len(b.Problems) > 0 { // at once, before the verdict tells it
		l.Problem = b.Problems[0]
		// Nobody may have looked between the going to sleep and the waking up.
		l.Asleep = l.Asleep || health.Find(l.Problem).Code == "computer-sleeps"
	}
	if m, set := e.clock.Load(); set {
		l.PTP, l.Steps = int64(m.PTPAt(raw)), uint64(m.Steps)
	}
	if e.ptp != nil {
		s := e.ptp.Snapshot()
		l.Clock = s.State.String()
		if !s.Grandmaster.IsZero() {
			l.Master = s.Grandmaster.String()
		}
		if s.OffsetKnown {
			l.OffsetNS = s.OffsetNS
		}
		if s.BoundKnown {
			l.BoundNS = s.ErrorBoundNS
		}
	}
	if used := e.network.input(); used.Usable {
		l.Interface = used.Chosen.Interface.Name
		l.Network = l.Interface + " " + used.Chosen.Address.String()
	}
	sink := e.seats[0].sink.Snapshot()
	l.Zeros = sink.Zeros
	if sink.Connected {
		l.Server = sink.Server
	}
	if sink.VolumeConfirmed {
		l.Volume = fmt.Sprintf("volume %.1f dB", sink.VolumeDB)
		if sink.Muted {
			l.Volume += ", muted"
		}
	}
	pipeline := e.seats[0].pipeline.Snapshot()
	l.Target, l.SinkRate = float64(pipeline.Target), pipeline.Rate
	channels := make([][]string, len(b.Sessions))
	for i := range b.Sessions {
		channels[i] = b.Sessions[i].Stream.Channels
	}
	if len(channels) > 0 {
		l.Streams = recorder.Called(channels)
	}
	if !e.sender.runs() {
		return l
	}
	if pipeline.Phase == bridge.Flowing {
		l.RatioPPB = float64(pipeline.Ratio)
	}
	if pipeline.Reads() {
		l.Fill = pipeline.Fill
	}
	for i := range e.seats {
		l.LimitedDB = max(l.LimitedDB, e.rooms.GainReduction(i))
	}
	for c := range e.rooms.Channels() {
		number, own := e.seats.of(c)
		l.PeaksDBFS = append(l.PeaksDBFS, max(status.SilenceDB, 20*math.Log10(e.rooms.Peak(number, own))))
	}
	return l
}
