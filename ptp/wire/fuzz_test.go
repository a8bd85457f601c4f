package wire

import (
	"slices"
	"testing"
)

// What is decoded must survive being written and read again.
func FuzzDecode(f *testing.F) {
	for _, c := range captured(f) {
		f.Add(c.bytes)
		rubbish := slices.Clone(c.bytes)
		rubbish[0] |= 0x10                                    // transportSpecific
		copy(rubbish[34:44], slices.Repeat([]byte{0xFF}, 10)) // the time
		f.Add(rubbish)
	}
	f.Add([]byte{0, 1, 0, 1, 0x5F, 0x44, 0x46, 0x4C, 0x54})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		m, err := Decode(b)
		if !slices.Equal(before, b) {
			t.Fatal("Decode changed its input")
		}
		if err != nil {
			return
		}
		if m.Time < 0 {
			t.Fatalf("time %d before the epoch", m.Time)
		}
		again, err := Decode(m.Append(nil))
		if err != nil || again != m {
			t.Fatalf("decode(append(m)) = %+v, %v; want %+v", again, err, m)
		}
	})
}
