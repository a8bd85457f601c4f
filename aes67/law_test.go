package aes67

import "testing"

func TestTheLawsRamp(t *testing.T) {
	held := Ramp{At: 1e9, FromDB: -20, ToDB: 0, Rise: 6}
	for _, c := range []struct {
		law  Law
		want Ramp
	}{
		{Law{VolumeDB: -30, Held: held}, held},
		{Law{VolumeDB: -30, Held: held, Unscaled: true}, Ramp{At: 1e9, FromDB: -50, ToDB: -30, Rise: 6, Alone: true}},
		{Law{VolumeDB: -30, Muted: true, Held: held, Unscaled: true}, Ramp{FromDB: SilenceDB, ToDB: SilenceDB, Alone: true}},
		{Law{VolumeDB: SilenceDB, Unscaled: true}, Ramp{FromDB: SilenceDB, ToDB: SilenceDB, Alone: true}},
	} {
		if got := c.law.Ramp(); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.law, got, c.want)
		}
	}
}
