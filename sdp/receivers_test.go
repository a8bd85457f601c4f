package sdp_test

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// reader holds a text to the rules of one family of receivers, as its parsers
// are written, and says what it would trip over.
type reader struct {
	family string
	// suits tells whether the family is meant for a session at all.
	suits func(*sdp.Session) bool
	rules func(*text)
}

// text is a description taken apart.
type text struct {
	raw     string
	lines   []string
	session *sdp.Session
	faults  []string
}

func (x *text) fail(format string, args ...any) {
	x.faults = append(x.faults, fmt.Sprintf(format, args...))
}

// at returns the place of the first line with a beginning, -1 if there is none.
func (x *text) at(beginning string) int {
	for i, line := range x.lines {
		if strings.HasPrefix(line, beginning) {
			return i
		}
	}
	return -1
}

// value returns what follows the beginning in the last such line: later lines
// win in most parsers.
func (x *text) value(beginning string) string {
	found := ""
	for _, line := range x.lines {
		if rest, ok := strings.CutPrefix(line, beginning); ok {
			found = rest
		}
	}
	return found
}

// follow fails unless the lines with these beginnings are there, in order.
func (x *text) follow(beginnings ...string) {
	last := -1
	for _, beginning := range beginnings {
		at := x.at(beginning)
		if at < 0 {
			x.fail("no line %q", beginning)
		} else if at < last {
			x.fail("%q stands too early", beginning)
		}
		last = max(last, at)
	}
}

func (x *text) matches(beginning, form string) {
	if value := x.value(beginning); !regexp.MustCompile("^(?:" + form + ")$").MatchString(value) {
		x.fail("%s%q is not of the form %s", beginning, value, form)
	}
}

const (
	ipv4     = `\d+\.\d+\.\d+\.\d+`
	identity = `[0-9A-F]{2}(?:-[0-9A-F]{2}){7}`
	mac      = `[0-9A-F]{2}(?:-[0-9A-F]{2}){5}`
)

func always(*sdp.Session) bool { return true }

func withPTP(s *sdp.Session) bool { return !s.Reference.Grandmaster.IsZero() }

var families = []reader{
	{
		// bondagit/aes67-linux-daemon, session_manager.cpp and utils.cpp.
		"aes67-linux-daemon",
		// Its framecount from "rate * ptime / 1000", cut to a whole number, is
		// right for these packet times alone.
		func(s *sdp.Session) bool {
			p := s.Stream.PacketTime
			return withPTP(s) && (p == aes67.PacketTime1ms || p == aes67.PacketTime250us && s.Stream.Rate%48000 == 0)
		},
		func(x *text) {
			if x.lines[0] != "v=0" {
				x.fail("the first line is %q", x.lines[0])
			}
			x.follow("a=rtpmap:", "a=ptime:") // the rate is needed for the ptime
			x.matches("a=rtpmap:", `\d+ L(16|24)/\d+/\d+`)
			x.matches("a=clock-domain:", `PTPv2 \d+`)
			x.matches("a=ts-refclk:", `ptp=IEEE1588-2008:`+identity+`:\d+`)
			x.matches("a=mediaclk:", `direct=\d+`)
			x.matches("a=sync-time:", `\d+`)
			if len(x.raw) > 4096 {
				x.fail("%d bytes", len(x.raw))
			}
			rate, _ := strconv.ParseFloat(strings.Split(x.value("a=rtpmap:"), "/")[1], 64)
			ptime, err := strconv.ParseFloat(x.value("a=ptime:"), 64)
			if got := int(rate * ptime / 1000); err != nil || got != int(x.session.Stream.PacketFrames()) {
				x.fail("it computes %d frames a packet, the stream has %d", got, x.session.Stream.PacketFrames())
			}
		},
	},
	{
		// PipeWire, module-rtp-sap.c, parse_sdp.
		"PipeWire", always,
		func(x *text) {
			if x.lines[0] != "v=0" {
				x.fail("the first line is %q", x.lines[0])
			}
			for _, line := range x.lines {
				if len(line) < 2 || line[1] != '=' {
					x.fail("the line %q", line)
				}
			}
			x.follow("v=", "o=", "s=", "c=", "t=", "m=", "i=", "a=recvonly", "a=rtpmap:")
			x.matches("o=", `\S+ \d+ \d+ IN IP4 `+ipv4)
			if id, _ := strconv.ParseUint(strings.Fields(x.value("o="))[1], 10, 64); id > math.MaxUint32 {
				x.fail("session id %d: more than 32 bits", id)
			}
			x.matches("c=IN IP4 ", ipv4+`/\d+`)
			x.matches("m=audio ", `\d+ RTP/AVP \d+`)
			x.matches("i=", `\d+ channels: .+`)
			if direct, ok := strings.CutPrefix(x.value("a=mediaclk:"), "direct="); ok && direct != "0" {
				x.fail("mediaclk offset %q: read with %%i", direct)
			}
			if len(x.raw)+8+16 >= 2048 {
				x.fail("a SAP packet of %d bytes", len(x.raw)+24)
			}
		},
	},
	{
		// What Dante devices write and so read; Audinate's "AES67 Config" help.
		"Dante",
		func(s *sdp.Session) bool {
			st := &s.Stream
			return withPTP(s) && st.Rate == 48000 && st.Encoding == aes67.L24 && st.PacketTime == aes67.PacketTime1ms &&
				s.Reference.Domain == 0
		},
		func(x *text) {
			x.follow("v=", "o=", "s=", "c=", "t=", "m=", "i=", "a=recvonly", "a=rtpmap:", "a=ptime:", "a=ts-refclk:", "a=mediaclk:")
			if x.at("a=keywds") >= 0 {
				x.fail("it passes itself off as a Dante device")
			}
			x.matches("c=IN IP4 ", `239\.69\.\d+\.\d+/\d+`)
			x.matches("a=rtpmap:", `\d+ L24/48000/[1-8]`)
			x.matches("a=ptime:", `1`)
			x.matches("a=mediaclk:", `direct=0`)
		},
	},
	{
		// soundondigital/ravennakit; Merging Anubis and Lawo as seen.
		"RAVENNA", withPTP,
		func(x *text) {
			x.matches("a=clock-domain:", `PTPv2 \d+`)
			x.matches("a=sync-time:", `\d+`)
			x.matches("a=framecount:", `\d+`)
			x.matches("a=source-filter:", ` incl IN IP4 `+ipv4+` `+ipv4)
			if x.value("a=framecount:") != strconv.Itoa(int(x.session.Stream.PacketFrames())) {
				x.fail("framecount %s, the stream has %d", x.value("a=framecount:"), x.session.Stream.PacketFrames())
			}
		},
	},
	{
		// RFC 8866 as ffmpeg's rtsp.c and GStreamer's sdpdemux read it.
		"ffmpeg and GStreamer", always,
		func(x *text) {
			payload := x.value("m=audio ")[strings.LastIndexByte(x.value("m=audio "), ' ')+1:]
			if !strings.HasPrefix(x.value("a=rtpmap:"), payload+" ") {
				x.fail("rtpmap %q is of another payload type than %s", x.value("a=rtpmap:"), payload)
			}
			x.matches("c=", `IN IP4 `+ipv4+`/\d+`)
			x.matches("t=", `0 0`)
			if !strings.HasSuffix(x.raw, "\r\n") {
				x.fail("the last line does not end")
			}
		},
	},
	{
		// SMPTE ST 2110-10 and -30, level A; RFC 7273 with erratum 4450.
		"ST 2110-30",
		func(s *sdp.Session) bool {
			return withPTP(s) && s.Stream.Rate == 48000 && s.Stream.PacketTime == aes67.PacketTime1ms && s.Stream.Encoding == aes67.L24
		},
		func(x *text) {
			x.matches("a=mediaclk:", `direct=0`)
			x.matches("a=ts-refclk:", `ptp=IEEE1588-2008:`+identity+`:(?:12[0-7]|1[01]\d|\d?\d)`)
			x.matches("a=source-filter:", ` incl IN IP4 `+ipv4+` `+ipv4)
		},
	},
	{
		// AES67-2018, 7.2 and 8; RFC 7273, 4.7 and 5.4 for a clock of one's own.
		"AES67", always,
		func(x *text) {
			st := &x.session.Stream
			ptime, err := strconv.ParseFloat(x.value("a=ptime:"), 64)
			truth := st.PacketFrames().Duration(st.Rate)
			halfFrame := time.Second / time.Duration(2*int(st.Rate))
			if off := time.Duration(ptime*float64(time.Millisecond)) - truth; err != nil || off.Abs() > halfFrame {
				x.fail("ptime %s: %v off, half a frame is %v", x.value("a=ptime:"), off, halfFrame)
			}
			if !withPTP(x.session) {
				x.matches("a=ts-refclk:", `localmac=`+mac)
				x.matches("a=mediaclk:", `sender`)
			}
		},
	},
}

// TestOneTextServesAllFamilies is why there is no announce.profile: the rules
// of all receivers that are known hold at once.
func TestOneTextServesAllFamilies(t *testing.T) {
	counts := map[string]int{}
	judge := func(s sdp.Session) {
		t.Helper()
		raw := s.Text()
		for _, family := range families {
			if !family.suits(&s) {
				continue
			}
			counts[family.family]++
			x := text{raw: raw, lines: strings.Split(strings.TrimSuffix(raw, "\r\n"), "\r\n"), session: &s}
			family.rules(&x)
			if len(x.faults) > 0 {
				t.Errorf("%s: %s\n%s", family.family, strings.Join(x.faults, "; "), raw)
			}
		}
	}
	judge(left)
	judge(right)
	positions := []string{"front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right", "side-left", "side-right"}
	for _, reference := range []sdp.Reference{reference, {Grandmaster: reference.Grandmaster, Domain: 127}, {LocalMAC: [6]byte{0, 0x1B, 0x21, 0x3A, 0x4C, 0x5D}}} {
		for _, rate := range aes67.Rates {
			for _, encoding := range []aes67.Encoding{aes67.L24, aes67.L16} {
				for _, ptime := range []aes67.PacketTime{
					aes67.PacketTime125us, aes67.PacketTime250us, aes67.PacketTime333us, aes67.PacketTime1ms, aes67.PacketTime4ms,
				} {
					for channels := 1; channels <= len(positions); channels++ {
						s := sdp.Session{
							Stream: aes67.Stream{
								Name: "Größe 50% of a/b #2", Channels: positions[:channels], Group: netip.MustParseAddr("239.69.10.248"), Port: 5004,
								TTL: 15, PayloadType: 98, Encoding: encoding, Rate: rate, PacketTime: ptime,
							},
							ID: math.MaxUint32, Version: 1 << 33, Origin: netip.MustParseAddr("192.168.100.100"), Reference: reference,
						}
						if ptime == aes67.PacketTime4ms && rate > 48000 || s.Stream.Validate() != nil {
							continue // not to be configured
						}
						judge(s)
					}
				}
			}
		}
	}
	for _, family := range families {
		if counts[family.family] < 5 {
			t.Errorf("%s: held to %d texts only", family.family, counts[family.family])
		}
	}
}

// The words of AES67-2018, 7.2.1, in the two decimals that devices write.
func TestPacketTimesAreWrittenExactly(t *testing.T) {
	for _, test := range []struct {
		rate aes67.Hz
		want [5]string // 125 µs, 250 µs, 333 µs, 1 ms, 4 ms
	}{
		{44100, [5]string{"0.14", "0.27", "0.36", "1.09", "4.35"}},
		{48000, [5]string{"0.12", "0.25", "0.33", "1", "4"}},
		{88200, [5]string{"0.14", "0.27", "0.36", "1.09", "4.35"}},
		{96000, [5]string{"0.12", "0.25", "0.33", "1", "4"}},
	} {
		for i, ptime := range []aes67.PacketTime{
			aes67.PacketTime125us, aes67.PacketTime250us, aes67.PacketTime333us, aes67.PacketTime1ms, aes67.PacketTime4ms,
		} {
			if got := ptime.Text(test.rate); got != test.want[i] {
				t.Errorf("%v at %d Hz is written %q, want %q", ptime, test.rate, got, test.want[i])
			}
		}
	}
}
