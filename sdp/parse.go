package sdp

import (
	"errors"
	"fmt"
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
// first audio one is taken. It fails only if the text does not tell which
// session it is and where its packets go.
//
//  1. fields: the lines of the session and of its first audio stream
//  2. each known line is read; the media's wins over the session's
//  3. what must not be missing is checked
func Parse(text []byte) (Description, error) {
	if len(text) > MaxText {
		return Description{}, fmt.Errorf("sdp: %d bytes: more than %d", len(text), MaxText)
	}
	p := parser{}
	for line := range lines(string(text)) {
		if err := p.line(line[0], line[2:]); err != nil {
			return Description{}, fmt.Errorf("sdp: line %q: %w", clean(line, maxForeignWord), err)
		}
		if p.done {
			break
		}
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
			o, err := parseOrigin(line[2:])
			return o, err == nil
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

// parser gathers the session's and the chosen media's lines.
type parser struct {
	d                    Description
	version, origin      bool
	media, skipped, done bool // inside the chosen media; inside another; behind it
	connection           bool // the media has a c= line of its own
	mapped               bool // the media's rtpmap was read
	session              struct{ refClock, mediaClk string }
}

func (p *parser) line(kind byte, value string) (err error) {
	if !p.version && (kind != 'v' || strings.TrimSpace(value) != "0") {
		return errors.New(`must be "v=0"`)
	}
	if kind == 'm' {
		return p.mediaLine(value)
	}
	if p.skipped {
		return nil
	}
	switch kind {
	case 'v':
		p.version = true
	case 'o':
		if !p.origin {
			p.origin = true
			p.d.Origin, err = parseOrigin(value)
		}
	case 's':
		if p.d.Name == "" {
			p.d.Name = clean(value, maxForeignName)
		}
	case 'i':
		if p.media {
			p.d.Info = clean(value, maxForeignName)
		}
	case 'c':
		if !p.connection {
			p.connection = p.media
			p.d.Group, p.d.TTL, err = parseConnection(value)
		}
	case 'a':
		name, rest, _ := strings.Cut(value, ":")
		p.attribute(name, strings.TrimSpace(rest))
	}
	return err
}

// mediaLine reads "audio 5004 RTP/AVP 98" (RFC 8866, 5.14).
func (p *parser) mediaLine(value string) error {
	if p.media {
		p.done = true
		return nil
	}
	f := strings.Fields(value)
	if p.skipped = len(f) < 1 || f[0] != "audio"; p.skipped {
		return nil
	}
	if len(f) < 4 || !strings.HasPrefix(f[2], "RTP/") {
		return errors.New(`must be "audio PORT RTP/AVP TYPE"`)
	}
	port, _, _ := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return errors.New("port must be 1 to 65535")
	}
	payload, err := strconv.ParseUint(f[3], 10, 7)
	if err != nil {
		return errors.New("payload type must be 0 to 127")
	}
	p.media = true
	p.d.Port, p.d.Payload = uint16(n), uint8(payload)
	// The static types of RFC 3551, 6 need no rtpmap.
	switch payload {
	case 10:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 2
	case 11:
		p.d.Encoding, p.d.Rate, p.d.Channels = "L16", 44100, 1
	}
	return nil
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
		if p.media && !p.mapped {
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
	if p.media {
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
	p.d.Encoding, p.d.Rate, p.d.Channels = clean(f[0], maxForeignWord), aes67.Hz(rate), int(channels)
	return true
}

func (p *parser) result() (Description, error) {
	switch {
	case !p.version:
		return Description{}, errors.New("sdp: no v= line: not a session description")
	case !p.origin:
		return Description{}, errors.New("sdp: no o= line: the session cannot be told from others")
	case !p.media:
		return Description{}, errors.New("sdp: no audio: no m=audio line")
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
// before the last five words, since devices exist that put spaces into it.
func parseOrigin(value string) (o Origin, err error) {
	f := strings.Fields(value)
	if len(f) < 5 {
		return o, errors.New(`must be "USER ID VERSION IN IP4 ADDRESS"`)
	}
	last := f[len(f)-5:]
	if o.ID, err = strconv.ParseUint(last[0], 10, 64); err != nil {
		return Origin{}, errors.New("session id must be a decimal number of 64 bits")
	}
	if o.Version, err = strconv.ParseUint(last[1], 10, 64); err != nil {
		return Origin{}, errors.New("session version must be a decimal number of 64 bits")
	}
	o.User = clean(strings.Join(f[:len(f)-5], " "), maxForeignWord)
	o.Addr, _ = parseAddr(last[4])
	return o, nil
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
