package aes67

import (
	"math"
	"testing"
	"time"
)

func TestRampRisesToItsEndAndStaysThere(t *testing.T) {
	const begin = MonoTime(5e9)
	r := Ramp{At: begin, FromDB: -20, ToDB: -2, Rise: 6}
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{{-time.Second, -20}, {0, -20}, {time.Second, -14}, {3 * time.Second, -2}, {time.Hour, -2}} {
		if got := r.DB(begin.Add(c.after)); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("after %v: %v dB, want %v", c.after, got, c.want)
		}
	}
	if got := (Ramp{At: begin, FromDB: -3}).DB(begin.Add(time.Hour)); got != -3 {
		t.Errorf("a ramp that does not rise is at %v dB, want -3", got)
	}
	if got := (Ramp{FromDB: SilenceDB, ToDB: SilenceDB}).Gain(begin); got != 0 {
		t.Errorf("silence is a gain of %v, want exactly 0", got)
	}
	if got := (Ramp{}).Gain(begin); got != 1 {
		t.Errorf("no ramp is a gain of %v, want exactly 1", got)
	}
}
