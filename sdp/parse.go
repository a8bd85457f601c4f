package sdp

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
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
// want them, t= and what is not known may be missing. Of several media the
// first audio one is taken, and of the next the address alone, which is the other
// leg of redundant streams (SMPTE ST 2022-7). It fails only if the text does not
// tell where audio goes: whoever sends to a group is to be known and kept clear
// of, whatever else he writes.
//
//  1. fields: the lines of the session and of its audio streams
//  2. each known line is read; the media's wins over the session's
//  3. what must not be missing is checked
func Parse(text []byte) (Description, error) {
	if len(text) > MaxText {
		return Description{}, fmt.Errorf("sdp: %d bytes: more than %d", len(text), MaxText)
	}
	p := parser{}
	for line := range lines(string(text)) {
		if !p.version && (line[0] != 'v' || strings.TrimSpace(line[2:]) != "0") {
			return Description{}, fmt.Errorf("sdp: line %q: must be %q", clean(line, maxForeignWord), "v=0")
		}
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

// parser gathers the lines of the session and of its audio streams.
type parser struct {
	d               Description
	version, origin bool
	audio           int  // audio streams so far
	skipped         bool // inside a stream of another kind
	connection      bool // the first one has a c= line of its own
	mapped          bool // its rtpmap was read
	session         struct{ refClock, mediaClk string }
	second          uint16 // the second one's port
	broken          error  // of a c= line
}

// media reports whether the lines are those of the first audio stream.
func (p *parser) media() bool { return !p.skipped && p.audio == 1 }

func (p *parser) line(kind byte, value string) {
	switch {
	case kind == 'm':
		p.mediaLine(value)
	case kind == 'o' && !p.origin:
		p.origin = true
		p.d.Origin, _ = parseOrigin(value)
	case p.skipped || p.audio > 2:
	case p.audio == 2:
		if group, _, err := parseConnection(value); kind == 'c' && err == nil {
			p.d.Second = netip.AddrPortFrom(group, p.second)
		}
	case kind == 'v':
		p.version = true
	case kind == 's' && p.d.Name == "":
		p.d.Name = clean(value, maxForeignName)
	case kind == 'i' && p.media():
		p.d.Info = clean(value, maxForeignName)
	case kind == 'c' && !p.connection:
		group, ttl, err := parseConnection(value)
		if err != nil {
			p.broken = fmt.Errorf("sdp: line %q: %w", clean("c="+value, maxForeignWord), err)
			return
		}
		p.connection = p.media()
		p.d.Group, p.d.TTL = group, ttl
	case kind == 'a':
		name, rest, _ := strings.Cut(value, ":")
		p.attribute(name, strings.TrimSpace(rest))
	}
}

// mediaLine reads "audio 5004 RTP/AVP 98" (RFC 8866, 5.14). A port or a payload
// type that is none is 0.
func (p *parser) mediaLine(value string) {
	f := strings.Fields(value)
	if p.skipped = len(f) == 0 || f[0] != "audio"; p.skipped {
		return
	}
	p.audio++
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
	if p.audio == 2 {
		p.second = uint16(number(1, 16))
	}
	if p.audio > 1 {
		return
	}
	p.d.Port, p.d.Payload = uint16(number(1, 16)), uint8(number(3, 7))
	// The static types of RFC 3551, 6 need no rtpmap.
	switch p.d.Payload {
	case 10:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 2
	case 11:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 1
	}
}

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
	switch {
	case !p.version:
		return Description{}, errors.New("sdp: no v= line: not a session description")
	case p.audio == 0:
		return Description{}, errors.New("sdp: no audio: no m=audio line")
	case !p.d.Group.IsValid() && p.broken != nil:
		return Description{}, p.broken
	case !p.d.Group.IsValid():
		return Description{}, errors.New("sdp: no c= line: no address")
	}
	if p.d.RefClock == "" {
		p.d.RefClock = p.session.refClock
	}
	if p.d.MediaClk == "" {
		p.d.MediaClk = p.session.mediaClk
	}
	return p.d, nil
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
func parseConnection(value string) (netip.Addr, uint8, error) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return netip.Addr{}, 0, errors.New(`must be "IN IP4 ADDRESS/TTL"`)
	}
	text, more, _ := strings.Cut(f[2], "/")
	addr, ok := parseAddr(text)
	if !ok {
		return netip.Addr{}, 0, errors.New("not an IP address")
	}
	ttl := uint64(0)
	if addr.Is4() {
		more, _, _ = strings.Cut(more, "/")
		ttl, _ = strconv.ParseUint(more, 10, 8)
	}
	return addr, uint8(ttl), nil
}

// parseAddr reads an address without a zone, which could be of any length.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
