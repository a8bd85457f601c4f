package wire

import (
	"cmp"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/facebook/time/ptp/protocol"

	"aes67-sink/aes67"
)

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

// KindOf returns what a message is, before it is decoded (IEEE 1588-2008, 13.3.2.2).
// Of no bytes it is a kind that there is none of.
func KindOf(b []byte) Kind {
	if len(b) == 0 {
		return 0x0F
	}
	return Kind(b[0] & 0x0F)
}

// Event reports whether messages of this kind are timestamped and travel on
// the event port.
func (k Kind) Event() bool { return k < KindFollowUp }

// Flags is the flagField (IEEE 1588-2008, table 20).
type Flags uint16

// The flags that are read or written here.
const (
	FlagAlternateMaster = Flags(protocol.FlagAlternateMaster)
	FlagTwoStep         = Flags(protocol.FlagTwoStep)
	FlagUnicast         = Flags(protocol.FlagUnicast)
	FlagPTPTimescale    = Flags(protocol.FlagPTPTimescale)
)

// Has reports whether all of mask are set.
func (f Flags) Has(mask Flags) bool { return f&mask == mask }

// NoInterval is the logMessageInterval of messages that have none, unicast
// ones among them (IEEE 1588-2008, table 24).
const NoInterval = 0x7F

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
	if c := CompareIdentities(p.Clock, q.Clock); c != 0 {
		return c
	}
	return cmp.Compare(p.Port, q.Port)
}

// CompareIdentities orders clock identities in the same way.
func CompareIdentities(a, b aes67.ClockIdentity) int {
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
	Kind Kind
	// Transport is transportSpecific, 4 bits (majorSdoId since 2019): over UDP
	// nothing depends on it (IEEE 1588-2008, D.4), but some devices want to read
	// their own.
	Transport   uint8
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
