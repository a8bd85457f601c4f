package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"aes67-sink/aes67"
)

// Reference is the clock that a stream's timestamps come from. With a zero
// Grandmaster it is the sender's own, named by LocalMAC.
type Reference struct {
	Grandmaster aes67.ClockIdentity
	Domain      uint8 // PTP domain, 0 to 127
	LocalMAC    [6]byte
}

// String returns the value of a=ts-refclk (RFC 7273, 4.3 and 4.7; the domain is
// bare, erratum 4450).
func (r Reference) String() string {
	if r.Grandmaster.IsZero() {
		return fmt.Sprintf("localmac=%02X-%02X-%02X-%02X-%02X-%02X", r.LocalMAC[0], r.LocalMAC[1],
			r.LocalMAC[2], r.LocalMAC[3], r.LocalMAC[4], r.LocalMAC[5])
	}
	return "ptp=IEEE1588-2008:" + r.Grandmaster.String() + ":" + strconv.Itoa(int(r.Domain))
}

// ParseReference reads the value of a=ts-refclk where it names a PTP grandmaster of
// IEEE 1588-2008; a missing domain is 0.
func ParseReference(value string) (r Reference, ok bool) {
	named, isPTP := strings.CutPrefix(value, "ptp=IEEE1588-2008:")
	if !isPTP {
		return r, false
	}
	name, number, told := strings.Cut(named, ":")
	identity, err := aes67.ParseClockIdentity(strings.TrimSpace(name))
	if err != nil || identity.IsZero() {
		return r, false
	}
	r.Grandmaster = identity
	if told {
		domain, err := strconv.ParseUint(strings.TrimSpace(number), 10, 8)
		if err != nil || domain > 127 {
			return Reference{}, false
		}
		r.Domain = uint8(domain)
	}
	return r, true
}

// Session is one stream as it is announced.
type Session struct {
	Stream    aes67.Stream
	ID        uint64     // constant for the stream's life, see SessionID
	Version   uint64     // grows with every change of the text, see NextVersion
	Origin    netip.Addr // the IPv4 address that the packets come from
	Second    netip.Addr // that of those to Stream.Second; invalid: there are none
	Reference Reference
}

// The names of the two legs of a redundant stream (RFC 7104, 4.2).
const (
	primary   = "primary"
	secondary = "secondary"
)

// Redundant reports whether two legs are described.
func (s *Session) Redundant() bool { return s.Second.IsValid() && s.Stream.Second.IsValid() }

// Text returns the description, its lines ended by CRLF.
func (s Session) Text() string {
	st := &s.Stream
	ptp := !s.Reference.Grandmaster.IsZero()

	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\r\n")
	}
	line("v=0")
	line("o=%s %d %d IN IP4 %v", User, s.ID, s.Version, s.Origin)
	line("s=%s", CleanName(st.Name))
	line("%s", connection(st.Group, st.TTL)) // at both levels: receivers exist that read only one
	line("t=0 0")
	if ptp {
		line("a=clock-domain:PTPv2 %d", s.Reference.Domain)
	}
	if !s.Redundant() {
		s.media(line, st.Group, s.Origin, "")
		return b.String()
	}
	line("a=group:DUP %s %s", primary, secondary) // RFC 7104, 3; SMPTE ST 2110-10:2022, 8.5
	s.media(line, st.Group, s.Origin, primary)
	s.media(line, st.Second, s.Second, secondary)
	return b.String()
}

// connection returns the c= line: only a group has a TTL (RFC 8866, 5.7).
func connection(to netip.Addr, ttl uint8) string {
	if to.IsMulticast() {
		return fmt.Sprintf("c=IN IP4 %v/%d", to, ttl)
	}
	return fmt.Sprintf("c=IN IP4 %v", to)
}

// media writes the description of one leg, from an address to another; mid is its
// name, empty if it is the only one.
func (s *Session) media(line func(format string, args ...any), to, from netip.Addr, mid string) {
	st, ptp := &s.Stream, !s.Reference.Grandmaster.IsZero()
	line("m=audio %d RTP/AVP %d", st.Port, st.PayloadType)
	line("i=%d channels: %s", len(st.Channels), strings.Join(Labels(st.Channels), ", "))
	line("%s", connection(to, st.TTL))
	line("a=recvonly")
	line("a=rtpmap:%d %v/%d/%d", st.PayloadType, st.Encoding, st.Rate, len(st.Channels)) // before ptime: its rate is needed there
	if len(st.Channels) > 1 {
		line("a=fmtp:%d channel-order=%s", st.PayloadType, ChannelOrder(st.Channels))
	}
	line("a=framecount:%d", st.PacketFrames())
	line("a=ptime:%s", st.PacketTime.Text(st.Rate))
	line("a=ts-refclk:%v", s.Reference)
	if ptp {
		line("a=mediaclk:direct=0")
		line("a=sync-time:0")
	} else {
		line("a=mediaclk:sender") // RFC 7273, 5.4: no offset to a shared clock is promised
	}
	if to.IsMulticast() {
		line("a=source-filter: incl IN IP4 %v %v", to, from)
	}
	if mid != "" {
		line("a=mid:%s", mid)
	}
}
