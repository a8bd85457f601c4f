package sdp

import (
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// Origin is what an o= line says: who made the session, which one it is, and
// which version of it this is.
type Origin struct {
	User    string
	ID      uint64
	Version uint64
	Addr    netip.Addr // invalid if the line names a host instead
}

// Same reports whether two origins name the same session, in whatever version.
func (o Origin) Same(p Origin) bool {
	return o.User == p.User && o.ID == p.ID && o.Addr == p.Addr
}

// maxOthers bounds how many streams beside those of redundant audio are kept of a
// session: each is listed, and kept clear of.
const maxOthers = 6

// Description is what a session description says about its first audio stream, and
// where the others go. Without audio the first stream's address stands in its place,
// with no format. Its strings are printable, bounded and share no memory with the
// text; descriptions can be compared.
type Description struct {
	Name     string
	Origin   Origin
	Info     string // the media's i= line, such as "1 channels: Left"
	Group    netip.Addr
	Port     uint16
	Second   netip.AddrPort            // where the second audio stream goes, as the other leg of redundant ones; invalid: none
	Others   [maxOthers]netip.AddrPort // where further streams go, of audio or not; invalid behind the last
	TTL      uint8                     // 0: not told
	Payload  uint8                     // RTP payload type
	Encoding string
	Rate     aes67.Hz
	Channels int
	Ptime    time.Duration // 0: not told; rounded as it was written
	Frames   aes67.Frames  // in one packet, from framecount; 0: not told
	RefClock string        // the first a=ts-refclk, the media's before the session's
	MediaClk string        // the first a=mediaclk, likewise
}

// Legs returns where the session's streams go, each address once: d, a copy with the
// second stream's, and the others' without a format.
func (d *Description) Legs() []Description {
	legs := []Description{*d}
	add := func(leg Description, to netip.AddrPort) {
		leg.Group, leg.Port = to.Addr(), to.Port()
		same := func(l Description) bool { return l.Group == leg.Group && l.Port == leg.Port }
		if to.IsValid() && !slices.ContainsFunc(legs, same) {
			legs = append(legs, leg)
		}
	}
	add(*d, d.Second)
	for _, to := range d.Others {
		add(Description{Name: d.Name, Origin: d.Origin}, to)
	}
	return legs
}

// PacketFrames returns the frames in one packet, 0 when they are not told:
// framecount if there is one, else the number that ptime comes closest to.
func (d *Description) PacketFrames() aes67.Frames {
	if d.Frames > 0 {
		return d.Frames
	}
	return aes67.Frames((int64(d.Ptime)*int64(d.Rate) + int64(time.Second)/2) / int64(time.Second))
}

// IsPCM reports whether the stream carries what AES67 receivers play: L16 or
// L24 (AES67-2018, 7.1).
func (d *Description) IsPCM() bool {
	_, err := aes67.ParseEncoding(d.Encoding)
	return err == nil
}
