package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

var (
	linuxMaster   = PortIdentity{Clock: aes67.ClockIdentity{0x9A, 0x60, 0x69, 0xFF, 0xFE, 0xF3, 0x3E, 0x1B}, Port: 1}
	linuxFollower = PortIdentity{Clock: aes67.ClockIdentity{0xF2, 0xC4, 0x07, 0xFF, 0xFE, 0x84, 0xBF, 0xD4}, Port: 1}
)

func TestDecodeReadsCapturedMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		want Message
	}{
		{"announce", Message{
			Kind: KindAnnounce, Source: linuxMaster, LogInterval: 0,
			Properties: Properties{
				Priority1: 128, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128,
				Identity: linuxMaster.Clock, UTCOffset: 37, TimeSource: 0xA0,
			},
		}},
		{"sync", Message{Kind: KindSync, Flags: FlagTwoStep, Source: linuxMaster, LogInterval: -3}},
		{"follow_up", Message{
			Kind: KindFollowUp, Source: linuxMaster, LogInterval: -3,
			Time: 1_795_381_573*aes67.PTPTime(time.Second) + 567_529_440,
		}},
		{"delay_req", Message{Kind: KindDelayReq, Source: linuxFollower, LogInterval: 0x7F}},
		{"delay_resp", Message{
			Kind: KindDelayResp, Source: linuxMaster, LogInterval: -3, Requesting: linuxFollower,
			Time: 1_795_381_575*aes67.PTPTime(time.Second) + 503_814_239,
		}},
	} {
		got, err := Decode(capturedOf(t, c.name))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("%s: got against want:\n%s", c.name, diff)
		}
	}
}

func TestAppendWritesWhatLinuxptpWrites(t *testing.T) {
	for _, c := range captured(t) {
		m, err := Decode(c.bytes)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := m.Append([]byte{0xAA}); !bytes.Equal(got[1:], c.bytes) || got[0] != 0xAA {
			t.Errorf("%s: wrote\n%x, want\n%x", c.name, got[1:], c.bytes)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	edit := func(name string, f func(b []byte) []byte) []byte { return f(slices.Clone(capturedOf(t, name))) }
	set := func(at int, values ...byte) func([]byte) []byte {
		return func(b []byte) []byte {
			copy(b[at:], values)
			return b
		}
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	for _, c := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrLength},
		{"one byte", []byte{0}, ErrLength},
		{"PTP version 1, as Dante sends", []byte{0, 1, 0, 1, 0x5F, 0x44, 0x46, 0x4C, 0x54}, ErrVersion1},
		{"version 3", edit("sync", set(1, 3)), ErrVersion},
		{"a one-step Sync of no possible time", edit("sync", func(b []byte) []byte {
			b[6] &^= 0x02 // twoStepFlag
			return set(40, 0xFF)(b)
		}), ErrValue},
		{"a Delay_Resp of no possible time", edit("delay_resp", set(34, 0xFF)), ErrValue},
		{"Pdelay_Req", edit("sync", set(0, 2)), ErrUnsupported},
		{"management", edit("sync", set(0, 0xD)), ErrUnsupported},
		{"a header cut short", edit("sync", cut(33)), ErrLength},
		{"a body cut short", edit("sync", cut(43)), ErrLength},
		{"an announce cut short", edit("announce", cut(63)), ErrLength},
		{"messageLength beyond the packet", edit("sync", set(2, 0, 45)), ErrLength},
		{"messageLength below the body", edit("sync", set(2, 0, 34)), ErrLength},
		{"nanoseconds of a second and more", edit("follow_up", set(40, 0x3B, 0x9A, 0xCA, 0x00)), ErrValue},
		{"seconds beyond what we count", edit("follow_up", set(34, 0xFF, 0xFF)), ErrValue},
		{"a correction too big to be told", edit("sync", set(8, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)), ErrValue},
	} {
		if _, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestDecodeIgnoresWhatIsNotOurs(t *testing.T) {
	plain, err := Decode(capturedOf(t, "announce"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"minor version 1":   func(b []byte) []byte { b[1] = 0x12; return b },
		"minorSdoId":        func(b []byte) []byte { b[5] = 7; return b },
		"an unknown TLV":    func(b []byte) []byte { b[3] += 8; return append(b, 0, 3, 0, 4, 1, 2, 3, 4) },
		"a TLV cut short":   func(b []byte) []byte { b[3] += 3; return append(b, 0, 3, 0) },
		"padding":           func(b []byte) []byte { return append(b, 0, 0) },
		"the control field": func(b []byte) []byte { b[32] = 77; return b },
		"originTimestamp":   func(b []byte) []byte { b[34], b[40] = 0xFF, 0xFF; return b },
	} {
		m, err := Decode(change(slices.Clone(capturedOf(t, "announce"))))
		if err != nil || m != plain {
			t.Errorf("with %s: %+v, %v; want as without", name, m, err)
		}
	}
}

// A time that nobody reads may be anything (IEEE 1588-2008, 9.5.9.3 and 11.3.2
// leave it to the sender).
func TestTimesThatNobodyReadsAreNoReasonToRefuse(t *testing.T) {
	for _, name := range []string{"sync", "delay_req"} {
		for field, change := range map[string]func(b []byte){
			"seconds":     func(b []byte) { b[34] = 0xFF },
			"nanoseconds": func(b []byte) { b[40] = 0xFF },
		} {
			plain, b := capturedOf(t, name), slices.Clone(capturedOf(t, name))
			change(b)
			want, err := Decode(plain)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Decode(b); err != nil || got != want {
				t.Errorf("%s with rubbish in its %s: %+v, %v; want as without", name, field, got, err)
			}
		}
	}
}

// Over UDP the four bits of transportSpecific say nothing about whom a message
// is for (IEEE 1588-2008, D.4).
func TestTransportSpecificIsReadAndNoReasonToRefuse(t *testing.T) {
	for _, c := range captured(t) {
		want, err := Decode(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		b := slices.Clone(c.bytes)
		b[0] |= 0x10
		want.Transport = 1
		got, err := Decode(b)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, err, want)
		}
		if written := got.Append(nil); written[0] != b[0] {
			t.Errorf("%s: writes %#x, want %#x", c.name, written[0], b[0])
		}
	}
}

func TestCorrectionIsRoundedToNanoseconds(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  [8]byte
		want time.Duration
	}{
		{"2.5 ns", [8]byte{5: 2, 6: 0x80}, 3},
		{"-1 ns", [8]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0}, -1},
		{"1 s", [8]byte{0, 0, 0x3B, 0x9A, 0xCA, 0, 0, 0}, time.Second},
	} {
		b := slices.Clone(capturedOf(t, "sync"))
		copy(b[8:], c.raw[:])
		if m, err := Decode(b); err != nil || m.Correction != c.want {
			t.Errorf("%s: got %v, %v; want %v", c.name, m.Correction, err, c.want)
		}
	}
}

func TestDecodeAndAppendDoNotAllocate(t *testing.T) {
	buf, d := make([]byte, 0, maxLength), &Decoder{}
	for _, c := range captured(t) {
		if n := testing.AllocsPerRun(100, func() {
			m, _ := d.Decode(c.bytes)
			_ = m.Append(buf)
		}); n != 0 {
			t.Errorf("%s: %v allocations a message, want 0", c.name, n)
		}
	}
}

func TestPortIdentitiesCompareAsOctets(t *testing.T) {
	low := PortIdentity{Clock: aes67.ClockIdentity{0x00, 0x1D, 0xC1}, Port: 2}
	high := PortIdentity{Clock: aes67.ClockIdentity{0xB8, 0x27, 0xEB}, Port: 1}
	if low.Compare(high) >= 0 || high.Compare(low) <= 0 || low.Compare(low) != 0 {
		t.Error("00-1D-C1… must sort before B8-27-EB…")
	}
	if next := (PortIdentity{Clock: low.Clock, Port: 3}); low.Compare(next) >= 0 {
		t.Error("port 2 must sort before port 3 of the same clock")
	}
}
