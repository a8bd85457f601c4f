package daemon

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/instance"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
	"aes67-sink/pulse"
	"aes67-sink/recorder"
	"aes67-sink/rtpsend"
	"aes67-sink/sdp"
	"aes67-sink/volume"
)

// edges is what the supervisor sees of the parts that do I/O: it satisfies
// bridge.Parts.
type edges struct {
	cfg        config.Config
	clock      *mediaclock.Clock
	seats      seats
	rooms      *bridge.Rooms
	ptp        *port.Service // nil without the PTP ports
	forbidden  string        // why there are no PTP ports, and the remedy
	loudness   *volume.Loudness
	pair       *volume.Pair
	sender     sender
	ring       *recorder.Ring // what the sender records into
	announcer  *announcer
	ears       *ears
	network    *network
	neighbours *neighbours
	sleeper    *sleeper
	side       *instance.Side         // the right to be on the network
	streamName atomic.Pointer[string] // in force
	receiver   atomic.Int64           // ns from the network to the ear, in force
	unserved   atomic.Pointer[string] // why the status is not served at status.listen; nil: it is

	// Of the supervisor's goroutine.
	heard    mastersHeard
	filtered bool          // a grandmaster is, or may be, on the network that is not heard here
	withheld bool          // we are not to serve
	wake     chan struct{} // the supervisor
	trouble  chan struct{} // of the sender, or of a thread's priority
}

func (e *edges) Inputs() bridge.Inputs {
	network := e.network.input()
	if e.sleeper.asleep() {
		network = bridge.NetworkInput{Problem: "the computer goes to sleep"}
	}
	sink, sinks := e.seats.inputs(network.Usable)
	return bridge.Inputs{
		Sink:         sink,
		Sinks:        sinks,
		Network:      network,
		Clock:        e.clockInput(),
		SenderFailed: e.sender.failed(),
	}
}

func (e *edges) clockInput() bridge.ClockInput {
	if e.ptp == nil {
		return bridge.ClockInput{Forbidden: true, State: bridge.ClockLocked, Problem: e.forbidden}
	}
	s := e.ptp.Snapshot()
	if e.network.state().lost != "" { // it runs on, for the streams that go on
		return bridge.ClockInput{State: bridge.ClockHoldover, Grandmaster: s.Grandmaster, Domain: s.Domain, Stale: s.Stale}
	}
	in := bridge.ClockInput{Grandmaster: s.Grandmaster, Domain: s.Domain, Problem: s.Problem, Stale: s.Stale}
	e.filtered = false
	if used := e.network.input(); used.Usable {
		masters := e.ears.masters()
		e.heard.note(used.Chosen.Interface.Index, masters)
		named, filtered := unheard(e.ears.references(used.Chosen.Interface.Index), s, len(masters), e.heard.all)
		switch {
		case filtered:
			in.Problem = filteredProblem(named, s.Domain, used.Chosen.Interface.Name)
		case s.Deaf:
			in.Problem = deafProblem(used.Chosen.Interface.Name)
		}
		e.filtered = filtered || s.Deaf
	}
	switch s.State {
	case ptp.Uncalibrated:
		in.State = bridge.ClockUncalibrated
	case ptp.Locked:
		in.State = bridge.ClockLocked
	case ptp.Holdover:
		in.State = bridge.ClockHoldover
	default:
		in.State = bridge.ClockListening
	}
	return in
}

func (e *edges) StartSender(network bridge.Network, streams []aes67.Stream) error {
	state, source := e.network.state(), network.Address
	if state.lost != "" { // the first leg rests until it is back
		source = netip.Addr{}
	}
	return e.sender.start(rtpsend.Config{
		Streams:   streams,
		Interface: network.Interface,
		Source:    source,
		DSCP:      e.cfg.Stream.DSCP,
		Loop:      network.Address.IsLoopback(),
		Priority:  senderPriority,
		OnProblem: func() { wake.Signal(e.trouble) },
		Recorder:  e.ring,
		Second:    state.second.Leg,
	})
}

// changes are how each setting that can be changed reaches the parts that run.
func (e *edges) changes() map[string]func(config.Config) {
	return map[string]func(config.Config){
		"log.level": func(c config.Config) {
			if level, err := zerolog.ParseLevel(c.Log.Level); err == nil { // the configuration knows no other
				zerolog.SetGlobalLevel(level)
			}
		},
		"safety.ceiling":          func(c config.Config) { e.rooms.SetCeiling(c.Safety.CeilingDBFS) },
		"safety.max-volume":       func(c config.Config) { e.seats.setMaxVolume(c.Safety.MaxVolumeDB) },
		"sink.gains":              e.setGains,
		"speakers.volume":         func(c config.Config) { e.pair.Want(movesSpeakers(c) && len(e.seats) == 1) },
		"announce.sap":            func(c config.Config) { e.announcer.switchSAP(c.Announce.SAP) },
		"announce.sap-interval":   func(c config.Config) { e.announcer.setInterval(c.Announce.SAPInterval) },
		"stream.receiver-latency": func(c config.Config) { e.receiver.Store(int64(c.Stream.ReceiverLatency)) },
		"stream.name": func(c config.Config) {
			e.streamName.Store(&c.Stream.Name)
			e.neighbours.refresh()
		},
	}
}

// setGains turns channels down while they play.
func (e *edges) setGains(c config.Config) {
	for _, sink := range c.Sinks() {
		i := slices.IndexFunc(e.seats, func(s seat) bool { return s.cfg.ID == sink.ID })
		if i < 0 {
			continue // it is made by a restart
		}
		if err := e.rooms.SetGains(i, sink.Gains); err != nil { // the configuration has as many as channels
			e.sender.log.Warn().Err(err).Str("sink", sink.ID).Msg("gains not taken over")
		}
	}
}

func (e *edges) StopSender() { e.sender.stop() }

func (e *edges) Announce(network bridge.Network, sessions []sdp.Session) {
	e.announcer.announce(network, sessions)
}

// Serve lets us be the grandmaster, but not beside one that others hear and we do
// not.
func (e *edges) Serve(yes bool) {
	if withheld := !yes || e.filtered; e.ptp != nil && withheld != e.withheld {
		e.withheld = withheld
		e.ptp.Withhold(withheld)
	}
}

// foreign are the sessions of others on an interface, 0: on any, and on the second leg.
func (e *edges) foreign(index int) []bridge.Foreign {
	all := e.ears.foreign(index)
	if leg := e.network.state().second; index != 0 && leg.Source.IsValid() {
		all = append(all, e.ears.foreign(leg.Interface.Index)...)
	}
	return all
}

func (e *edges) Neighbours() *bridge.Neighbours { return e.neighbours.latest() }

func (e *edges) NTPSeconds() uint64 { return sdp.NTPSeconds(time.Now().Unix()) }

func (e *edges) Now() aes67.MonoTime { return rtthread.Now() }

func (e *edges) Changed() <-chan struct{} { return e.wake }

var (
	_ bridge.Parts        = (*edges)(nil)
	_ pulse.GapHandler    = (*bridge.Pipeline)(nil)
	_ pulse.VolumeHandler = (*bridge.Pipeline)(nil)
	_ bridge.Recorder     = (*recorder.Ring)(nil)
	_ rtpsend.Recorder    = (*recorder.Ring)(nil)
)

// latency is how long sound is on its way from the recording to the wire.
type latency struct{ buffer, resampler, mix, packet time.Duration }

func (l latency) total() time.Duration { return l.buffer + l.resampler + l.mix + l.packet }

// latencyOf is that of the sink of a number; a frame waits for half a packet, on average,
// until its packet is whole.
func (e *edges) latencyOf(number int, p bridge.PipelineSnapshot) latency {
	packet := e.cfg.Stream.PacketTime.Frames(e.cfg.Stream.Rate).Duration(e.cfg.Stream.Rate)
	return latency{p.Waits, p.Resampler, e.rooms.Adds(number), packet / 2}
}

// toEar is what players of the sink of a number are to be told beside what the sound
// server counts: the time from the recording to the ear, once something is sent, and half a
// cycle of the server's graph. By that PipeWire 1.4 counts too little on the way to the
// recording: 2.0 ms in cycles of 256 frames, as TestPlayersAreToldTheLatency measures.
func (e *edges) toEar(number int) (d time.Duration, known bool) {
	p := e.seats[number].pipeline.Snapshot()
	return p.Cycle/2 + e.latencyOf(number, p).total() + time.Duration(e.receiver.Load()), e.sender.stats() != nil
}
