package aes67

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestPacketTimeText(t *testing.T) {
	tests := []struct {
		ptime  PacketTime
		rate   Hz
		frames Frames
		text   string
	}{
		{PacketTime125us, 44100, 6, "0.14"},
		{PacketTime250us, 44100, 12, "0.27"},
		{PacketTime333us, 44100, 16, "0.36"},
		{PacketTime1ms, 44100, 48, "1.09"},
		{PacketTime4ms, 44100, 192, "4.35"},
		{PacketTime125us, 48000, 6, "0.12"},
		{PacketTime250us, 48000, 12, "0.25"},
		{PacketTime333us, 48000, 16, "0.33"},
		{PacketTime1ms, 48000, 48, "1"},
		{PacketTime4ms, 48000, 192, "4"},
		{PacketTime1ms, 88200, 96, "1.09"},
		{PacketTime125us, 96000, 12, "0.12"},
		{PacketTime1ms, 96000, 96, "1"},
	}
	for _, test := range tests {
		t.Run(test.ptime.String()+" at "+strconv.Itoa(int(test.rate)), func(t *testing.T) {
			if got := test.ptime.Frames(test.rate); got != test.frames {
				t.Errorf("Frames = %d, want %d", got, test.frames)
			}
			if got := test.ptime.Text(test.rate); got != test.text {
				t.Errorf("Text = %q, want %q", got, test.text)
			}
			ms, err := strconv.ParseFloat(test.ptime.Text(test.rate), 64)
			if err != nil {
				t.Fatal(err)
			}
			exact := float64(test.frames) * 1000 / float64(test.rate)
			if half := 500 / float64(test.rate); math.Abs(ms-exact) > half {
				t.Errorf("Text is %v ms off, more than half a frame", ms-exact)
			}
		})
	}
}

func TestNamesReadBack(t *testing.T) {
	for _, p := range []PacketTime{PacketTime125us, PacketTime250us, PacketTime333us, PacketTime1ms, PacketTime4ms} {
		if got, err := ParsePacketTime(p.String()); err != nil || got != p {
			t.Errorf("ParsePacketTime(%q) = %v, %v", p, got, err)
		}
	}
	for _, e := range []Encoding{L16, L24} {
		if got, err := ParseEncoding(e.String()); err != nil || got != e {
			t.Errorf("ParseEncoding(%q) = %v, %v", e, got, err)
		}
	}
	for _, bad := range []string{"", "l24", "1 ms", "slave"} {
		if _, err := ParsePacketTime(bad); err == nil {
			t.Errorf("ParsePacketTime(%q) gives no error", bad)
		}
		if _, err := ParseEncoding(bad); err == nil {
			t.Errorf("ParseEncoding(%q) gives no error", bad)
		}
	}
}

func TestClockIdentity(t *testing.T) {
	id := ClockIdentityFromMAC([]byte{0x00, 0x1B, 0x21, 0x3A, 0x4C, 0x5D})
	if got, want := id.String(), "00-1B-21-FF-FE-3A-4C-5D"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	for _, text := range []string{id.String(), strings.ToLower(id.String())} {
		if got, err := ParseClockIdentity(text); err != nil || got != id {
			t.Errorf("ParseClockIdentity(%q) = %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "00-1B", "00-1B-21-FF-FE-3A-4C-5", "00-1B-21-FF-FE-3A-4C-5G", "001B-21-FF-FE-3A-4C-5D-"} {
		if _, err := ParseClockIdentity(bad); err == nil {
			t.Errorf("ParseClockIdentity(%q) gives no error", bad)
		}
	}
	if !ClockIdentityFromMAC(nil).IsZero() {
		t.Error("an interface without a hardware address has an identity")
	}
}

func TestStreamValidate(t *testing.T) {
	good := Stream{
		Name: "left", Channels: []string{"front-left"}, Group: netip.MustParseAddr("239.69.10.1"), Port: 5004,
		TTL: 15, PayloadType: 98, Encoding: L24, Rate: 48000, PacketTime: PacketTime1ms,
	}
	if err := good.Validate(); err != nil {
		t.Fatalf("a usual stream is refused: %v", err)
	}
	if got := good.PayloadBytes(); got != 144 {
		t.Errorf("PayloadBytes = %d, want 144", got)
	}
	tests := []struct {
		name  string
		spoil func(*Stream)
		word  string
	}{
		{"no channel", func(s *Stream) { s.Channels = nil }, "0 channels"},
		{"nine channels", func(s *Stream) { s.Channels = make([]string, 9) }, "9 channels"},
		{"a broadcast", func(s *Stream) { s.Group = netip.MustParseAddr("255.255.255.255") }, "255.255.255.255"},
		{"an IPv6 second group", func(s *Stream) { s.Second = netip.MustParseAddr("ff02::1") }, "second group ff02::1"},
		{"an IPv6 group", func(s *Stream) { s.Group = netip.MustParseAddr("ff02::1") }, "ff02::1"},
		{"no port", func(s *Stream) { s.Port = 0 }, "port 0"},
		{"an odd rate", func(s *Stream) { s.Rate = 22050 }, "22050"},
		{"a static payload type", func(s *Stream) { s.PayloadType = 11 }, "payload type 11"},
		{"a packet over the limit", func(s *Stream) {
			s.Channels, s.Rate = make([]string, 8), 96000
		}, "1440"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good
			test.spoil(&s)
			if err := s.Validate(); err == nil || !strings.Contains(err.Error(), test.word) {
				t.Errorf("Validate = %v, want an error with %q", err, test.word)
			}
		})
	}
}

func TestSendOffset(t *testing.T) {
	if got := SendOffset(48, 48000).Microseconds(); got != 500 {
		t.Errorf("SendOffset at 1 ms = %d µs, want 500", got)
	}
	if got := SendOffset(6, 48000).Microseconds(); got != 250 {
		t.Errorf("SendOffset at 125 µs = %d µs, want 250", got)
	}
}
