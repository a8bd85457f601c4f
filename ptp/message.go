package ptp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/facebook/time/ptp/protocol"

	"aes67-sink/aes67"
)

// Where PTP messages go on UDP over IPv4 (IEEE 1588-2008, annex D).
const (
	EventPort   = 319
	GeneralPort = 320
)

// group is 224.0.1.129, which carries everything but peer delay messages
// (IEEE 1588-2008, D.3).
var group = [4]byte{224, 0, 1, 129}

// Kind is a message type (IEEE 1588-2008, table 19).
type Kind uint8

// The messages that an ordinary clock with end-to-end delay exchanges.
const (
	KindSync      Kind = 0x0
	KindDelayReq  Kind = 0x1
	KindFollowUp  Kind = 0x8
	KindDelayResp Kind = 0x9
	KindAnnounce  Kind = 0xB
)

// String returns the name of the standard.
func (k Kind) String() string {
	switch k {
	case KindSync:
		return "Sync"
	case KindDelayReq:
		return "Delay_Req"
	case KindFollowUp:
		return "Follow_Up"
	case KindDelayResp:
		return "Delay_Resp"
	case KindAnnounce:
		return "Announce"
	}
	return "message type " + strconv.Itoa(int(k))
}

// layout says how long a message is and what its legacy controlField holds
// (IEEE 1588-2008, tables 19 and 23 and clauses 13.5 to 13.8).
func (k Kind) layout() (length int, control uint8, known bool) {
	switch k {
	case KindSync:
		return 44, 0, true
	case KindDelayReq:
		return 44, 1, true
	case KindFollowUp:
		return 44, 2, true
	case KindDelayResp:
		return 54, 3, true
	case KindAnnounce:
		return 64, 5, true
	}
	return 0, 0, false
}

// event reports whether messages of this kind are timestamped and travel on
// the event port.
func (k Kind) event() bool { return k < KindFollowUp }

// Flags is the flagField (IEEE 1588-2008, table 20).
type Flags uint16

// The flags that are read or written here.
const (
	FlagAlternateMaster = Flags(protocol.FlagAlternateMaster)
	FlagTwoStep         = Flags(protocol.FlagTwoStep)
	FlagUnicast         = Flags(protocol.FlagUnicast)
	FlagUTCOffsetValid  = Flags(protocol.FlagCurrentUtcOffsetValid)
	FlagPTPTimescale    = Flags(protocol.FlagPTPTimescale)
)

// Has reports whether all of mask are set.
func (f Flags) Has(mask Flags) bool { return f&mask == mask }

// noInterval is the logMessageInterval of messages that have none, unicast
// ones among them (IEEE 1588-2008, table 24).
const noInterval = 0x7F

// PortIdentity names a port of a clock (IEEE 1588-2008, 5.3.5).
type PortIdentity struct {
	Clock aes67.ClockIdentity
	Port  uint16
}

// String returns the clock's identity and the port number joined by "/".
func (p PortIdentity) String() string { return p.Clock.String() + "/" + strconv.Itoa(int(p.Port)) }

// Compare orders port identities as the best master clock algorithm does:
// as octets, then by port number (IEEE 1588-2008, 7.5.2.4).
func (p PortIdentity) Compare(q PortIdentity) int {
	if c := compareIdentities(p.Clock, q.Clock); c != 0 {
		return c
	}
	return cmp.Compare(p.Port, q.Port)
}

func compareIdentities(a, b aes67.ClockIdentity) int {
	return cmp.Compare(binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(b[:]))
}

// Properties is what an Announce says of the grandmaster (IEEE 1588-2008,
// 13.5).
type Properties struct {
	Priority1    uint8
	Class        uint8  // clockClass
	Accuracy     uint8  // clockAccuracy
	Variance     uint16 // offsetScaledLogVariance
	Priority2    uint8
	Identity     aes67.ClockIdentity
	StepsRemoved uint16
	UTCOffset    int16 // s
	TimeSource   uint8
}

// Message is a decoded message. Which of the last fields mean something
// depends on Kind.
type Message struct {
	Kind        Kind
	Domain      uint8
	Flags       Flags
	Correction  time.Duration // correctionField, whole nanoseconds
	Source      PortIdentity
	Sequence    uint16
	LogInterval int8 // log2 of seconds

	Time       aes67.PTPTime // all but Announce: origin or receive timestamp
	Requesting PortIdentity  // Delay_Resp
	Properties Properties    // Announce
}

// Why Decode refuses a message.
var (
	ErrVersion1    = errors.New("ptp: message of PTP version 1")
	ErrVersion     = errors.New("ptp: message of an unknown PTP version")
	ErrLength      = errors.New("ptp: message shorter than it must be")
	ErrSdo         = errors.New("ptp: message of another standard's profile (majorSdoId not 0)")
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

// Decode reads a message. TLVs and padding after its fixed part are ignored,
// the minor version and unused fields too; nothing of b is kept. It does not
// allocate.
func Decode(b []byte) (Message, error) {
	// What the library's decoders do not check, or trip over, is done first:
	// versions, the standard's nibble, lengths. They refuse whole messages for
	// an unknown TLV, so they are only shown the fixed part.
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
	if b[0]>>4 != 0 {
		return Message{}, ErrSdo
	}
	m := Message{Kind: Kind(b[0] & 0x0F)}
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
	var fixed [maxLength]byte
	copy(fixed[:length], b)
	binary.BigEndian.PutUint16(fixed[2:], uint16(length))
	return m, m.decode(fixed[:length])
}

func (m *Message) decode(b []byte) error {
	switch m.Kind {
	case KindAnnounce:
		var p protocol.Announce
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
		var p protocol.FollowUp
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		return m.setHeader(&p.Header, p.PreciseOriginTimestamp)
	case KindDelayResp:
		var p protocol.DelayResp
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		m.Requesting = port(p.RequestingPortIdentity)
		return m.setHeader(&p.Header, p.ReceiveTimestamp)
	default:
		var p protocol.SyncDelayReq
		if err := p.UnmarshalBinary(b); err != nil {
			return ErrLength
		}
		return m.setHeader(&p.Header, p.OriginTimestamp)
	}
}

func (m *Message) setHeader(h *protocol.Header, t protocol.Timestamp) error {
	seconds := t.Seconds.Seconds() // 48 bits
	if seconds > maxSeconds || t.Nanoseconds >= uint32(time.Second) || h.CorrectionField.TooBig() {
		return ErrValue
	}
	m.Domain = h.DomainNumber
	m.Flags = Flags(h.FlagField)
	m.Correction = time.Duration((int64(h.CorrectionField) + 1<<15) >> 16) // units of 2^-16 ns
	m.Source = port(h.SourcePortIdentity)
	m.Sequence = h.SequenceID
	m.LogInterval = int8(h.LogMessageInterval)
	m.Time = aes67.PTPTime(seconds)*aes67.PTPTime(time.Second) + aes67.PTPTime(t.Nanoseconds)
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
		SdoIDAndMsgType:    protocol.SdoIDAndMsgType(m.Kind),
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
	var fixed [maxLength]byte
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
		_, err = p.MarshalBinaryTo(fixed[:])
	case KindFollowUp:
		p := protocol.FollowUp{Header: header}
		p.PreciseOriginTimestamp = wireTime(m.Time)
		_, err = p.MarshalBinaryTo(fixed[:])
	case KindDelayResp:
		p := protocol.DelayResp{Header: header}
		p.ReceiveTimestamp = wireTime(m.Time)
		p.RequestingPortIdentity = wirePort(m.Requesting)
		_, err = p.MarshalBinaryTo(fixed[:])
	default:
		p := protocol.SyncDelayReq{Header: header}
		p.OriginTimestamp = wireTime(m.Time)
		_, err = p.MarshalBinaryTo(fixed[:])
	}
	if err != nil {
		panic("ptp: Append: " + err.Error()) // the buffer is large enough for every kind
	}
	return append(b, fixed[:length]...)
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
