package pulse

// Hot: cuts the byte stream of a connection into packets.
//
//  1. A packet is a descriptor of 20 bytes (length, channel, offset in two
//     words, flags; big-endian) and its payload (PulseAudio, pstream.c).
//  2. Control payloads are collected and handed to the connection, whole. One that
//     tells of the sink's volume casts doubt on the audio behind it at once: it
//     comes before the first frame at another volume. So does one that tells of
//     another source silence it.
//  3. Audio of the recorded stream becomes samples and goes to the FrameHandler
//     at once; a frame cut by a packet's end waits for the next packet. Before
//     the sink's volume is confirmed the samples are zeros.
//  4. Anything else is skipped.

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

const (
	descriptorSize = 20
	// controlChannel marks a packet as control (PulseAudio, pstream.c).
	controlChannel = 0xFFFFFFFF
	// maxPacket is the largest packet of the protocol, in bytes (PulseAudio,
	// pstream.c, FRAME_SIZE_MAX_ALLOW).
	maxPacket = 16 << 20
	// maxControl bounds a control packet, in bytes: a list of 200 players with
	// all their properties is 1 MB.
	maxControl = 4 << 20
	// sharedMemory are the flags of a packet whose audio is elsewhere
	// (PulseAudio, pstream.c, PA_FLAG_SHMMASK). We never agree to that.
	sharedMemory = 0xFF000000
	// messageBytes is the most that is handed over at once: PipeWire's default
	// message, far above what we ask for.
	messageBytes = 64 << 10
	// noStream: no audio is wanted.
	noStream = 0xFFFFFFFF
)

// FrameHandler takes what was recorded. Frames is called on the capture
// goroutine for each message: samples are interleaved and are reused after it
// returns; it must not block.
type FrameHandler interface {
	Frames(samples []float32, at aes67.MonoTime)
}

// GapHandler is a FrameHandler that wants to know when its next frames do not
// continue the last ones. Gap is called on the capture goroutine.
type GapHandler interface {
	Gap()
}

// RateHandler is a FrameHandler whose frames may come at another rate than before. Rate is
// called on the capture goroutine, before the first frame at it; what comes then does not
// continue what came before.
type RateHandler interface {
	Rate(hz aes67.Hz)
}

// VolumeHandler is a FrameHandler that can apply a gain of our own from the very
// frame on at which the sink's volume changes.
type VolumeHandler interface {
	// Doubt tells that the frames which come next may be at another volume. It is
	// called on the capture goroutine, in the order of the stream.
	Doubt()
	// Doubts returns how many doubts there have been.
	Doubts() uint64
	// Settle answers all doubts up to a number: from the first of them on, or at
	// once if it was told for none, the sound gets that gain, and each channel a factor
	// of at most 1 beside it; those that are missing are 1. It returns the answer's number,
	// and is called on the control goroutine.
	Settle(doubts uint64, gain aes67.Ramp, balance ...float64) (number uint64)
	// HeardAt is when something of the stream was last heard, be it silence; 0: never.
	HeardAt() aes67.MonoTime
}

type packetKind uint8

const (
	kindOther packetKind = iota
	kindControl
	kindAudio
)

// framer is fed by one goroutine, the capture goroutine.
type framer struct {
	channels int
	frames   FrameHandler // nil: audio is skipped
	gaps     GapHandler   // the same, nil: does not want to know
	volumes  VolumeHandler
	rates    RateHandler
	// Whose volumes are in the audio: the sink, its monitor and the recording.
	sink, source, output atomic.Uint32
	control              func(payload []byte)
	// stream is which channel is recorded (low half), and how often that was
	// changed (high half), because a server may use a number again.
	stream  atomic.Uint64
	rate    atomic.Int64 // of that stream, Hz
	current uint64       // the stream that tail and samples belong to

	head    [descriptorSize]byte
	headLen int
	kind    packetKind
	left    int // bytes of the payload still to come

	payload []byte // of a control packet
	tail    [4]byte
	tailLen int // bytes of a sample cut by a read or a packet
	samples []float32
	count   int // samples waiting

	// open lets sound pass: the sink's volume is confirmed. Otherwise, and while what is
	// recorded is another's sound (moved), zeros are handed over.
	open  atomic.Bool
	moved atomic.Bool
	fade  int // frames over which sound rises after that
	risen int // of them, how many have passed

	intake intake
}

func newFramer(channels int, frames FrameHandler) *framer {
	f := &framer{channels: channels, frames: frames}
	f.stream.Store(noStream)
	f.current = noStream
	f.gaps, _ = frames.(GapHandler)
	f.volumes, _ = frames.(VolumeHandler)
	f.rates, _ = frames.(RateHandler)
	for _, of := range [...]*atomic.Uint32{&f.sink, &f.source, &f.output} {
		of.Store(noStream)
	}
	if frames != nil {
		f.samples = make([]float32, messageBytes/4/channels*channels)
	}
	return f
}

// reset forgets what a former connection left unfinished.
func (f *framer) reset(control func([]byte)) {
	f.control = control
	f.headLen, f.left, f.payload = 0, 0, nil
	f.close()
}

// record names the stream whose audio is wanted from the next packet on. It may
// be called by any goroutine, but only by one at a time.
func (f *framer) record(stream uint32) {
	f.stream.Store((f.stream.Load()>>32+1)<<32 | uint64(stream))
}

// close ends the recording and silences the next one until open is set.
func (f *framer) close() {
	f.open.Store(false)
	f.record(noStream)
}

// feed takes what was read at an instant. After an error the stream is lost.
func (f *framer) feed(b []byte, at aes67.MonoTime) error {
	for len(b) > 0 {
		if f.headLen < descriptorSize {
			n := copy(f.head[f.headLen:], b)
			f.headLen, b = f.headLen+n, b[n:]
			if f.headLen < descriptorSize {
				return nil
			}
			if err := f.begin(); err != nil {
				return err
			}
		}
		n := min(f.left, len(b))
		switch f.kind {
		case kindControl:
			f.payload = append(f.payload, b[:n]...)
		case kindAudio:
			f.audio(b[:n], at)
		case kindOther:
		}
		f.left, b = f.left-n, b[n:]
		if f.left == 0 {
			f.end(at)
		}
	}
	return nil
}

// begin reads a descriptor.
func (f *framer) begin() error {
	length := binary.BigEndian.Uint32(f.head[0:])
	channel := binary.BigEndian.Uint32(f.head[4:])
	flags := binary.BigEndian.Uint32(f.head[16:])
	stream := f.stream.Load()
	switch {
	case length > maxPacket || channel == controlChannel && length > maxControl:
		return fmt.Errorf("packet of %d bytes on channel %#x: longer than the protocol allows", length, channel)
	case channel == controlChannel:
		f.kind = kindControl
	case channel == uint32(stream) && flags&sharedMemory == 0 && f.frames != nil:
		f.kind = kindAudio
		if stream != f.current {
			f.current, f.tailLen, f.count, f.risen = stream, 0, 0, 0
			if f.rates != nil {
				f.rates.Rate(aes67.Hz(f.rate.Load()))
			}
			f.gap()
		}
	default:
		f.kind = kindOther
	}
	f.left = int(length)
	return nil
}

// end closes a packet.
func (f *framer) end(at aes67.MonoTime) {
	f.headLen = 0
	switch f.kind {
	case kindControl:
		if f.volumes != nil && f.changesVolume(f.payload) {
			f.volumes.Doubt()
		}
		if source, yes := f.movesTo(f.payload); yes {
			f.moved.Store(source != f.source.Load())
		}
		f.control(f.payload)
		if cap(f.payload) > messageBytes {
			f.payload = nil // a long list: rare, not worth keeping
		}
		f.payload = f.payload[:0]
	case kindAudio:
		f.hand(at)
	case kindOther:
	}
}

// changesVolume recognizes the event that something has changed whose volume is in
// the audio: header, 'L' event, 'L' index (PulseAudio, protocol-native.c,
// subscription_cb).
func (f *framer) changesVolume(payload []byte) bool {
	what, index, ok := twoNumbers(payload, proto.OpSubscribeEvent)
	event := proto.SubscriptionEventType(what)
	if !ok || event.GetType() != proto.EventChange {
		return false
	}
	var of *atomic.Uint32
	switch event.GetFacility() {
	case proto.EventSink:
		of = &f.sink
	case proto.EventSource:
		of = &f.source
	case proto.EventSinkSourceOutput:
		of = &f.output
	default:
		return false
	}
	return index == of.Load()
}

// movesTo recognizes the message that the recording is of another source from here on:
// header, 'L' stream, 'L' source (PulseAudio, protocol-native.c, source_output_moved_cb).
// What that one gives is not at the sink's volume.
func (f *framer) movesTo(payload []byte) (source uint32, yes bool) {
	stream, source, ok := twoNumbers(payload, proto.OpRecordStreamMoved)
	return source, ok && stream == uint32(f.stream.Load())
}

// twoNumbers returns those that a message of one kind begins with: they stand as opcode
// and tag do.
func twoNumbers(payload []byte, kind uint32) (first, second uint32, ok bool) {
	if opcode, _, ok := header(payload); !ok || opcode != kind {
		return 0, 0, false
	}
	return header(payload[replyHeader:])
}

// audio turns little-endian float32 into samples.
func (f *framer) audio(b []byte, at aes67.MonoTime) {
	if f.tailLen > 0 {
		n := copy(f.tail[f.tailLen:], b)
		f.tailLen, b = f.tailLen+n, b[n:]
		if f.tailLen < len(f.tail) {
			return
		}
		f.tailLen = 0
		f.sample(f.tail[:], at)
	}
	for len(b) >= 4 {
		f.sample(b[:4], at)
		b = b[4:]
	}
	f.tailLen = copy(f.tail[:], b)
}

func (f *framer) sample(b []byte, at aes67.MonoTime) {
	if f.count == len(f.samples) {
		f.hand(at)
	}
	f.samples[f.count] = math.Float32frombits(binary.LittleEndian.Uint32(b))
	f.count++
}

// hand gives all whole frames to the handler.
func (f *framer) hand(at aes67.MonoTime) {
	whole := f.count - f.count%f.channels
	if whole == 0 {
		return
	}
	f.intake.listen(f.samples[:whole], f.channels, at)
	if f.risen < f.fade || f.shut() {
		f.rise(f.samples[:whole])
	}
	f.frames.Frames(f.samples[:whole], at)
	f.intake.add(aes67.Frames(whole / f.channels))
	f.count = copy(f.samples, f.samples[whole:f.count])
}

// shut reports whether no sound may pass.
func (f *framer) shut() bool { return !f.open.Load() || f.moved.Load() }

// rise silences samples while the framer is shut and fades them in after
// that: 3x²-2x³, which has no edge at either end.
func (f *framer) rise(samples []float32) {
	if f.shut() {
		if f.risen > 0 {
			f.gap()
		}
		f.risen = 0
		clear(samples)
		return
	}
	for i := 0; i < len(samples) && f.risen < f.fade; i += f.channels {
		x := float32(f.risen) / float32(f.fade)
		for c := range f.channels {
			samples[i+c] *= x * x * (3 - 2*x)
		}
		f.risen++
	}
}

// gap tells that what is handed over next is another sound than before.
func (f *framer) gap() {
	if f.gaps != nil {
		f.gaps.Gap()
	}
}

// intake tells other goroutines how sound arrives.
type intake struct {
	messages atomic.Uint64
	frames   atomic.Int64
	largest  atomic.Int64                    // frames in the largest of the latest messages
	heard    [aes67.MaxChannels]atomic.Int64 // when each channel sounded last, aes67.MonoTime

	recent, former int64 // largest of this and of the last round
	round          int
}

// intakeRound is how many messages make a round: some seconds.
const intakeRound = 512

// listen notes which channels have samples that are not exactly zero.
func (m *intake) listen(samples []float32, channels int, at aes67.MonoTime) {
	for c := range channels {
		for i := c; i < len(samples); i += channels {
			if samples[i] != 0 {
				m.heard[c].Store(int64(at))
				break
			}
		}
	}
}

// heardAt tells when each of so many channels sounded last.
func (m *intake) heardAt(channels int) []aes67.MonoTime {
	heard := make([]aes67.MonoTime, channels)
	for c := range heard {
		heard[c] = aes67.MonoTime(m.heard[c].Load())
	}
	return heard
}

func (m *intake) add(frames aes67.Frames) {
	m.messages.Add(1)
	m.frames.Add(int64(frames))
	if m.round++; m.round == intakeRound {
		m.round, m.former, m.recent = 0, m.recent, 0
	}
	m.recent = max(m.recent, int64(frames))
	m.largest.Store(max(m.recent, m.former))
}
