package sdp

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"aes67-sink/aes67"
)

// MaxText bounds a description that Parse reads, in bytes. SAP asks for no more
// than 1 kB (RFC 2974, 6); redundant streams with many channels pass it.
const MaxText = 16 << 10

// Bounds of what is kept of a foreign text, in bytes.
const (
	maxForeignName = 255
	maxForeignWord = 128
)

// Parse reads a description, its own or a foreign one: lines end with LF or
// CRLF or with the text, session attributes may follow where the RFC does not
// want them, v=, t= and what is not known may be missing. Of several media the
// first audio one is taken, and of the others the address alone; that of the next
// audio is the other leg of redundant streams (SMPTE ST 2022-7). It fails only if
// the text does not tell where anything goes: whoever sends to a group is to be
// known and kept clear of, whatever else he writes.
//
//  1. the lines of the session and of its streams are read, each known one
//  2. route: the addresses are dealt out, a stream's before the session's
//  3. of the clocks, too, the stream's win over the session's
func Parse(text []byte) (Description, error) {
	if len(text) > MaxText {
		return Description{}, fmt.Errorf("sdp: %d bytes: more than %d", len(text), MaxText)
	}
	p := parser{}
	for line := range lines(string(text)) {
		p.line(line[0], line[2:])
	}
	return p.result()
}

// ParseOrigin returns the o= line of a text that may be shorter than a
// description: a SAP deletion may hold nothing else (RFC 2974, 5).
func ParseOrigin(text []byte) (Origin, bool) {
	if len(text) > MaxText {
		return Origin{}, false
	}
	for line := range lines(string(text)) {
		if line[0] == 'o' {
			return parseOrigin(line[2:])
		}
	}
	return Origin{}, false
}

// lines yields the lines that have the form x=…, up to the first NUL.
func lines(text string) func(yield func(string) bool) {
	text, _, _ = strings.Cut(text, "\x00")
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimRight(line, "\r \t")
			if len(line) >= 2 && line[1] == '=' && !yield(line) {
				return
			}
		}
	}
}

// parser gathers the lines of the session and of its streams.
type parser struct {
	d       Description
	origin  bool
	session struct {
		refClock, mediaClk string
		destination
	}
	streams []stream
	skipped bool  // inside a stream that is not the first of audio
	mapped  bool  // the first one's rtpmap was read
	broken  error // of a c= line
}

// destination is what a c= line says; an invalid group stands for none.
type destination struct {
	group netip.Addr
	ttl   uint8
}

// stream is where a medium goes, as far as its own lines tell.
type stream struct {
	audio bool
	port  uint16
	destination
}

// media reports whether the lines are those of the first audio stream.
func (p *parser) media() bool { return !p.skipped && len(p.streams) > 0 }

func (p *parser) line(kind byte, value string) {
	switch {
	case kind == 'm':
		p.mediaLine(value)
	case kind == 'o' && !p.origin:
		p.origin = true
		p.d.Origin, _ = parseOrigin(value)
	case kind == 'c':
		p.connectionLine(value)
	case p.skipped:
	case kind == 's' && p.d.Name == "":
		p.d.Name = clean(value, maxForeignName)
	case kind == 'i' && p.media():
		p.d.Info = clean(value, maxForeignName)
	case kind == 'a':
		name, rest, _ := strings.Cut(value, ":")
		p.attribute(name, strings.TrimSpace(rest))
	}
}

// connectionLine keeps the first address of the session, or of the stream whose
// lines are read.
func (p *parser) connectionLine(value string) {
	c, err := parseConnection(value)
	if err != nil {
		p.broken = fmt.Errorf("sdp: line %q: %w", clean("c="+value, maxForeignWord), err)
		return
	}
	at := &p.session.destination
	if n := len(p.streams); n > 0 {
		at = &p.streams[n-1].destination
	}
	if !at.group.IsValid() {
		*at = c
	}
}

// mediaLine reads "audio 5004 RTP/AVP 98" (RFC 8866, 5.14). A port or a payload
// type that is none is 0.
func (p *parser) mediaLine(value string) {
	f := strings.Fields(value)
	number := func(i, bits int) uint64 {
		if i >= len(f) {
			return 0
		}
		text, _, _ := strings.Cut(f[i], "/")
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return 0
		}
		return n
	}
	s := stream{audio: len(f) > 0 && f[0] == "audio", port: uint16(number(1, 16))}
	p.skipped = !s.audio || slices.ContainsFunc(p.streams, isAudio)
	p.streams = append(p.streams, s)
	if p.skipped {
		return
	}
	p.d.Payload = uint8(number(3, 7))
	// The static types of RFC 3551, 6 need no rtpmap.
	switch p.d.Payload {
	case 10:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 2
	case 11:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 1
	}
}

func isAudio(s stream) bool { return s.audio }

// attribute reads the attributes that are known; one that is broken counts as
// absent, because a stream can be listed and kept clear of without it.
func (p *parser) attribute(name, value string) {
	switch name {
	case "ts-refclk":
		p.first(&p.d.RefClock, &p.session.refClock, value)
	case "mediaclk":
		p.first(&p.d.MediaClk, &p.session.mediaClk, value)
	case "rtpmap":
		if p.media() && !p.mapped {
			p.mapped = p.rtpmap(value)
		}
	case "ptime":
		if ms, err := strconv.ParseFloat(value, 64); err == nil && ms > 0 && ms < 1e3 {
			p.d.Ptime = time.Duration(math.Round(ms * float64(time.Millisecond)))
		}
	case "framecount":
		if n, err := strconv.ParseUint(value, 10, 16); err == nil { // a range says nothing
			p.d.Frames = aes67.Frames(n)
		}
	}
}

// first keeps the first value that each level has.
func (p *parser) first(media, session *string, value string) {
	at := session
	if p.media() {
		at = media
	}
	if *at == "" {
		*at = clean(value, maxForeignWord)
	}
}

// rtpmap reads "98 L24/48000/2"; the channels may be missing when there is one
// (RFC 8866, 6.6).
func (p *parser) rtpmap(value string) bool {
	payload, format, _ := strings.Cut(value, " ")
	if n, err := strconv.ParseUint(payload, 10, 7); err != nil || uint8(n) != p.d.Payload {
		return false
	}
	f := strings.Split(strings.TrimSpace(format), "/")
	if len(f) < 2 {
		return false
	}
	rate, err := strconv.ParseUint(f[1], 10, 31)
	if err != nil || rate == 0 {
		return false
	}
	channels := uint64(1)
	if len(f) > 2 {
		if channels, err = strconv.ParseUint(f[2], 10, 16); err != nil || channels == 0 {
			return false
		}
	}
	// Names of formats are the same in any case (RFC 4855, 3).
	p.d.Encoding, p.d.Rate, p.d.Channels = strings.ToUpper(clean(f[0], maxForeignWord)), aes67.Hz(rate), int(channels)
	return true
}

func (p *parser) result() (Description, error) {
	p.route()
	switch {
	case !p.d.Group.IsValid() && p.broken != nil:
		return Description{}, p.broken
	case !p.d.Group.IsValid():
		return Description{}, errors.New("sdp: no c= line: no address")
	}
	p.d.RefClock = cmp.Or(p.d.RefClock, p.session.refClock)
	p.d.MediaClk = cmp.Or(p.d.MediaClk, p.session.mediaClk)
	return p.d, nil
}

// route deals out the addresses: the first audio stream's, or where that is not told
// the next one's, is the description's own. Both have its format, the others have none.
func (p *parser) route() {
	if len(p.streams) == 0 {
		p.streams = []stream{{}} // it goes where the session does
	}
	slices.SortStableFunc(p.streams, func(a, b stream) int {
		switch {
		case a.audio == b.audio:
			return 0
		case a.audio:
			return -1
		}
		return 1
	})
	for i, s := range p.streams {
		if !s.group.IsValid() {
			s.destination = p.session.destination
		}
		to, leg := netip.AddrPortFrom(s.group, s.port), s.audio && i < 2
		switch {
		case !to.IsValid():
		case !p.d.Group.IsValid():
			if !leg {
				p.d = Description{Name: p.d.Name, Origin: p.d.Origin}
			}
			p.d.Group, p.d.Port, p.d.TTL = s.group, s.port, s.ttl
		case leg:
			p.d.Second = to
		default:
			p.other(to)
		}
	}
}

// other keeps a further address, once.
func (p *parser) other(to netip.AddrPort) {
	for i, known := range p.d.Others {
		if !known.IsValid() {
			p.d.Others[i] = to
		}
		if !known.IsValid() || known == to {
			return
		}
	}
}

// parseOrigin reads "USER ID VERSION IN IP4 ADDRESS"; the user is what stands
// before the last five words, since devices exist that put spaces into it. ok is
// false if the line has not that form; all of it is the user then.
func parseOrigin(value string) (o Origin, ok bool) {
	f := strings.Fields(value)
	if len(f) < 5 {
		return Origin{User: clean(value, maxForeignWord)}, false
	}
	last := f[len(f)-5:]
	o = Origin{User: clean(strings.Join(f[:len(f)-5], " "), maxForeignWord), ID: numberOf(last[0]), Version: numberOf(last[1])}
	o.Addr, _ = parseAddr(last[4])
	return o, true
}

// numberOf reads a session id or version. Devices exist that write negative
// numbers, fractions and twenty digits: for what is no number of 64 bits one stands
// that is another for another text.
func numberOf(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(text))
		n = h.Sum64()
	}
	return n
}

// parseConnection reads "IN IP4 239.69.1.1/32": an address and, for IPv4, a TTL
// (RFC 8866, 5.7).
func parseConnection(value string) (destination, error) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return destination{}, errors.New(`must be "IN IP4 ADDRESS/TTL"`)
	}
	text, more, _ := strings.Cut(f[2], "/")
	addr, ok := parseAddr(text)
	if !ok {
		return destination{}, errors.New("not an IP address")
	}
	ttl := uint64(0)
	if addr.Is4() {
		more, _, _ = strings.Cut(more, "/")
		ttl, _ = strconv.ParseUint(more, 10, 8)
	}
	return destination{addr, uint8(ttl)}, nil
}

// parseAddr reads an address without a zone, which could be of any length.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
