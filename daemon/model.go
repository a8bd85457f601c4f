package daemon

import (
	"math"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
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
	stats := e.sender.stats()
	m := status.Model{
		Version:  t.version,
		UptimeS:  status.Tenths(rtthread.Now().Sub(t.started).Seconds()),
		State:    b.State.String(),
		Clock:    e.clockModel(),
		Network:  e.network.model(),
		Streams:  e.streamModels(b, stats),
		Announce: e.announcer.model(),
		Heard:    e.heardModel(),

		CeilingDBFS: new(status.Tenths(e.seats[0].pipeline.CeilingDBFS())),
	}
	m.SliderMoves, m.Speakers = speakerModels(e.pair)
	m.Problem, m.Problems, m.Status = healthModel(t.judge.told())
	if stats != nil {
		m.Sender = threadModel(stats.Grant)
	}
	for i := range e.seats {
		m.Sinks = append(m.Sinks, e.seatModel(i, stats != nil))
	}
	m.Sink, m.Drift, m.LatencyMS, m.LatencyTold = m.Sinks[0].Sink, m.Sinks[0].Drift, m.Sinks[0].LatencyMS, m.Sinks[0].LatencyTold
	if len(m.Sinks) == 1 {
		m.Sinks = nil
	}
	return m
}

// seatModel tells of one sink and its way to the sender.
func (e *edges) seatModel(number int, sending bool) status.Room {
	s := &e.seats[number]
	sink, pipeline := s.sink.Snapshot(), s.pipeline.Snapshot()
	pipeline.BitExact = pipeline.BitExact && e.rooms.Exact(number)
	r := status.Room{
		Sink: describeSink(s.cfg, sink), PlaysInto: s.cfg.PlaysInto,
		Drift: driftModel(pipeline, sending, sink.VolumeConfirmed && sink.Unscaled),
	}
	if sending {
		l := e.latencyOf(number, pipeline)
		r.LatencyMS = &status.Latency{
			Buffer:    milliseconds(l.buffer),
			Resampler: milliseconds(l.resampler),
			Packet:    milliseconds(l.packet),
			Total:     milliseconds(l.total()),
			Receiver:  milliseconds(time.Duration(e.receiver.Load())),
		}
		if l.mix > 0 {
			r.LatencyMS.Mix = new(milliseconds(l.mix))
		}
		r.LatencyTold = sink.LatencyTold
	}
	return r
}

// Reload reads the configuration anew.
func (t *teller) Reload() status.Reloaded {
	told := t.again.reload()
	t.edges.pair.Again() // speakers pair asks for it
	return told
}

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

// describeSink leaves out what is not known yet; before the volume is confirmed
// it is anybody's guess.
func describeSink(cfg config.Sink, s pulse.Status) status.Sink {
	m := status.Sink{
		State: s.State.String(), Server: s.Server, Name: cfg.Name, ID: cfg.ID,
		RateHz: int(cfg.StartRate()), Channels: cfg.Channels,
	}
	if s.Rate > 0 {
		m.RateHz, m.RateFollows = int(s.Rate), string(s.Follows)
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
	m.RatioPPB = whole(float64(p.Ratio))
	if p.Reads() {
		m.FillFrames = whole(p.Fill)
	}
	return m
}

// streamModels tells of the streams while they run. All leave in one batch, so
// they share the figures of lateness.
func (e *edges) streamModels(b bridge.Snapshot, stats *rtpsend.Stats) []status.Stream {
	streams := []status.Stream{}
	for i, session := range b.Sessions {
		stream := session.Stream
		room, own := e.seats.of(stream.First)
		peak, limited := 0.0, status.Tenths(e.rooms.GainReduction(room))
		for c := range stream.Channels {
			peak = max(peak, e.rooms.Peak(room, own+c))
		}
		level := status.Tenths(20 * math.Log10(peak))
		m := status.Stream{
			Name: stream.Name, Channels: stream.Channels, Group: stream.Group.String(), Port: int(stream.Port),
			Encoding: stream.Encoding.String(), RateHz: int(stream.Rate),
			PtimeUS:  int(stream.PacketFrames().Duration(stream.Rate).Round(time.Microsecond).Microseconds()),
			PeakDBFS: &level, LimitedDB: &limited,
		}
		if stream.Second.IsValid() {
			m.SecondGroup = stream.Second.String()
		}
		if stats != nil && i < len(stats.Streams) {
			s := stats.Streams[i]
			m.Packets, m.Late, m.Dropped, m.TimestampJumps = s.Packets, s.Late, s.Dropped, &stats.TimestampJumps
			m.Late2, m.Late17 = s.Late2, s.Late17
			if stream.Second.IsValid() {
				m.SecondPackets, m.SecondDropped = &s.SecondPackets, &s.SecondDropped
			}
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
	m := status.Network{
		Interface: in.Chosen.Interface.Name, Address: in.Chosen.Address.String(), Carrier: &carrier, Reason: reason,
	}
	if in.lost != "" {
		m.Carrier, m.Reason = nil, ""
	}
	if n.second != nil {
		m.Secondary = &status.Leg{Interface: in.second.Interface.Name}
		if in.second.Source.IsValid() {
			m.Secondary.Address = in.second.Source.String()
		}
	}
	return m
}

func milliseconds(d time.Duration) status.Tenths {
	return status.Tenths(float64(d) / float64(time.Millisecond))
}

// known marks a number that is known, as against absent.
func known(n int64) *int64 { return &n }

// whole rounds a number that is known.
func whole(x float64) *int64 { return known(int64(math.Round(x))) }
