package daemon

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/rtthread"
	"aes67-sink/pulse"
	"aes67-sink/rtpsend"
	"aes67-sink/status"
)

// teller makes the picture of the running bridge that status shows.
type teller struct {
	edges      *edges
	supervisor *bridge.Bridge
	again      *reloader
	judge      *judge
	recording  *recording
	version    string
	started    aes67.MonoTime
	bundler
}

// Model is the picture of the running bridge.
func (t *teller) Model() status.Model {
	e, b := t.edges, t.supervisor.Snapshot()
	sink := e.sink.Snapshot()
	stats := e.sender.stats()
	m := status.Model{
		Version:  t.version,
		UptimeS:  status.Tenths(rtthread.Now().Sub(t.started).Seconds()),
		State:    b.State.String(),
		Sink:     e.sinkModel(),
		Clock:    e.clockModel(),
		Network:  e.network.model(),
		Streams:  e.streamModels(b, stats),
		Announce: e.announcer.model(),
		Heard:    e.heardModel(),

		CeilingDBFS: new(status.Tenths(e.pipeline.CeilingDBFS())),
	}
	m.Problem, m.Problems, m.Status = healthModel(t.judge.told())
	pipeline := e.pipeline.Snapshot()
	m.Drift = driftModel(pipeline, stats != nil, sink.VolumeConfirmed && sink.Unscaled)
	if stats != nil {
		m.Sender = threadModel(stats.Grant)
		packet := e.packetWait()
		m.LatencyMS = &status.Latency{
			Buffer:    milliseconds(pipeline.Waits),
			Resampler: milliseconds(pipeline.Resampler),
			Packet:    milliseconds(packet),
			Total:     milliseconds(pipeline.Waits + pipeline.Resampler + packet),
			Receiver:  milliseconds(time.Duration(e.receiver.Load())),
		}
		m.LatencyTold = sink.LatencyTold
	}
	return m
}

// Reload reads the configuration anew.
func (t *teller) Reload() status.Reloaded { return t.again.reload() }

// threadModel tells what a thread has now.
func threadModel(g rtthread.Grant) *status.Thread {
	return &status.Thread{Policy: g.Policy, Priority: g.Priority, By: g.By, Why: g.Why}
}

// Listing is what is heard on the network, and what is announced.
func (t *teller) Listing() status.Listing {
	e := t.edges
	s := e.ears.survey()
	s.own, s.ownVia = t.supervisor.Snapshot().Sessions, e.announcer.ways()
	s.used = e.network.input().Chosen.Interface.Name
	if e.ptp != nil {
		s.clock = new(e.ptp.Snapshot())
	} else {
		s.notes = append(s.notes, "PTP masters are not heard: "+e.forbidden)
	}
	return s.list()
}

// Sessions are the session descriptions as announced.
func (t *teller) Sessions() []status.Session {
	var all []status.Session
	for _, s := range t.supervisor.Snapshot().Sessions {
		all = append(all, status.Session{Name: s.Stream.Name, Channels: s.Stream.Channels, Text: s.Text()})
	}
	return all
}

func (e *edges) sinkModel() status.Sink { return e.describeSink(e.sink.Snapshot()) }

// describeSink leaves out what is not known yet; before the volume is confirmed
// it is anybody's guess.
func (e *edges) describeSink(s pulse.Status) status.Sink {
	m := status.Sink{
		State: s.State.String(), Server: s.Server, Name: e.cfg.Sink.Name, ID: e.cfg.Sink.ID,
		RateHz: int(e.cfg.Sink.Rate), Channels: e.cfg.Sink.Channels,
	}
	if s.State == pulse.StateRunning {
		m.Clients, m.Playing, m.ResampledHz = &s.Clients, &s.Playing, int(s.OtherRate)
	}
	if s.VolumeConfirmed {
		volume := status.Tenths(s.VolumeDB)
		m.VolumeDB, m.Muted = &volume, &s.Muted
	}
	return m
}

// heardModel counts what others announce.
func (e *edges) heardModel() status.Heard {
	return status.Heard{Sessions: len(e.neighbours.latest().Sessions), Masters: len(e.ears.masters())}
}

func (e *edges) clockModel() status.Clock {
	if e.ptp == nil {
		return status.Clock{Role: "none", Domain: int(e.cfg.Clock.Domain)}
	}
	s := e.ptp.Snapshot()
	m := status.Clock{
		State: s.State.String(), Role: s.Role.String(), Domain: int(s.Domain), Steps: uint64(s.Steps),
		Timestamps: s.Stamps.String(), TimestampsWhy: s.Stamps.Why,
	}
	if !s.Grandmaster.IsZero() {
		m.Grandmaster = s.Grandmaster.String()
	}
	if s.OffsetKnown {
		m.OffsetNS, m.OffsetRMSNS = whole(s.OffsetNS), whole(s.OffsetRMSNS)
	}
	if s.DelayKnown {
		m.PathDelayNS = whole(s.PathDelayNS)
	}
	if s.FrequencyKnown {
		m.FrequencyPPB = whole(float64(s.FrequencyPPB))
	}
	if s.BoundKnown {
		m.ErrorBoundNS = whole(s.ErrorBoundNS)
	}
	heard := survey{
		masters: e.ears.masters(), clock: &s,
		interfaces: e.ears.interfaces.Candidates(), used: e.network.input().Chosen.Interface.Name,
	}
	m.Masters = heard.listMasters()
	return m
}

// driftModel tells how the rates are fitted. Samples are those of the programs
// only at full volume, which the sound server applies.
func driftModel(p bridge.PipelineSnapshot, sending, fullVolume bool) status.Drift {
	m := status.Drift{Underruns: p.Underruns, Overruns: p.Overruns, ServerJumps: p.Jumps, FillTargetFrames: known(int64(p.Target))}
	if !sending || p.Phase != bridge.Flowing {
		return m
	}
	m.State, m.Mode = p.Drift.String(), "resample"
	if p.Untouched {
		m.Mode, m.BitExact = "exact", fullVolume && p.BitExact
	}
	m.RatioPPB, m.FillFrames = whole(float64(p.Ratio)), whole(p.Fill)
	return m
}

// streamModels tells of the streams while they run. All leave in one batch, so
// they share the figures of lateness.
func (e *edges) streamModels(b bridge.Snapshot, stats *rtpsend.Stats) []status.Stream {
	streams := []status.Stream{}
	limited := status.Tenths(e.pipeline.GainReduction())
	for i, session := range b.Sessions {
		stream := session.Stream
		peak := 0.0
		for c := range stream.Channels {
			peak = max(peak, e.pipeline.Peak(stream.First+c))
		}
		level := status.Tenths(20 * math.Log10(peak))
		m := status.Stream{
			Name: stream.Name, Channels: stream.Channels, Group: stream.Group.String(), Port: int(stream.Port),
			Encoding: stream.Encoding.String(), RateHz: int(stream.Rate),
			PtimeUS:  int(stream.PacketFrames().Duration(stream.Rate).Round(time.Microsecond).Microseconds()),
			PeakDBFS: &level, LimitedDB: &limited,
		}
		if stats != nil && i < len(stats.Streams) {
			s := stats.Streams[i]
			m.Packets, m.Late, m.Dropped, m.TimestampJumps = s.Packets, s.Late, s.Dropped, &stats.TimestampJumps
			m.Late2, m.Late17 = s.Late2, s.Late17
			m.SkippedMS = new(milliseconds(aes67.Frames(stats.SkippedFrames).Duration(stream.Rate)))
			m.LatenessP50US = known(stats.LatenessP50.Microseconds())
			m.LatenessP99US = known(stats.LatenessP99.Microseconds())
			m.LatenessMaxUS = known(stats.LatenessWorst.Microseconds())
		}
		streams = append(streams, m)
	}
	return streams
}

func (n *network) model() status.Network {
	in := n.state()
	switch {
	case !in.Usable && in.Idle:
		return status.Network{Reason: in.reason}
	case !in.Usable: // why not is the problem
		return status.Network{}
	}
	reason := in.reason
	if in.report != "" {
		reason += "; " + in.report
	}
	carrier := true // without it the interface is not used
	return status.Network{
		Interface: in.Chosen.Interface.Name, Address: in.Chosen.Address.String(), Carrier: &carrier, Reason: reason,
	}
}

func milliseconds(d time.Duration) status.Tenths {
	return status.Tenths(float64(d) / float64(time.Millisecond))
}

// known marks a number that is known, as against absent.
func known(n int64) *int64 { return &n }

// whole rounds a number that is known.
func whole(x float64) *int64 { return known(int64(math.Round(x))) }

// packetWait is how long a frame waits until its packet is whole: half a packet, on average.
func (e *edges) packetWait() time.Duration {
	return e.cfg.Stream.PacketTime.Frames(e.cfg.Stream.Rate).Duration(e.cfg.Stream.Rate) / 2
}

// toEar is what players are to be told beside what the sound server counts: the time from
// the recording to the ear, once something is sent, and half a cycle of the server's graph.
// By that PipeWire 1.4 counts too little on the way to the recording: 2.0 ms in cycles of
// 256 frames, as TestPlayersAreToldTheLatency measures.
func (e *edges) toEar() (latency time.Duration, known bool) {
	p := e.pipeline.Snapshot()
	return p.Cycle/2 + p.Waits + p.Resampler + e.packetWait() + time.Duration(e.receiver.Load()), e.sender.stats() != nil
}
