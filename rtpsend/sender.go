package rtpsend

// Hot: loop, send and what they call run once a packet time.

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
)

// statsWindow is how much audio time a lateness percentile covers at least.
const statsWindow = time.Minute

// Sender sends streams from one source at the instants of one clock.
type Sender struct {
	config Config
	clock  *mediaclock.Clock
	source FrameSource
	log    zerolog.Logger
	ssrcs  []uint32
	// The second is nil unless the streams are redundant.
	first, second *leg

	stop     atomic.Bool
	counters counters

	// The loop's own.
	raw         func() aes67.RawTime // reads CLOCK_MONOTONIC_RAW
	pacer       pacer
	packetizers []packetizer
	planes      [][]float64   // all channels of one block
	views       [][][]float64 // for each stream its channels
}

// New opens the sockets. Run or Close frees it.
func New(cfg Config, clock *mediaclock.Clock, source FrameSource, log zerolog.Logger) (*Sender, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Streams = append([]aes67.Stream(nil), cfg.Streams...)
	frames, rate := cfg.Streams[0].PacketFrames(), cfg.Streams[0].Rate
	s := &Sender{
		config: cfg,
		clock:  clock,
		source: source,
		log:    log,
		raw:    rtthread.Raw,
		pacer:  newPacer(frames, rate),
	}
	s.counters.lateness.window = uint64(statsWindow / frames.Duration(rate))
	s.counters.streams = make([]streamCounters, len(cfg.Streams))
	samples := make([]float64, cfg.channels()*int(frames))
	for c := range cfg.channels() {
		s.planes = append(s.planes, samples[c*int(frames):(c+1)*int(frames):(c+1)*int(frames)])
	}
	buffers := make([][]byte, len(cfg.Streams))
	for i := range cfg.Streams {
		stream := &cfg.Streams[i]
		ssrc, sequence := identify(s.ssrcs)
		s.ssrcs = append(s.ssrcs, ssrc)
		p := newPacketizer(stream, ssrc, sequence)
		s.packetizers = append(s.packetizers, p)
		s.views = append(s.views, s.planes[stream.First:stream.First+len(stream.Channels)])
		buffers[i] = p.buffer
	}
	var err error
	if s.first, err = newLeg(&cfg, Leg{cfg.Interface, cfg.Source}, buffers, func(s *aes67.Stream) netip.Addr { return s.Group }); err != nil {
		return nil, err
	}
	if cfg.Streams[0].Second.IsValid() {
		to := func(s *aes67.Stream) netip.Addr { return s.Second }
		if s.second, err = newLeg(&cfg, cfg.Second, buffers, to); err != nil { // the first is none the worse for it
			log.Warn().Err(err).Msg("the second leg rests")
			if s.second, err = newLeg(&cfg, Leg{}, buffers, to); err != nil {
				return nil, errors.Join(err, s.first.close())
			}
		}
	}
	return s, nil
}

// SetLegs lets the packets leave elsewhere from the next one on; a leg without an address
// rests. It may be called at any time, from any goroutine, and does not disturb a leg
// that stays what it was. The second is of no account where the streams have no second
// destination.
func (s *Sender) SetLegs(first, second Leg) error {
	err := s.first.move(&s.config, first)
	if s.second != nil {
		err = errors.Join(err, s.second.move(&s.config, second))
	}
	return err
}

// identify draws a stream's SSRC, unlike those taken, and its first sequence
// number (RFC 3550, 5.1: both random).
func identify(taken []uint32) (ssrc uint32, sequence uint16) {
	for {
		var b [6]byte
		_, _ = rand.Read(b[:]) // never fails (crypto/rand)
		ssrc, sequence = binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint16(b[4:])
		fresh := ssrc != 0
		for _, other := range taken {
			fresh = fresh && ssrc != other
		}
		if fresh {
			return ssrc, sequence
		}
	}
}

// Close frees the sockets of a sender that does not run.
func (s *Sender) Close() error {
	err := s.first.close()
	if s.second != nil {
		err = errors.Join(err, s.second.close())
	}
	return err
}

// Run sends until ctx ends; then it fades out, sends a few packets of zeros and
// returns. It may run once.
func (s *Sender) Run(ctx context.Context) error {
	unwatch := context.AfterFunc(ctx, func() { s.stop.Store(true) })
	defer unwatch()
	ended := make(chan error, 1)
	go func() { ended <- s.thread() }()

	second := time.NewTicker(time.Second)
	defer second.Stop()
	told := s.faults()
	for {
		select {
		case err := <-ended:
			if closeErr := s.Close(); closeErr != nil && !errors.Is(closeErr, errClosed) {
				err = errors.Join(err, fmt.Errorf("rtpsend: closing the socket: %w", closeErr))
			}
			return err
		case <-second.C:
			told = s.tell(told)
		}
	}
}

// thread is the root of the loop's goroutine; its thread ends with it.
func (s *Sender) thread() (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("rtpsend: panic: %v\n%s", broken, debug.Stack())
		}
		s.counters.sending.Store(false)
	}()
	thread := rtthread.Lock("sender", s.config.Priority)
	defer thread.End()
	s.counters.thread.Store(thread)
	grant := thread.Grant()
	s.log.Info().Str("policy", grant.Policy).Int("priority", grant.Priority).Str("by", grant.By).Str("why", grant.Why).
		Str("interface", s.config.Interface.Name).Stringer("source", s.first.socket.address()).
		Int("streams", len(s.packetizers)).Msg("sender started")
	s.loop(thread)
	return nil
}

func (s *Sender) loop(thread *rtthread.Thread) {
	var at instant
	for slept := true; ; {
		clock, set := s.clock.Load()
		if slept {
			at = s.read()
		} else {
			at = s.later(at)
		}
		d := s.pacer.decide(at.raw, clock, set, s.stop.Load())
		slept = d.act == actSleep
		switch d.act {
		case actSleep:
			thread.SleepUntil(at.monoAt(d.until))
		case actSend:
			s.send(d, clock, at)
		case actEnd:
			return
		}
	}
}

// instant is one by both clocks, read one after the other.
type instant struct {
	mono  aes67.MonoTime
	raw   aes67.RawTime
	whole bool // the thread was not interrupted in between
}

const (
	// interrupted is longer than the two readings of an instant take, unless they were.
	interrupted = 10 * time.Microsecond
	// together is how long the clocks go on together, but for 83 µs: a slew is 8 % at
	// most (ptp/port/timebase.go), an ordinary one 0.05 %.
	together = time.Millisecond
)

// monoAt is what CLOCK_MONOTONIC shows when the other shows raw.
func (at instant) monoAt(raw aes67.RawTime) aes67.MonoTime { return at.mono.Add(raw.Sub(at.raw)) }

// read reads the clocks, in this order: if the thread is interrupted in between it wakes
// up early, and decides anew.
func (s *Sender) read() instant {
	mono, raw := rtthread.Now(), s.raw()
	return instant{mono, raw, rtthread.Now().Sub(mono) <= interrupted}
}

// later is now, an instant after at, without the system call where at is whole and not long
// ago. What came between the readings of at would make it so much later than it is, and
// packets be sent before they are due.
func (s *Sender) later(at instant) instant {
	now := rtthread.Now()
	if !at.whole || now.Sub(at.mono) > together {
		return s.read()
	}
	return instant{now, at.raw.Add(now.Sub(at.mono)), true}
}

// tieDoubt is by how much the clock's word of CLOCK_MONOTONIC may differ from two
// readings: a slew that has just begun moves it, by up to 8 % of the 125 ms between
// readings (ptp/port/timebase.go).
const tieDoubt = 100 * time.Microsecond

// soundDue is when a block is due by the sound's clock. That is told by the clock's tie,
// for two readings are apart by what an interruption between them takes, which drift
// would take for the server's. Where they differ much, a second pair decides, if it is whole.
func (s *Sender) soundDue(due aes67.RawTime, clock mediaclock.Map, at instant) aes67.MonoTime {
	tied := clock.MonoAt(due)
	if tied.Sub(at.monoAt(due)).Abs() <= tieDoubt {
		return tied
	}
	second := s.read()
	if read := second.monoAt(due); second.whole && tied.Sub(read).Abs() > tieDoubt {
		return read
	}
	return tied
}

// send pulls one block and sends it as one packet of each stream. at is the instant of
// the decision.
func (s *Sender) send(d decision, clock mediaclock.Map, at instant) {
	if d.jumped {
		s.counters.jumps.Add(1)
		s.counters.skipped.Add(uint64(d.skipped))
		s.source.Skipped(d.skipped)
	}
	silent := true
	if d.mute {
		for _, plane := range s.planes {
			clear(plane)
		}
	} else {
		silent = s.source.Pull(s.planes, s.soundDue(d.due, clock, at), d.open)
	}
	timestamp := d.media.RTP()
	for i := range s.packetizers {
		s.packetizers[i].next(s.views[i], timestamp)
	}
	now := s.later(at).raw
	on, left, refusal := s.first.write()
	if s.second != nil {
		also, copies, other := s.second.write()
		if left += copies; !on || also && other == 0 {
			refusal = other // a packet that left once has left
		}
	}
	if left == 0 && !d.mute {
		s.source.Unsent()
	}
	s.pacer.sent(d, now, silent)

	s.counters.timed(now.Sub(d.due), s.pacer.period)
	if s.config.Recorder != nil {
		s.config.Recorder.Sent(d.due, at.raw, now, s.later(at).raw, d.jumped, refusal != 0)
	}
	if !s.counters.sending.Load() {
		s.counters.sending.Store(true)
	}
}

// tell logs what went wrong since it last did, and returns what it told.
func (s *Sender) tell(told faults) faults {
	now := s.faults()
	if now == told {
		return told
	}
	for i, l := range s.legs() {
		if dropped := now.dropped[i] - told.dropped[i]; dropped > 0 {
			s.log.Error().Uint64("packets", dropped).Str("interface", l.name()).
				Str("why", syscall.Errno(l.refusal.Load()).Error()).Bool("over", now.errno[i] == 0).
				Msg("packets could not be sent")
		}
	}
	if jumps := now.jumps - told.jumps; jumps > 0 {
		s.log.Warn().Uint64("jumps", jumps).Uint64("frames", now.skipped-told.skipped).
			Msg("timestamps jumped")
	}
	// A refusal that came and went in between may have been looked at meanwhile.
	if (now.errno != told.errno || now.dropped != told.dropped) && s.config.OnProblem != nil {
		s.config.OnProblem()
	}
	return now
}
