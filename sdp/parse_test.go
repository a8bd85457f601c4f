package sdp_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

var addrs = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestParseReadsWhatIsInTheField(t *testing.T) {
	tests := []struct {
		file   string
		want   sdp.Description
		frames aes67.Frames
	}{
		{"dante-older", sdp.Description{
			Name: "AOIP44-serial-1614 : 2", Info: "2 channels: TxChan 0, TxChan 1",
			Origin: sdp.Origin{User: "-", ID: 1423986, Version: 1423994, Addr: ip("169.254.98.63")},
			Group:  ip("239.65.45.154"), Port: 5004, TTL: 32, Payload: 97,
			Encoding: "L24", Rate: 48000, Channels: 2, Ptime: time.Millisecond,
			RefClock: "ptp=IEEE1588-2008:00-1D-C1-FF-FE-12-34-56:0", MediaClk: "direct=2216659908",
		}, 48},
		{"dante-newer", sdp.Description{
			Name:   "Stage-Box : 32",
			Origin: sdp.Origin{User: "-", ID: 18311622000, Version: 18311622019, Addr: ip("192.168.1.61")},
			Group:  ip("239.69.22.10"), Port: 5004, TTL: 32, Payload: 97,
			Encoding: "L24", Rate: 48000, Channels: 2, Ptime: time.Millisecond,
			RefClock: "ptp=IEEE1588-2008:00-1D-C1-FF-FE-51-9E-F7:0", MediaClk: "direct=0",
		}, 48},
		{"anubis", sdp.Description{
			Name:   "Anubis_610120_13",
			Origin: sdp.Origin{User: "-", ID: 13, Version: 0, Addr: ip("192.168.15.52")},
			Group:  ip("239.1.15.52"), Port: 5004, TTL: 15, Payload: 98,
			Encoding: "L24", Rate: 48000, Channels: 2, Ptime: time.Millisecond, Frames: 48,
			RefClock: "ptp=IEEE1588-2008:30-D6-59-FF-FE-01-DB-72:0", MediaClk: "direct=0",
		}, 48},
		{"lawo", sdp.Description{
			Name:   "Core 4 MADI",
			Origin: sdp.Origin{User: "-", ID: 1311738121, Version: 1311738121, Addr: ip("10.10.10.3")},
			Group:  ip("239.3.8.1"), Port: 5004, TTL: 31, Second: netip.MustParseAddrPort("239.4.8.2:5004"), Payload: 98,
			Encoding: "L24", Rate: 48000, Channels: 8, Ptime: 120 * time.Microsecond, Frames: 6,
			RefClock: "ptp=IEEE1588-2008:00-0B-72-FF-FE-07-DC-FC:0", MediaClk: "direct=1423",
		}, 6},
		{"daemon", sdp.Description{
			Name:   "AES67 daemon d9aca383 ALSA Source 0",
			Origin: sdp.Origin{User: "-", ID: 1, Version: 3950412801, Addr: ip("192.168.1.20")},
			Group:  ip("239.1.0.1"), Port: 5004, TTL: 15, Payload: 98,
			Encoding: "L16", Rate: 44100, Channels: 2, Ptime: 1088435, Frames: 48,
			RefClock: "ptp=IEEE1588-2008:00-10-4B-FF-FE-7A-87-FC:0", MediaClk: "direct=0",
		}, 48},
		{"pipewire-1.4.2", sdp.Description{
			Name: "PipeWire peer", Info: "2 channels: AUX1, AUX2",
			Origin: sdp.Origin{User: "root", Addr: ip("10.67.0.2")},
			Group:  ip("239.69.9.9"), Port: 5004, TTL: 15, Payload: 127,
			Encoding: "L24", Rate: 48000, Channels: 2, Ptime: time.Millisecond, Frames: 48,
			RefClock: "ptp=traceable", MediaClk: "direct=0",
		}, 48},
		{"pipewire-without-time", sdp.Description{
			Name: "PipeWire peer", Info: "2 channels: FL, FR",
			Origin: sdp.Origin{User: "user", ID: 3950413011, Version: 0, Addr: ip("10.67.0.2")},
			Group:  ip("239.69.9.9"), Port: 5004, TTL: 15, Payload: 127,
			Encoding: "L24", Rate: 48000, Channels: 2, Ptime: time.Millisecond, Frames: 48,
			RefClock: "ptp=traceable", MediaClk: "direct=0",
		}, 48},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			got, err := sdp.Parse([]byte(golden(t, filepath.Join("foreign", test.file+".sdp"))))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, test.want, addrs); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
			if got.PacketFrames() != test.frames {
				t.Errorf("frames a packet: %d, want %d", got.PacketFrames(), test.frames)
			}
		})
	}
}

// short is the least that Parse takes; the tests below change it.
const short = "v=0\no=- 1 2 IN IP4 10.0.0.1\ns=x\nc=IN IP4 239.1.2.3/8\nt=0 0\nm=audio 5004 RTP/AVP 96\na=rtpmap:96 L24/48000/2"

func TestParseTakes(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // replaced in short
		want     func(d *sdp.Description)
	}{
		{"the least there can be", "", "", func(*sdp.Description) {}},
		{"a user name with spaces", "o=-", "o=Dante  Device 3", func(d *sdp.Description) { d.Origin.User = "Dante Device 3" }},
		{"an origin that names a host", "IP4 10.0.0.1", "IP4 studio.local", func(d *sdp.Description) { d.Origin.Addr = netip.Addr{} }},
		{"an IPv6 group", "IP4 239.1.2.3/8", "IP6 ff15::7/2", func(d *sdp.Description) { d.Group, d.TTL = ip("ff15::7"), 0 }},
		{"no TTL", "/8", "", func(d *sdp.Description) { d.TTL = 0 }},
		{"a count behind the TTL", "/8", "/8/2", func(*sdp.Description) {}},
		{"a count behind the port", "5004", "5004/2", func(*sdp.Description) {}},
		{"no channel count", "/48000/2", "/48000", func(d *sdp.Description) { d.Channels = 1 }},
		{
			"a static payload type", "AVP 96\na=rtpmap:96 L24/48000/2", "AVP 11",
			func(d *sdp.Description) { d.Payload, d.Encoding, d.Rate, d.Channels = 11, "L16", 44100, 1 },
		},
		{
			"an rtpmap of another payload type is not ours", "rtpmap:96", "rtpmap:97",
			func(d *sdp.Description) { d.Encoding, d.Rate, d.Channels = "", 0, 0 },
		},
		{"video before the audio", "m=audio", "m=video 1 RTP/AVP 33\na=ptime:7\nc=IN IP4 1.2.3.4\nm=audio", func(d *sdp.Description) {
			d.Others[0] = netip.MustParseAddrPort("1.2.3.4:1")
		}},
		{"empty lines, rubbish and a NUL", "t=0 0", "\n\r\nrubbish\n=\n\x00", func(*sdp.Description) {}},
		{
			"a clock of the session alone", "t=0 0", "a=ts-refclk:local\na=mediaclk:sender",
			func(d *sdp.Description) { d.RefClock, d.MediaClk = "local", "sender" },
		},
		{"a frame count that is a range", "/2", "/2\na=framecount:64-192", func(*sdp.Description) {}},
		{"a packet time that is no number", "/2", "/2\na=ptime:NaN\na=ptime:1e300\na=ptime:-1", func(*sdp.Description) {}},
		{"a negative session version", "- 1 2", "- 1 -2", func(d *sdp.Description) { d.Origin.Version = odd("-2") }},
		{"a session id of twenty digits", "- 1 2", "- 19624187939614271962 2", func(d *sdp.Description) { d.Origin.ID = odd("19624187939614271962") }},
		{"fractions", "- 1 2", "- 1698210484.87 1698210484.88", func(d *sdp.Description) {
			d.Origin.ID, d.Origin.Version = odd("1698210484.87"), odd("1698210484.88")
		}},
		{"an origin cut short", " IN IP4 10.0.0.1\ns", "\ns", func(d *sdp.Description) { d.Origin = sdp.Origin{User: "- 1 2"} }},
		{"no origin", "o=- 1 2 IN IP4 10.0.0.1\n", "", func(d *sdp.Description) { d.Origin = sdp.Origin{} }},
		{"a session's address that is none", "t=0 0", "c=IN IP4 group.example", func(*sdp.Description) {}},
		{"a port out of range", "5004", "65536", func(d *sdp.Description) { d.Port = 0 }},
		{"a payload type out of range", "AVP 96", "AVP 128", func(d *sdp.Description) { d.Payload, d.Encoding, d.Rate, d.Channels = 0, "", 0, 0 }},
		{"another transport", "RTP/AVP", "udp", func(*sdp.Description) {}},
		{"an encoding in small letters", "L24", "l24", func(*sdp.Description) {}},
		{
			"both legs", "/48000/2", "/48000/2\nm=audio 5006 RTP/AVP 96\nc=IN IP4 239.2.2.3/8\na=rtpmap:96 L16/44100/1\nm=audio 5008 RTP/AVP 96\nc=IN IP4 239.3.2.3/8",
			func(d *sdp.Description) {
				d.Second, d.Others[0] = netip.MustParseAddrPort("239.2.2.3:5006"), netip.MustParseAddrPort("239.3.2.3:5008")
			},
		},
		{
			"a leg behind a video", "/48000/2", "/48000/2\nm=video 5006 RTP/AVP 33\nc=IN IP4 239.9.9.9/8\nm=audio 5006 RTP/AVP 96\nc=IN IP4 239.2.2.3/8",
			func(d *sdp.Description) {
				d.Second, d.Others[0] = netip.MustParseAddrPort("239.2.2.3:5006"), netip.MustParseAddrPort("239.9.9.9:5006")
			},
		},
		{
			"streams that have the session's group", "/48000/2", "/48000/2\nm=audio 5006 RTP/AVP 96\nm=application 5008 RTP/AVP 100",
			func(d *sdp.Description) {
				d.Second, d.Others[0] = netip.MustParseAddrPort("239.1.2.3:5006"), netip.MustParseAddrPort("239.1.2.3:5008")
			},
		},
		{"a stream told again and again", "/48000/2", "/48000/2" + strings.Repeat("\nm=video 5006 RTP/AVP 33\nc=IN IP4 239.9.9.9/8", 30), func(d *sdp.Description) {
			d.Others[0] = netip.MustParseAddrPort("239.9.9.9:5006")
		}},
		{
			"a first leg whose address is none", "c=IN IP4 239.1.2.3/8\nt=0 0\nm=audio 5004 RTP/AVP 96\na=rtpmap:96 L24/48000/2",
			"m=audio 5004 RTP/AVP 96\nc=IN IP4 group.example\na=rtpmap:96 L24/48000/2\nm=audio 5006 RTP/AVP 96\nc=IN IP4 239.2.2.3/16",
			func(d *sdp.Description) { d.Group, d.Port, d.TTL = ip("239.2.2.3"), 5006, 16 },
		},
		{"no audio", "m=audio", "a=ts-refclk:local\nm=video", func(d *sdp.Description) { *d = bare(d); d.RefClock = "local" }},
		{"audio without a group, video with one", "c=IN IP4 239.1.2.3/8\nt=0 0", "m=video 5006 RTP/AVP 33\nc=IN IP4 239.2.2.3/16", func(d *sdp.Description) {
			*d = bare(d)
			d.Group, d.Port, d.TTL = ip("239.2.2.3"), 5006, 16
		}},
		{"no medium", "m=audio 5004 RTP/AVP 96\na=rtpmap:96 L24/48000/2", "", func(d *sdp.Description) { *d = bare(d); d.Port = 0 }},
		{"another version", "v=0", "v=1", func(*sdp.Description) {}},
		{"no version", "v=0\n", "", func(*sdp.Description) {}},
		{"control characters in the name", "s=x", "s=a\x1b]0;b\x07\xff\xfec", func(d *sdp.Description) { d.Name = "a ]0;b c" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := sdp.Description{
				Name: "x", Origin: sdp.Origin{User: "-", ID: 1, Version: 2, Addr: ip("10.0.0.1")},
				Group: ip("239.1.2.3"), Port: 5004, TTL: 8, Payload: 96, Encoding: "L24", Rate: 48000, Channels: 2,
			}
			test.want(&want)
			text := strings.Replace(short, test.old, test.new, 1)
			if strings.Contains(test.new, "\x00") { // what follows the NUL must not be missed
				text = strings.Replace(short, test.old, strings.TrimSuffix(test.new, "\x00"), 1) + "\n\x00m=audio rubbish"
			}
			for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"} {
				got, err := sdp.Parse([]byte(text))
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if diff := cmp.Diff(got, want, addrs); diff != "" {
					t.Errorf("-got +want:\n%s", diff)
				}
			}
		})
	}
}

// bare is what is told of a session that carries no audio.
func bare(d *sdp.Description) sdp.Description {
	return sdp.Description{Name: d.Name, Origin: d.Origin, Group: d.Group, Port: d.Port, TTL: d.TTL}
}

// TestLegsAreAllGroupsOfASession: one that carries no audio, too, and no more of them
// than are kept.
func TestLegsAreAllGroupsOfASession(t *testing.T) {
	text := short + "\nm=audio 5004 RTP/AVP 96\nc=IN IP4 239.2.2.3/8\nm=video 5006 RTP/AVP 33\nc=IN IP4 239.1.2.3/8\n"
	want := []string{"239.1.2.3:5004 L24", "239.2.2.3:5004 L24", "239.1.2.3:5006 "}
	for i := range 30 {
		text += fmt.Sprintf("m=video 5006 RTP/AVP 33\nc=IN IP4 239.9.9.%d/8\n", i)
		want = append(want, fmt.Sprintf("239.9.9.%d:5006 ", i))
	}
	d, err := sdp.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, leg := range d.Legs() {
		got = append(got, fmt.Sprintf("%v:%d %s", leg.Group, leg.Port, leg.Encoding))
		if leg.Name != d.Name || leg.Origin != d.Origin {
			t.Errorf("a leg of %q, %+v", leg.Name, leg.Origin)
		}
	}
	if diff := cmp.Diff(got, want[:2+len(d.Others)]); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

// odd is what stands for a session id or version that is no number of 64 bits.
func odd(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"what is no description", short, "<html>\n<p class=x>\n", "no c= line"},
		{"no address", "c=IN IP4 239.1.2.3/8\n", "", "no c= line"},
		{"an address that is none", "239.1.2.3", "group.example", "not an IP address"},
		{"an address with a zone", "239.1.2.3", "fe80::1%" + strings.Repeat("z", 99), "not an IP address"},
		{"a text of any length", "s=x", "s=" + strings.Repeat("x", sdp.MaxText), "more than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := sdp.Parse([]byte(strings.Replace(short, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %+v, %v; want an error with %q", d, err, test.want)
			}
			if len(err.Error()) > 512 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestParseOriginOfADeletion(t *testing.T) {
	want := sdp.Origin{User: "-", ID: 1, Version: 2, Addr: ip("10.0.0.1")}
	for _, text := range []string{"o=- 1 2 IN IP4 10.0.0.1\r\n", "o=- 1 2 IN IP4 10.0.0.1", short} {
		if got, ok := sdp.ParseOrigin([]byte(text)); !ok || got != want {
			t.Errorf("%q: got %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "o=", "o=- x", "v=0\ns=x", strings.Repeat("\n", sdp.MaxText+1)} {
		if got, ok := sdp.ParseOrigin([]byte(text)); ok {
			t.Errorf("%.20q: got %+v, want none", text, got)
		}
	}
}

func TestOriginsOfOneSessionDifferInTheVersionAlone(t *testing.T) {
	o := sdp.Origin{User: "-", ID: 1, Version: 2, Addr: ip("10.0.0.1")}
	newer, other, elsewhere := o, o, o
	newer.Version, other.ID, elsewhere.Addr = 3, 2, ip("10.0.0.2")
	if !o.Same(newer) || o.Same(other) || o.Same(elsewhere) {
		t.Errorf("Same: got %v %v %v, want true false false", o.Same(newer), o.Same(other), o.Same(elsewhere))
	}
}

var (
	positions   = []string{"mono", "front-left", "front-right", "front-center", "lfe", "rear-left", "side-right", "aux0", "aux31"}
	packetTimes = aes67.PacketTimes()
)

// arbitrary makes a valid session of any kind.
func arbitrary(seed uint64) sdp.Session {
	r := rand.New(rand.NewPCG(seed, 1))
	name := make([]rune, r.IntN(90))
	for i := range name {
		name[i] = []rune("aZ 09-:,/\"'%äß日本🔈\r\n\x00\x7f\u202e")[r.IntN(22)]
	}
	s := sdp.Session{
		Stream: aes67.Stream{
			Name:     string(name),
			Channels: make([]string, 1+r.IntN(aes67.MaxChannels)),
			Group:    netip.AddrFrom4([4]byte{239, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}),
			Port:     uint16(1 + r.IntN(65535)), TTL: uint8(r.IntN(256)), PayloadType: uint8(96 + r.IntN(32)),
			Encoding: aes67.Encoding(r.IntN(2)), Rate: aes67.Rates[r.IntN(len(aes67.Rates))], PacketTime: packetTimes[r.IntN(len(packetTimes))],
		},
		ID: uint64(r.Uint32()), Version: r.Uint64(), Origin: netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}),
	}
	for i := range s.Stream.Channels {
		s.Stream.Channels[i] = positions[r.IntN(len(positions))]
	}
	if s.Reference.LocalMAC = [6]byte{byte(r.Uint32()), 1, 2, 3, 4, 5}; r.IntN(3) > 0 {
		s.Reference = sdp.Reference{Grandmaster: aes67.ClockIdentity{byte(r.Uint32()), 1, 2, 3, 4, 5, 6, 7}, Domain: uint8(r.IntN(128))}
	}
	return s
}

// facts is the description of a session, made without its text.
func facts(s sdp.Session) sdp.Description {
	st := &s.Stream
	mediaClk := "direct=0"
	if s.Reference.Grandmaster.IsZero() {
		mediaClk = "sender"
	}
	var ms float64
	_, _ = fmt.Sscan(st.PacketTime.Text(st.Rate), &ms)
	return sdp.Description{
		Name: sdp.CleanName(st.Name), Origin: sdp.Origin{User: sdp.User, ID: s.ID, Version: s.Version, Addr: s.Origin},
		Info:  fmt.Sprintf("%d channels: %s", len(st.Channels), strings.Join(sdp.Labels(st.Channels), ", ")),
		Group: st.Group, Port: st.Port, TTL: st.TTL, Payload: st.PayloadType,
		Encoding: st.Encoding.String(), Rate: st.Rate, Channels: len(st.Channels),
		Ptime: time.Duration(ms*1e6 + 0.5), Frames: st.PacketFrames(),
		RefClock: s.Reference.String(), MediaClk: mediaClk,
	}
}

func TestParseGivesBackWhatTextSays(t *testing.T) {
	for seed := range uint64(2000) {
		s := arbitrary(seed)
		got, err := sdp.Parse([]byte(s.Text()))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, s.Text())
		}
		if diff := cmp.Diff(got, facts(s), addrs); diff != "" {
			t.Fatalf("seed %d: -got +want:\n%s", seed, diff)
		}
		frames := got.Frames
		if got.Frames = 0; got.PacketFrames() != frames {
			t.Fatalf("seed %d: ptime %v alone gives %d frames, want %d", seed, got.Ptime, got.PacketFrames(), frames)
		}
		if !got.IsPCM() {
			t.Fatalf("seed %d: %s is not PCM", seed, got.Encoding)
		}
	}
}

func TestTextsAreOneDatagramAndOneLineALine(t *testing.T) {
	for seed := range uint64(2000) {
		text := arbitrary(seed).Text()
		if len(text) > 1024 || !utf8.ValidString(text) {
			t.Fatalf("seed %d: %d bytes, valid UTF-8 %v:\n%s", seed, len(text), utf8.ValidString(text), text)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
			if len(line) < 3 || line[1] != '=' || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("seed %d: line %q", seed, line)
			}
		}
	}
}

// FuzzParse: whatever the text, what is read is bounded and printable, and a
// description that we could have written says the same when we write it.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatalf("seeds: %v, %v", files, err)
	}
	for _, file := range append(files, "testdata/left.sdp", "testdata/right.sdp") {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(short))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := sdp.Parse(text)
		if err != nil {
			return
		}
		for _, s := range []string{d.Name, d.Origin.User, d.Info, d.Encoding, d.RefClock, d.MediaClk} {
			if len(s) > 255 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) || !utf8.ValidString(s) {
				t.Fatalf("kept %q", s)
			}
		}
		if legs := d.Legs(); !d.Group.IsValid() || len(legs) > 2+len(d.Others) {
			t.Fatalf("%d legs, the first to %v", len(legs), d.Group)
		}
		if o, ok := sdp.ParseOrigin(text); ok && o != d.Origin {
			t.Fatalf("ParseOrigin: %+v, %v; Parse: %+v", o, ok, d.Origin)
		}
		encoding, err := aes67.ParseEncoding(d.Encoding)
		if err != nil || !d.Group.Is4() || !d.Group.IsMulticast() || !d.Origin.Addr.Is4() || d.Channels > aes67.MaxChannels {
			return
		}
		s := sdp.Session{
			Stream: aes67.Stream{
				Name: d.Name, Channels: make([]string, d.Channels), Group: d.Group, Port: d.Port, TTL: d.TTL,
				PayloadType: d.Payload, Encoding: encoding, Rate: d.Rate, PacketTime: aes67.PacketTime1ms,
			},
			ID: d.Origin.ID, Version: d.Origin.Version, Origin: d.Origin.Addr,
		}
		e, err := sdp.Parse([]byte(s.Text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, s.Text())
		}
		if e.Name != sdp.CleanName(d.Name) || e.Origin.ID != d.Origin.ID || e.Origin.Version != d.Origin.Version || e.Group != d.Group ||
			e.Port != d.Port || e.TTL != d.TTL || e.Encoding != d.Encoding || e.Rate != d.Rate || e.Channels != d.Channels {
			t.Fatalf("read %+v, wrote, read %+v", d, e)
		}
	})
}
