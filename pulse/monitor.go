package pulse

import (
	"errors"
	"fmt"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

const (
	// flowCheck is how often the flow of messages is looked at: nothing tells that
	// nothing comes. While it is about to begin, for startTime at most, it is looked
	// at each startCheck.
	flowCheck  = 250 * time.Millisecond
	startCheck = 50 * time.Millisecond
	startTime  = time.Second
	// flowLimit is how long no message may come before the flow counts as ended;
	// gaps of 25 ms are usual on a busy machine.
	flowLimit = 500 * time.Millisecond
	// stallLimit is how long it may be ended before the recording is begun anew.
	stallLimit = 3 * time.Second
	// mostStalls bounds how often that doubles: up to 48 s.
	mostStalls = 4
	// recordTimeout is how long the server may take to begin a recording:
	// PipeWire answers only when its session manager has linked it.
	recordTimeout = 2 * time.Second
	// recordBuffer is what the server may hold for us, in bytes, while we are
	// late: its own limit (PulseAudio, protocol-native.c, MAX_MEMBLOCKQ_LENGTH).
	recordBuffer = 4 << 20
)

// errNoSound says that the sink is there but cannot be recorded. It was seen with
// PipeWire 0.3.65 after a restart of WirePlumber, which links nothing to a sink
// that is older than itself; a new sink mends it.
var errNoSound = errors.New("the sound server gives no sound of the sink's monitor: restart its session manager (`systemctl --user restart wireplumber`) if this lasts")

// record begins to record the monitor at a rate, anew if it was recorded before. It stays
// open as long as the sink: PulseAudio's null sink has a low latency only while
// somebody asks for it, and both servers suspend a sink that nobody uses.
func (t *life) record(rate aes67.Hz) error {
	t.framer.record(noStream)
	if t.stream != noStream {
		err := t.server.request("ending the recording", &proto.DeleteRecordStream{StreamIndex: t.stream}, nil)
		if err != nil && !errors.Is(err, proto.ErrNoSuchEntity) {
			return err
		}
		t.stream = noStream
	}
	channels, err := channelMap(t.cfg.Channels)
	if err != nil {
		return err
	}
	message := t.cfg.message(t.server.isPipeWire(), rate)
	t.suspended.Store(false) // which the capture goroutine may tell before the answer is looked at
	t.framer.moved.Store(false)
	reply := &proto.CreateRecordStreamReply{}
	err = t.server.requestWithin(recordTimeout, "recording the monitor", &proto.CreateRecordStream{
		SampleSpec:      proto.SampleSpec{Format: proto.FormatFloat32LE, Channels: byte(len(channels)), Rate: uint32(rate)},
		ChannelMap:      channels,
		SourceIndex:     t.monitor.Load(),
		BufferMaxLength: recordBuffer,
		BufferFragSize:  uint32(message) * uint32(len(channels)) * 4,
		// The message's size is a latency for the whole path, not only for the
		// server's queue.
		AdjustLatency: true,
		// Nobody is helped by a bridge that records something else.
		NoMove:             true,
		NoRemix:            true,
		DirectOnInputIndex: proto.Undefined,
		Properties: proto.PropList{
			"media.name":      proto.PropListString(label(t.cfg.SinkName) + " to the network"),
			"media.icon_name": proto.PropListString("audio-speakers"),
			// WirePlumber's memory, which has the same aim as the volume below.
			"state.restore-props":  proto.PropListString("false"),
			"state.restore-target": proto.PropListString("false"),
		},
		// Samples are to pass untouched, also if somebody once turned the recording
		// down. Relative: with flat volumes the monitor's own must not move.
		ChannelVolumes: whole(len(channels)).wire(),
		VolumeSet:      true,
		MutedSet:       true,
		RelativeVolume: true,
	}, reply)
	if err != nil {
		t.worn = true
		return fmt.Errorf("%w: %w", errNoSound, err)
	}
	t.stream = reply.StreamIndex
	if reply.SourceName != "" && reply.SourceName != t.source {
		t.log.Warn().Str("source", reply.SourceName).Str("monitor", t.source).Msg("another source was recorded")
		t.worn = true
		return errNoSound
	}
	t.output.Store(reply.SourceOutputIndex)
	t.framer.source.Store(t.monitor.Load())
	t.framer.output.Store(reply.SourceOutputIndex)
	t.framer.rate.Store(int64(rate))
	t.framer.record(t.stream)
	t.flow.begin(t.framer.intake.messages.Load(), t.cfg.Now())
	t.log.Debug().Int("rate_hz", int(rate)).Uint32("message_bytes", reply.BufferFragSize).Uint32("buffer_bytes", reply.BufferMaxLength).
		Str("source", reply.SourceName).Msg("monitor is recorded")
	t.set(func(st *Status) { st.State, st.Flowing = StateRunning, false })
	t.tellRate()
	t.mark(dirtyLevels) // nothing told of what was done to it until now
	return nil
}

// flow tells from the count of messages whether they still come.
type flow struct {
	count   uint64
	looked  aes67.MonoTime
	quiet   time.Duration // since the count last grew, or the recording began, as far as somebody looked
	flowing bool
	flowed  bool // since the recording began
}

// begin starts the watch of a new recording.
func (f *flow) begin(count uint64, now aes67.MonoTime) { *f = flow{count: count, looked: now} }

// look takes the present count; changed reports that flowing has changed.
func (f *flow) look(count uint64, now aes67.MonoTime) (changed bool) {
	was := f.flowing
	if count != f.count {
		f.count, f.quiet, f.flowing, f.flowed = count, 0, true, true
	} else if f.quiet += min(now.Sub(f.looked), 2*flowCheck); f.quiet > flowLimit {
		f.flowing = false
	}
	f.looked = now
	return f.flowing != was
}

// stalled reports that the recording should be begun anew; later each time that a new sink
// was no help, for players may be sent elsewhere by it.
func (f *flow) stalled(remade int) bool {
	return !f.flowing && f.quiet > stallLimit<<min(remade, mostStalls)
}

// sleeps asks whether the sink is suspended. An error is as good as no.
func (t *life) sleeps() bool {
	info := &proto.GetSinkInfoReply{}
	err := t.server.request("sink information", &proto.GetSinkInfo{SinkIndex: t.index}, info)
	return err == nil && info.State == sinkSuspended
}

// cure mends a recording that is deaf.
func (t *life) cure(now aes67.MonoTime) {
	if t.deaf.deafened() && t.playing == 0 {
		t.mark(dirtyMonitor) // which step begins with a new sink
	}
	switch t.deaf.look(now, t.framer.intake.heardAt(len(t.cfg.Channels)), t.playing > 0 && !t.guard.seen.silent()) {
	case recordAnew:
		t.log.Info().Msg("zeros are recorded while a program plays; recording anew")
		t.mark(dirtyMonitor)
	case sinkAnew:
		// Not while something plays: the server would move it to another output.
		t.log.Warn().Msg("zeros are recorded while a program plays")
	case noCure:
	}
	zeros := t.deaf.lost() && !t.asleep
	t.set(func(st *Status) { st.Zeros, st.Notice = zeros, t.notice(now) })
}

// watchFlow tells changes of the flow. A stalled recording is begun anew, and if
// that is no help the sink is made anew, unless the server has suspended it: a
// user can do that, and PipeWire before 1.6 tells it by the sink's state alone. It
// returns when to look again.
func (t *life) watchFlow() time.Duration {
	if t.confirmed && t.guard.waits(t.silent()) {
		t.mark(dirtyLevels)
	}
	if t.stream == noStream {
		return flowCheck
	}
	now := t.cfg.Now()
	if t.flow.look(t.framer.intake.messages.Load(), now) {
		t.set(func(st *Status) { st.Flowing, st.Notice = t.flow.flowing, t.notice(now) })
		if t.flow.flowing {
			t.log.Info().Int64("message_frames", t.framer.intake.largest.Load()).Msg("monitor flows")
		} else {
			t.log.Warn().Bool("suspended", t.suspended.Load()).Msg("monitor has stopped")
		}
	}
	if t.flow.flowing {
		if t.worn = false; t.remade > 0 {
			t.remade = 0
			t.relief()
		}
		t.cure(now)
	}
	if t.flow.stalled(t.remade) && !t.suspended.Load() {
		t.flow.quiet = 0
		switch t.asleep = t.sleeps(); {
		case t.asleep:
			t.set(func(st *Status) { st.Notice = t.notice(now) })
		case t.flow.flowed:
			t.mark(dirtyMonitor)
		default: // a new recording was no help
			t.worn = true
			t.mark(dirtyMonitor) // which step begins with a new sink
		}
	}
	if t.flow.flowing && !t.deaf.suspicious || t.flow.quiet > startTime {
		return flowCheck
	}
	return startCheck
}
