package sap

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// worked are the two sessions of the worked examples of package sdp.
func worked() (left, right sdp.Session) {
	left = sdp.Session{
		Stream: aes67.Stream{
			Name: "studio-pc AES67 Speakers Left", Channels: []string{"front-left"},
			Group: ip("239.69.10.1"), Port: 5004, TTL: 32, PayloadType: 97,
			Encoding: aes67.L24, Rate: 48000, PacketTime: aes67.PacketTime1ms,
		},
		ID: 3950412801, Version: 3950412805, Origin: ip("192.168.10.1"),
		Reference: sdp.Reference{Grandmaster: aes67.ClockIdentity{0x00, 0x1B, 0x21, 0xFF, 0xFE, 0x3A, 0x4C, 0x5D}},
	}
	right = left
	right.Stream.Name, right.Stream.Channels, right.Stream.First = "studio-pc AES67 Speakers Right", []string{"front-right"}, 1
	right.Stream.Group, right.Stream.Rate = ip("239.69.10.2"), 96000
	right.ID, right.Version = 3950412802, 3950412802
	return left, right
}

func TestHashesOfTheWorkedExamples(t *testing.T) {
	left, right := worked()
	if got := Hash(left.Text()); got != 0x5B1C {
		t.Errorf("left: got %#04x, want 0x5b1c", got)
	}
	if got := Hash(right.Text()); got != 0x7969 {
		t.Errorf("right: got %#04x, want 0x7969", got)
	}
	if got := Hash("123456789"); got != 0x29B1 { // the catalogued check value of this CRC
		t.Errorf("check value: got %#04x, want 0x29b1", got)
	}
}

func TestHashIsNeverZero(t *testing.T) {
	// The CRC of a text with its own CRC behind it is 0.
	if got := Hash("123456789\x29\xb1"); got != 1 {
		t.Errorf("got %#04x, want 1", got)
	}
}

func TestAppendIsTheWorkedExample(t *testing.T) {
	left, _ := worked()
	p := Packet{Hash: Hash(left.Text()), Origin: left.Origin, Payload: []byte(left.Text())}
	head := "20005b1cc0a80a01" + hex.EncodeToString([]byte("application/sdp\x00v=0\r\n"))
	if got := hex.EncodeToString(p.Append(nil)); !strings.HasPrefix(got, head) {
		t.Errorf("got %.64s, want it to begin %s", got, head)
	}
	p.Delete = true
	if got := p.Append([]byte{9}); got[0] != 9 || got[1] != 0x24 {
		t.Errorf("a deletion begins % x, want 24 behind what was there", got[:2])
	}
	p.Origin = ip("fe80::1")
	if got := p.Append(nil); got[0] != 0x34 {
		t.Errorf("an IPv6 deletion begins %#x, want 0x34", got[0])
	}
}

func TestDecode(t *testing.T) {
	const kind = "application/sdp\x00"
	tests := []struct {
		name string
		raw  string
		want Packet
	}{
		{"an announcement", "\x20\x00\x12\x34\x0a\x00\x00\x01" + kind + "v=0", Packet{false, 0x1234, ip("10.0.0.1"), []byte("v=0")}},
		{"a deletion", "\x24\x00\x12\x34\x0a\x00\x00\x01" + kind + "o=x", Packet{true, 0x1234, ip("10.0.0.1"), []byte("o=x")}},
		{"IPv6", "\x30\x00\x12\x34\xfe\x80" + strings.Repeat("\x00", 13) + "\x01" + kind + "v=0", Packet{false, 0x1234, ip("fe80::1"), []byte("v=0")}},
		{"authentication data is skipped", "\x20\x02\x12\x34\x0a\x00\x00\x01v=0o=bad" + kind + "v=0", Packet{false, 0x1234, ip("10.0.0.1"), []byte("v=0")}},
		{"no payload type", "\x20\x00\x12\x34\x0a\x00\x00\x01v=0\r\n", Packet{false, 0x1234, ip("10.0.0.1"), []byte("v=0\r\n")}},
		{"no payload type, the o= line alone", "\x24\x00\x12\x34\x0a\x00\x00\x01o=x", Packet{true, 0x1234, ip("10.0.0.1"), []byte("o=x")}},
		{"no payload type, and another line first", "\x20\x00\x12\x34\x0a\x00\x00\x01s=x", Packet{false, 0x1234, ip("10.0.0.1"), []byte("s=x")}},
		{"a payload type in capitals", "\x20\x00\x12\x34\x0a\x00\x00\x01Application/SDP\x00v=0", Packet{false, 0x1234, ip("10.0.0.1"), []byte("v=0")}},
		{"no payload at all", "\x24\x00\x12\x34\x0a\x00\x00\x01" + kind, Packet{true, 0x1234, ip("10.0.0.1"), nil}},
		{"the reserved bit is ignored", "\x28\x00\x12\x34\x0a\x00\x00\x01" + kind + "v=0", Packet{false, 0x1234, ip("10.0.0.1"), []byte("v=0")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := Decode([]byte(test.raw)); err != nil || !equal(got, test.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, test.want)
			}
		})
	}
}

func equal(a, b Packet) bool {
	return a.Delete == b.Delete && a.Hash == b.Hash && a.Origin == b.Origin && bytes.Equal(a.Payload, b.Payload)
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"nothing", "", "shorter than a header"},
		{"half a header", "\x20\x00\x12\x34", "shorter than a header"},
		{"another version", "\x40\x00\x12\x34\x0a\x00\x00\x01v=0", "version 2"},
		{"encryption", "\x22\x00\x12\x34\x0a\x00\x00\x01v=0", "encrypted"},
		{"compression", "\x21\x00\x12\x34\x0a\x00\x00\x01v=0", "compressed"},
		{"an IPv6 origin cut short", "\x30\x00\x12\x34\xfe\x80\x00\x00\x00", "cut short"},
		{"authentication data cut short", "\x20\xff\x12\x34\x0a\x00\x00\x01v=0", "cut short"},
		{"another payload type", "\x20\x00\x12\x34\x0a\x00\x00\x01text/plain\x00v=0", "not application/sdp"},
		{"a payload type without end", "\x20\x00\x12\x34\x0a\x00\x00\x01application/sdp", "not application/sdp"},
		{"more than any receiver takes", "\x20\x00\x12\x34\x0a\x00\x00\x01v=0" + strings.Repeat("x", MaxPacket), "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := Decode([]byte(test.raw)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, %v; want an error with %q", got, err, test.want)
			}
		})
	}
}

// seeds are packets as the families in the field make them.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob("../sdp/testdata/foreign/*.sdp")
	if err != nil || len(files) == 0 {
		f.Fatalf("seeds: %v, %v", files, err)
	}
	left, right := worked()
	texts := []string{left.Text(), right.Text()}
	read := func(file string) []byte {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	for _, file := range files {
		texts = append(texts, string(read(file)))
	}
	var out [][]byte
	for i, text := range texts {
		p := Packet{Hash: Hash(text), Origin: ip("192.168.10.1"), Payload: []byte(text), Delete: i%2 == 1}
		out = append(out, p.Append(nil))
	}
	return append(out, read("testdata/pipewire-1.4.2.sap"),
		Packet{Hash: 7, Origin: ip("fe80::1"), Payload: []byte(texts[0])}.Append(nil),
		append([]byte("\x20\x01\x5b\x1c\xc0\xa8\x0a\x01AUTHv=0\r\n"), texts[0][5:]...),
	)
}

// FuzzDecode: what is read and written again reads the same.
func FuzzDecode(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		again := p.Append(nil)
		if len(again) > MaxPacket {
			return // it came without its payload type
		}
		if q, err := Decode(again); err != nil || !equal(q, p) {
			t.Fatalf("decode(append(p)) = %+v, %v; want %+v", q, err, p)
		}
	})
}
