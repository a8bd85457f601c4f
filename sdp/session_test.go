package sdp_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pion "github.com/pion/sdp/v3"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// left and right are the two worked examples that the goldens hold.
var (
	reference = sdp.Reference{Grandmaster: aes67.ClockIdentity{0x00, 0x1B, 0x21, 0xFF, 0xFE, 0x3A, 0x4C, 0x5D}}
	left      = sdp.Session{
		Stream: aes67.Stream{
			Name: "studio-pc AES67 Speakers Left", Channels: []string{"front-left"},
			Group: netip.MustParseAddr("239.69.10.1"), Port: 5004, TTL: 32, PayloadType: 97,
			Encoding: aes67.L24, Rate: 48000, PacketTime: aes67.PacketTime1ms,
		},
		ID: 3950412801, Version: 3950412805, Origin: netip.MustParseAddr("192.168.10.1"), Reference: reference,
	}
	right = sdp.Session{
		Stream: aes67.Stream{
			Name: "studio-pc AES67 Speakers Right", Channels: []string{"front-right"}, First: 1,
			Group: netip.MustParseAddr("239.69.10.2"), Port: 5004, TTL: 32, PayloadType: 97,
			Encoding: aes67.L24, Rate: 96000, PacketTime: aes67.PacketTime1ms,
		},
		ID: 3950412802, Version: 3950412802, Origin: netip.MustParseAddr("192.168.10.1"), Reference: reference,
	}
)

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTextIsTheWorkedExamples(t *testing.T) {
	for name, s := range map[string]sdp.Session{"left.sdp": left, "right.sdp": right} {
		if diff := cmp.Diff(s.Text(), golden(t, name)); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestTextOf(t *testing.T) {
	change := func(f func(s *sdp.Session)) sdp.Session {
		s := left
		f(&s)
		return s
	}
	tests := []struct {
		name    string
		session sdp.Session
		want    []string // lines that are there
		not     []string // beginnings of lines that are not
	}{
		{
			"all channels in one session",
			change(func(s *sdp.Session) { s.Stream.Channels = []string{"front-left", "front-right", "lfe"} }),
			[]string{"i=3 channels: Left, Right, LFE", "a=rtpmap:97 L24/48000/3"},
			nil,
		},
		{
			"44.1 kHz tells the true packet time",
			change(func(s *sdp.Session) { s.Stream.Rate, s.Stream.Encoding = 44100, aes67.L16 }),
			[]string{"a=rtpmap:97 L16/44100/1", "a=framecount:48", "a=ptime:1.09"},
			nil,
		},
		{
			"short packets",
			change(func(s *sdp.Session) {
				s.Stream.PacketTime, s.Stream.PayloadType, s.Stream.TTL = aes67.PacketTime125us, 98, 15
			}),
			[]string{"m=audio 5004 RTP/AVP 98", "a=framecount:6", "a=ptime:0.12", "c=IN IP4 239.69.10.1/15"},
			nil,
		},
		{
			"another domain",
			change(func(s *sdp.Session) { s.Reference.Domain = 127 }),
			[]string{"a=clock-domain:PTPv2 127", "a=ts-refclk:ptp=IEEE1588-2008:00-1B-21-FF-FE-3A-4C-5D:127"},
			nil,
		},
		{
			"no PTP: the sender's own clock, nothing that promises more",
			change(func(s *sdp.Session) {
				s.Reference = sdp.Reference{LocalMAC: [6]byte{0, 0x1B, 0x21, 0x3A, 0x4C, 0x5D}}
			}),
			[]string{"a=ts-refclk:localmac=00-1B-21-3A-4C-5D", "a=mediaclk:sender"},
			[]string{"a=clock-domain", "a=sync-time", "a=mediaclk:direct"},
		},
		{
			"a name that would break lines is made one line",
			change(func(s *sdp.Session) { s.Stream.Name = "evil\r\na=recvonly\x00\x1b[31m\u2028name " }),
			[]string{"s=evil a=recvonly [31m name"},
			nil,
		},
		{
			"to one receiver: no TTL, and nothing to filter",
			change(func(s *sdp.Session) { s.Stream.Group = netip.MustParseAddr("192.168.10.7") }),
			[]string{"c=IN IP4 192.168.10.7", "a=recvonly"},
			[]string{"a=source-filter", "c=IN IP4 192.168.10.7/"},
		},
		{
			"a second group alone is no leg: nobody knows whence its packets come",
			change(func(s *sdp.Session) { s.Stream.Second = netip.MustParseAddr("239.69.10.9") }),
			[]string{"c=IN IP4 239.69.10.1/32"},
			[]string{"a=group", "a=mid", "c=IN IP4 239.69.10.9"},
		},
		{
			"no name at all",
			change(func(s *sdp.Session) { s.Stream.Name = "\t\r\n" }),
			[]string{"s=-"},
			nil,
		},
		{
			"a channel name that would break the list",
			change(func(s *sdp.Session) { s.Stream.Channels = []string{"a,\nb"} }),
			[]string{"i=1 channels: A B"},
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSuffix(test.session.Text(), "\r\n"), "\r\n")
			for _, want := range test.want {
				if !contains(lines, func(l string) bool { return l == want }) {
					t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
				}
			}
			for _, not := range test.not {
				if contains(lines, func(l string) bool { return strings.HasPrefix(l, not) }) {
					t.Errorf("a line begins %q in\n%s", not, strings.Join(lines, "\n"))
				}
			}
		})
	}
}

func contains(lines []string, is func(string) bool) bool {
	for _, line := range lines {
		if is(line) {
			return true
		}
	}
	return false
}

func TestTextIsReadByAnotherParser(t *testing.T) {
	for seed := range uint64(200) {
		s := arbitrary(seed)
		var d pion.SessionDescription
		if err := d.UnmarshalString(s.Text()); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, s.Text())
		}
		m := d.MediaDescriptions[0]
		rtpmap, _ := m.Attribute("rtpmap")
		if _, fields, _ := strings.Cut(rtpmap, " "); !strings.HasPrefix(fields, s.Stream.Encoding.String()+"/") {
			t.Errorf("seed %d: rtpmap %q: want %v", seed, rtpmap, s.Stream.Encoding)
		}
		if got := d.Origin.SessionID; got != s.ID {
			t.Errorf("seed %d: id %d, want %d", seed, got, s.ID)
		}
		if got, want := m.ConnectionInformation.Address.Address, s.Stream.Group.String(); !strings.HasPrefix(got, want) {
			t.Errorf("seed %d: address %q, want %q", seed, got, want)
		}
		if got := m.MediaName.Port.Value; got != int(s.Stream.Port) {
			t.Errorf("seed %d: port %d, want %d", seed, got, s.Stream.Port)
		}
	}
}

// TestTwoLegsAreDescribedAsDuplicates holds the text to RFC 7104, 4.2: the legs are
// alike but for where they go and whence they come.
func TestTwoLegsAreDescribedAsDuplicates(t *testing.T) {
	s := left
	s.Stream.Second, s.Second = netip.MustParseAddr("239.69.10.9"), netip.MustParseAddr("192.168.20.1")
	if diff := cmp.Diff(s.Text(), golden(t, "redundant.sdp")); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	var d pion.SessionDescription
	if err := d.UnmarshalString(s.Text()); err != nil || len(d.MediaDescriptions) != 2 {
		t.Fatalf("pion reads %d media: %v", len(d.MediaDescriptions), err)
	}
	own, err := sdp.Parse([]byte(s.Text()))
	if legs := own.Legs(); err != nil || len(legs) != 2 || legs[0].Group != s.Stream.Group || legs[1].Group != s.Stream.Second {
		t.Errorf("read back: %+v, %v", legs, err)
	}
}
