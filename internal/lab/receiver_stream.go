package lab

import (
	"math"
	"time"

	"aes67-sink/aes67"
)

// Subscription says which stream a receiver takes, and what it should carry.
type Subscription struct {
	Name     string
	Stream   aes67.Stream // group, port, format; its channels' names are not needed
	Channels int
	// AnyPayload takes every payload type, for a stream given by hand.
	AnyPayload bool
}

// arrival is one datagram as the kernel gave it.
type arrival struct {
	datagram []byte
	at       aes67.MonoTime // when the kernel took it in
	raw      aes67.RawTime  // the same instant
	ttl, tos int            // -1: not told
	overflow uint32         // datagrams that this receiver's own queue lost so far
}

// stream accounts for the packets of one subscription. Pure: instants are
// arguments.
type stream struct {
	subscription Subscription
	frames       aes67.Frames // in a packet
	offset       time.Duration
	clock        func(aes67.RawTime) aes67.PTPTime // nil: not known
	skip         time.Duration                     // timing is not judged before

	counts         Counts
	ttl, dscp      int
	started        bool
	ssrc           uint32
	sequence       uint16 // of the newest packet
	seen           uint64 // bit i: sequence-i was received
	timestamp      aes67.RTPTime
	media          int64 // frames since the first packet, unwrapped
	firstTimestamp aes67.RTPTime
	firstAt        aes67.MonoTime
	lastAt         aes67.MonoTime
	newestAt       aes67.MonoTime // of the newest packet, whatever it belonged to

	delays, gaps Distribution
	least        envelope
	early        uint64

	recording recording
	total     []meter
	recent    []meter
	marks     *MarkFinder // nil: they are not looked for
	keep      bool        // the arrivals
	arrivals  []Arrival
	first     []float32 // samples of the first channel of a packet, for marks
}

// Arrival is one packet of a stream, in the order of the stream.
type Arrival struct {
	At    aes67.MonoTime // when the kernel took it in
	Frame int            // its first, counted as in the recording
	Delay time.Duration  // arrival less RTP instant less the sender's constant; 0: not known
	Jump  bool           // its timestamp does not follow from the packet before
}

// meter gathers the level of one channel.
type meter struct {
	peak, square float64
	samples      int64
}

// Counts is what went right and wrong on the way.
type Counts struct {
	Packets          uint64 `json:"packets"`   // good ones, duplicates aside
	Lost             uint64 `json:"lost"`      // sequence numbers that never came
	Reordered        uint64 `json:"reordered"` // by when the kernel took them in
	Duplicates       uint64 `json:"duplicates"`
	SSRCChanges      uint64 `json:"ssrc_changes"`
	SequenceRestarts uint64 `json:"sequence_restarts"`
	TimestampJumps   uint64 `json:"timestamp_jumps"` // steps unlike the sequence number's
	WrongSize        uint64 `json:"wrong_size"`
	WrongPayload     uint64 `json:"wrong_payload_type"`
	Malformed        uint64 `json:"malformed"`
	Marked           uint64 `json:"marked"`         // audio streams leave the marker 0
	Overflow         uint64 `json:"queue_overflow"` // lost by this receiver, not on the way
}

const (
	// reorderWindow is how old a packet may be and still be known apart from a
	// duplicate; restartAt is the step that means a new beginning.
	reorderWindow = 64
	restartAt     = 3000
)

func newStream(s Subscription, clock func(aes67.RawTime) aes67.PTPTime, skip time.Duration, record aes67.Frames) *stream {
	frames := s.Stream.PacketFrames()
	return &stream{
		subscription: s, frames: frames, offset: aes67.SendOffset(frames, s.Stream.Rate), clock: clock, skip: skip,
		ttl: -1, dscp: -1, recording: newRecording(s.Channels, record),
		total: make([]meter, s.Channels), recent: make([]meter, s.Channels),
	}
}

// take accounts for one datagram.
func (s *stream) take(a arrival) {
	s.counts.Overflow = uint64(a.overflow)
	p, err := parseRTP(a.datagram)
	switch {
	case err != nil:
		s.counts.Malformed++
		return
	case !s.subscription.AnyPayload && p.payloadType != s.subscription.Stream.PayloadType:
		s.counts.WrongPayload++
		return
	case len(p.payload) != int(s.frames)*s.subscription.Channels*s.subscription.Stream.Encoding.Bytes():
		s.counts.WrongSize++
		return
	}
	if p.marker {
		s.counts.Marked++
	}
	s.ttl, s.dscp = a.ttl, a.tos>>2
	jumps := s.counts.TimestampJumps
	newest, ok := s.follow(&p, a.at)
	if !ok {
		return
	}
	s.counts.Packets++
	position := s.media
	if !newest {
		position += int64(p.timestamp.Sub(s.timestamp))
	}
	s.store(&p, position)
	if newest {
		s.newestAt = a.at
		if s.marks != nil {
			s.findMarks(&p, a.at)
		}
		delay := s.judge(&p, &a)
		s.lastAt = a.at
		if s.keep {
			s.arrivals = append(s.arrivals, Arrival{a.at, int(position), delay, s.counts.TimestampJumps != jumps})
		}
	}
}

// follow keeps the account of sequence numbers and timestamps. newest is false
// for a packet that others overtook; ok is false for one that is not counted.
func (s *stream) follow(p *rtpPacket, at aes67.MonoTime) (newest, ok bool) {
	switch {
	case !s.started:
		s.started = true
		s.firstTimestamp, s.firstAt, s.ssrc = p.timestamp, at, p.ssrc
		s.restart(p)
		return true, true
	case p.ssrc != s.ssrc:
		s.counts.SSRCChanges++
		s.ssrc = p.ssrc
		s.jump(p, 0)
		return true, true
	}
	switch step := int(int16(p.sequence - s.sequence)); {
	case step > restartAt || step < -restartAt:
		s.counts.SequenceRestarts++
		s.jump(p, 0)
		return true, true
	case step > 0:
		s.counts.Lost += uint64(step - 1)
		s.jump(p, step)
		return true, true
	case -step < reorderWindow:
		if s.seen>>-step&1 == 1 {
			s.counts.Duplicates++
			return false, false
		}
		s.seen |= 1 << -step
		// Each processor has a queue of its own behind a wire of the kernel's making
		// (a veth): what the kernel took in in order is in order.
		if at >= s.newestAt {
			s.counts.Reordered++
		}
		s.counts.Lost--
		return false, true
	}
	s.counts.Duplicates++ // so old that nobody knows
	return false, false
}

func (s *stream) restart(p *rtpPacket) {
	s.sequence, s.timestamp, s.seen = p.sequence, p.timestamp, 1
}

// jump goes on to a newer packet; step is that of the sequence number, 0 if
// they cannot be compared.
func (s *stream) jump(p *rtpPacket, step int) {
	moved := int64(p.timestamp.Sub(s.timestamp))
	expected := int64(step) * int64(s.frames)
	switch {
	case step == 0 || moved < 0 || moved-expected > maxGap*int64(s.subscription.Stream.Rate):
		// A new time line: it is joined to the old one without a gap.
		if step != 0 {
			s.counts.TimestampJumps++
		}
		s.media += int64(s.frames) * int64(max(1, step))
		s.recording.splice(s.media)
		s.lastAt = 0
	case moved != expected:
		s.counts.TimestampJumps++
		s.media += moved
	default:
		s.media += moved
	}
	seen := s.seen << step
	if step == 0 || step >= 64 {
		seen = 0
	}
	s.restart(p)
	s.seen |= seen
}

// judge measures the arrival of a packet against its RTP instant and against
// the packet before. It returns the delay, 0 if that is not known.
func (s *stream) judge(p *rtpPacket, a *arrival) (delay time.Duration) {
	at := a.at
	if at.Sub(s.firstAt) < s.skip {
		return 0
	}
	rate := s.subscription.Stream.Rate
	if s.lastAt > 0 {
		deviation := at.Sub(s.lastAt) - s.frames.Duration(rate)
		s.gaps.Add(max(deviation, -deviation))
	}
	if s.clock == nil {
		// Against CLOCK_MONOTONIC, from the first packet on.
		s.least.add(at, at.Sub(s.firstAt)-aes67.Frames(s.media).Duration(rate))
		return 0
	}
	arrived := s.clock(a.raw)
	media := aes67.MediaAt(arrived, rate)
	media += aes67.MediaTime(p.timestamp.Sub(media.RTP()))
	age := arrived.Sub(media.PTP(rate))
	if age < 0 {
		s.early++
	}
	s.delays.Add(age - s.offset)
	s.least.add(at, age)
	return age - s.offset
}

// store measures and records the samples of a packet.
func (s *stream) store(p *rtpPacket, position int64) {
	channels, encoding := s.subscription.Channels, s.subscription.Stream.Encoding
	each := encoding.Bytes()
	s.recording.open(position, int(s.frames))
	for i := range int(s.frames) {
		for c := range channels {
			v := decodeSample(p.payload[(i*channels+c)*each:], encoding)
			s.recording.put(c, position, i, v)
			x := float64(v)
			for _, m := range []*meter{&s.total[c], &s.recent[c]} {
				m.peak = max(m.peak, math.Abs(x))
				m.square += x * x
				m.samples++
			}
		}
	}
}

func (s *stream) findMarks(p *rtpPacket, at aes67.MonoTime) {
	encoding := s.subscription.Stream.Encoding
	s.first = s.first[:0]
	for i := range int(s.frames) {
		s.first = append(s.first, decodeSample(p.payload[i*s.subscription.Channels*encoding.Bytes():], encoding))
	}
	s.marks.Take(s.first, at)
}

// Level is that of one channel. Peak: full scale is 0 dBFS; RMS: a sine that
// reaches full scale has -3.01 dBFS.
type Level struct {
	PeakDBFS float64 `json:"peak_dbfs"`
	RMSDBFS  float64 `json:"rms_dbfs"`
}

func (m *meter) level() Level {
	if m.samples == 0 {
		return Level{floorDBFS, floorDBFS}
	}
	return Level{DBFS(m.peak), DBFS(math.Sqrt(m.square / float64(m.samples)))}
}
