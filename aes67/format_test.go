package aes67

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestEveryFormatIsAllowedOrHasANearest goes through all that can be configured.
func TestEveryFormatIsAllowedOrHasANearest(t *testing.T) {
	allowed, refused := 0, 0
	for _, rate := range Rates {
		for _, encoding := range Encodings() {
			for _, packetTime := range PacketTimes() {
				for channels := 1; channels <= MaxChannels; channels++ {
					f := Format{rate, encoding, packetTime, channels}
					stream := Stream{Group: netip.MustParseAddr("239.69.10.1"), Port: 5004, TTL: 15, PayloadType: 98}
					stream.Rate, stream.Encoding, stream.PacketTime = rate, encoding, packetTime
					stream.Channels = make([]string, channels)
					r := f.Check()
					if sent := stream.Validate() == nil; sent != (r == nil) {
						t.Errorf("%+v: the format says %+v, the stream %v", f, r, stream.Validate())
					}
					if r == nil {
						allowed++
						if f.Bytes() > 1440 || packetTime == PacketTime4ms && rate > 48000 {
							t.Errorf("%+v: is allowed with %d bytes", f, f.Bytes())
						}
						continue
					}
					refused++
					n := r.Nearest
					if n.Check() != nil || n.Rate != rate || n.Encoding != encoding || n.Channels != channels || n.PacketTime >= packetTime {
						t.Errorf("%+v: %s: nearest is %+v", f, r.Why, n)
					}
					for _, between := range PacketTimes() { // nothing nearer would do
						g := f
						if g.PacketTime = between; between > n.PacketTime && between < packetTime && g.Check() == nil {
							t.Errorf("%+v: nearest is %v, but %v would do", f, n.PacketTime, between)
						}
					}
					if !strings.Contains(r.Why, fmt.Sprintf("at %d Hz", rate)) {
						t.Errorf("%+v: the reason has no rate: %s", f, r.Why)
					}
				}
			}
		}
	}
	if allowed != 258 || refused != 62 {
		t.Errorf("%d formats are allowed and %d refused, want 258 and 62", allowed, refused)
	}
}

func TestFormatsAreRefusedInWords(t *testing.T) {
	for _, test := range []struct {
		f       Format
		why     string
		nearest PacketTime // 0: there is none
	}{
		{Format{48000, L24, PacketTime1ms, 8}, "", 0},
		{Format{96000, L24, PacketTime1ms, 5}, "", 0},
		{Format{96000, L24, PacketTime1ms, 6}, "6 channels of L24 at 96000 Hz make 1728 bytes a packet: must be at most 1440", PacketTime333us},
		{Format{48000, L24, PacketTime4ms, 3}, "3 channels of L24 at 48000 Hz make 1728 bytes a packet: must be at most 1440", PacketTime1ms},
		{Format{88200, L16, PacketTime4ms, 1}, "packets of 4ms are not defined at 88200 Hz", PacketTime1ms},
		{Format{96000, L24, PacketTime4ms, 8}, "packets of 4ms are not defined at 96000 Hz", PacketTime333us},
		{Format{48000, L24, PacketTime1ms, 9}, "9 channels: must be 1 to 8", 0},
	} {
		r := test.f.Check()
		if r == nil {
			r = &Refusal{}
		}
		if r.Why != test.why || r.Nearest.PacketTime != test.nearest {
			t.Errorf("%+v: %q, nearest %v; want %q, %v", test.f, r.Why, r.Nearest.PacketTime, test.why, test.nearest)
		}
	}
}

func TestWhoTakesAFormat(t *testing.T) {
	for _, test := range []struct {
		f    Format
		want string
	}{
		{Format{48000, L24, PacketTime1ms, 2}, "every"},
		{Format{48000, L16, PacketTime1ms, 2}, "every"},
		{Format{48000, L24, PacketTime125us, 2}, "some"},
		{Format{44100, L16, PacketTime1ms, 2}, "some"},
		{Format{44100, L24, PacketTime1ms, 2}, "outside"},
		{Format{96000, L24, PacketTime1ms, 2}, "some"},
		{Format{96000, L16, PacketTime1ms, 2}, "outside"},
		{Format{88200, L24, PacketTime1ms, 2}, "outside"},
	} {
		if got := test.f.Usual().String(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.f, got, test.want)
		}
	}
}
