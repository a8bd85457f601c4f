package wire

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/facebook/time/ptp/protocol"

	"aes67-sink/aes67"
)

// Why Decode refuses a message.
var (
	ErrVersion1    = errors.New("ptp: message of PTP version 1")
	ErrVersion     = errors.New("ptp: message of an unknown PTP version")
	ErrLength      = errors.New("ptp: message shorter than it must be")
	ErrUnsupported = errors.New("ptp: message type not used by an end-to-end ordinary clock")
	ErrValue       = errors.New("ptp: message with an impossible time or correction")
)

const (
	headerLength = 34
	maxLength    = 64 // Announce
	// maxSeconds keeps times, with any correction added, within PTPTime; it is
	// reached in the year 2255.
	maxSeconds = 9_000_000_000
)

// Decoder holds the memory of decoding, so that a message makes no garbage.
// Its zero value is ready; it belongs to one goroutine.
type Decoder struct {
	fixed     [maxLength]byte
	announce  protocol.Announce
	event     protocol.SyncDelayReq
	followUp  protocol.FollowUp
	delayResp protocol.DelayResp
}

// Decode reads a message. TLVs and padding after its fixed part are ignored,
// the minor version and unused fields too; nothing of b is kept.
func Decode(b []byte) (Message, error) { return new(Decoder).Decode(b) }

// Decode is the function of that name without allocation.
func (d *Decoder) Decode(b []byte) (Message, error) {
	// What the library's decoders do not check, or trip over, is done first:
	// versions and lengths. They refuse whole messages for an unknown TLV, so
	// they are only shown the fixed part.
	if len(b) < 2 {
		return Message{}, ErrLength
	}
	switch b[1] & 0x0F {
	case 1:
		return Message{}, ErrVersion1
	case 2:
	default:
		return Message{}, ErrVersion
	}
	m := Message{Kind: KindOf(b), Transport: b[0] >> 4}
	length, _, known := m.Kind.layout()
	if !known {
		return Message{}, ErrUnsupported
	}
	if len(b) < headerLength {
		return Message{}, ErrLength
	}
	if told := int(binary.BigEndian.Uint16(b[2:])); told < length || told > len(b) {
		return Message{}, ErrLength
	}
	fixed := d.fixed[:length]
	copy(fixed, b)
	binary.BigEndian.PutUint16(fixed[2:], uint16(length))
	err := m.read(fixed, d)
	return m, err
}

// read takes the fields from a message's fixed part.
func (m *Message) read(b []byte, d *Decoder) error {
	switch m.Kind {
	case KindAnnounce:
		p := &d.announce
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		m.Properties = Properties{
			Priority1:    p.GrandmasterPriority1,
			Class:        uint8(p.GrandmasterClockQuality.ClockClass),
			Accuracy:     uint8(p.GrandmasterClockQuality.ClockAccuracy),
			Variance:     p.GrandmasterClockQuality.OffsetScaledLogVariance,
			Priority2:    p.GrandmasterPriority2,
			Identity:     identity(p.GrandmasterIdentity),
			StepsRemoved: p.StepsRemoved,
			UTCOffset:    p.CurrentUTCOffset,
			TimeSource:   uint8(p.TimeSource),
		}
		return m.setHeader(&p.Header, protocol.Timestamp{}) // originTimestamp may be anything (13.5.2.1)
	case KindFollowUp:
		p := &d.followUp
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		return m.setHeader(&p.Header, p.PreciseOriginTimestamp)
	case KindDelayResp:
		p := &d.delayResp
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		m.Requesting = port(p.RequestingPortIdentity)
		return m.setHeader(&p.Header, p.ReceiveTimestamp)
	default:
		p := &d.event
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		// Who reads the time of a Delay_Req, or of a Sync whose Follow_Up tells it?
		if m.Kind == KindDelayReq || Flags(p.FlagField).Has(FlagTwoStep) {
			if _, ok := nanoseconds(p.OriginTimestamp); !ok {
				p.OriginTimestamp = protocol.Timestamp{}
			}
		}
		return m.setHeader(&p.Header, p.OriginTimestamp)
	}
}

// nanoseconds returns a timestamp as one number, if it can be one.
func nanoseconds(t protocol.Timestamp) (aes67.PTPTime, bool) {
	seconds := t.Seconds.Seconds() // 48 bits
	if seconds > maxSeconds || t.Nanoseconds >= uint32(time.Second) {
		return 0, false
	}
	return aes67.PTPTime(seconds)*aes67.PTPTime(time.Second) + aes67.PTPTime(t.Nanoseconds), true
}

func (m *Message) setHeader(h *protocol.Header, t protocol.Timestamp) error {
	told, ok := nanoseconds(t)
	if !ok || h.CorrectionField.TooBig() {
		return ErrValue
	}
	m.Domain = h.DomainNumber
	m.Flags = Flags(h.FlagField)
	m.Correction = time.Duration((int64(h.CorrectionField) + 1<<15) >> 16) // units of 2^-16 ns
	m.Source = port(h.SourcePortIdentity)
	m.Sequence = h.SequenceID
	m.LogInterval = int8(h.LogMessageInterval)
	m.Time = told
	return nil
}

// Append writes m after b, as PTP 2.0: minor version 1 makes strict devices of
// the first edition drop a message. Times before the epoch cannot be written
// and become 0.
func (m *Message) Append(b []byte) []byte {
	length, control, known := m.Kind.layout()
	if !known {
		panic("ptp: Append of a message of no known kind")
	}
	header := protocol.Header{
		SdoIDAndMsgType:    protocol.SdoIDAndMsgType(m.Kind) | protocol.SdoIDAndMsgType(m.Transport)<<4,
		Version:            2,
		MessageLength:      uint16(length),
		DomainNumber:       m.Domain,
		FlagField:          uint16(m.Flags),
		CorrectionField:    protocol.Correction(m.Correction << 16),
		SourcePortIdentity: wirePort(m.Source),
		SequenceID:         m.Sequence,
		ControlField:       control,
		LogMessageInterval: protocol.LogInterval(m.LogInterval),
	}
	start := len(b)
	b = slices.Grow(b, length)[:start+length]
	fixed := b[start:]
	clear(fixed)
	var err error
	switch m.Kind {
	case KindAnnounce:
		p := protocol.Announce{Header: header, AnnounceBody: protocol.AnnounceBody{
			CurrentUTCOffset:     m.Properties.UTCOffset,
			GrandmasterPriority1: m.Properties.Priority1,
			GrandmasterClockQuality: protocol.ClockQuality{
				ClockClass:              protocol.ClockClass(m.Properties.Class),
				ClockAccuracy:           protocol.ClockAccuracy(m.Properties.Accuracy),
				OffsetScaledLogVariance: m.Properties.Variance,
			},
			GrandmasterPriority2: m.Properties.Priority2,
			GrandmasterIdentity:  wireIdentity(m.Properties.Identity),
			StepsRemoved:         m.Properties.StepsRemoved,
			TimeSource:           protocol.TimeSource(m.Properties.TimeSource),
		}}
		_, err = p.MarshalBinaryTo(fixed)
	case KindFollowUp:
		p := protocol.FollowUp{Header: header}
		p.PreciseOriginTimestamp = wireTime(m.Time)
		_, err = p.MarshalBinaryTo(fixed)
	case KindDelayResp:
		p := protocol.DelayResp{Header: header}
		p.ReceiveTimestamp = wireTime(m.Time)
		p.RequestingPortIdentity = wirePort(m.Requesting)
		_, err = p.MarshalBinaryTo(fixed)
	default:
		p := protocol.SyncDelayReq{Header: header}
		p.OriginTimestamp = wireTime(m.Time)
		_, err = p.MarshalBinaryTo(fixed)
	}
	if err != nil {
		panic("ptp: Append: " + err.Error()) // the buffer is large enough for every kind
	}
	return b
}

func identity(c protocol.ClockIdentity) aes67.ClockIdentity {
	var id aes67.ClockIdentity
	binary.BigEndian.PutUint64(id[:], uint64(c))
	return id
}

func wireIdentity(id aes67.ClockIdentity) protocol.ClockIdentity {
	return protocol.ClockIdentity(binary.BigEndian.Uint64(id[:]))
}

func port(p protocol.PortIdentity) PortIdentity {
	return PortIdentity{Clock: identity(p.ClockIdentity), Port: p.PortNumber}
}

func wirePort(p PortIdentity) protocol.PortIdentity {
	return protocol.PortIdentity{ClockIdentity: wireIdentity(p.Clock), PortNumber: p.Port}
}

func wireTime(t aes67.PTPTime) protocol.Timestamp {
	var w protocol.Timestamp
	if t < 0 {
		return w
	}
	seconds := uint64(t / aes67.PTPTime(time.Second))
	for i := range w.Seconds {
		w.Seconds[i] = byte(seconds >> (8 * (len(w.Seconds) - 1 - i)))
	}
	w.Nanoseconds = uint32(t % aes67.PTPTime(time.Second))
	return w
}
