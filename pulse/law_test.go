package pulse

import (
	"math"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aes67-sink/aes67"
)

// TestAloneTheSamplesHaveNoVolume: of PipeWire the recording is what was played, whatever
// the slider and its mute say, and the law tells them; of PulseAudio it is scaled.
func TestAloneTheSamplesHaveNoVolume(t *testing.T) {
	for _, kind := range []string{"pipewire", "pulseaudio"} {
		t.Run(kind, func(t *testing.T) {
			l := startLab(t, kind)
			cfg := stereo()
			cfg.Volume = remembered(-12, 2)
			var law atomic.Pointer[aes67.Law]
			cfg.Law = func(_ uint64, told aes67.Law) { law.Store(&told) }
			heard := &recorder{channels: 2}
			b := l.runInto(cfg, heard)
			b.SetAlone(true)
			b.await("the flow of the monitor", flowing)
			alone := kind == "pipewire"
			b.await("the kind of sink", func(st Status) bool { return st.Alone == alone && flowing(st) })
			defer l.play(cfg, square(0.5))()
			b.await("a player", func(st Status) bool { return st.Playing == 1 })
			at := func(what, command string, want aes67.Law) {
				t.Helper()
				l.sh("%s", command)
				eventually(t, what+" in the law", func() bool {
					told := law.Load()
					return told != nil && told.Muted == want.Muted && math.Abs(told.VolumeDB-want.VolumeDB) < 0.01 &&
						cmp.Equal(told.Balance, want.Balance, cmpopts.EquateApprox(0, 1e-3)) && told.Unscaled == alone
				})
			}
			at("half", "pactl set-sink-volume aes67 32768", aes67.Law{VolumeDB: LevelNorm.DB() + 60*math.Log10(0.5)})
			peak := func() float64 {
				heard.clear()
				eventually(t, "samples", func() bool { _, n := heard.peaks(); return n > 4800 })
				peaks, _ := heard.peaks()
				return peaks[0]
			}
			want := 0.5
			if !alone {
				want = 0.0625
			}
			eventually(t, "the samples", func() bool { return math.Abs(peak()-want) < 0.001 })
			at("mute", "pactl set-sink-mute aes67 1", aes67.Law{VolumeDB: 60 * math.Log10(0.5), Muted: true})
			if !alone {
				return
			}
			if p := peak(); math.Abs(p-0.5) > 0.001 {
				t.Errorf("muted, the samples are at %v, want 0.5", p)
			}
			if gain := law.Load().Ramp().Gain(0); gain != 0 {
				t.Errorf("muted, the gain is %v, want 0", gain)
			}
			at("balance", "pactl set-sink-mute aes67 0; pactl set-sink-volume aes67 65536 32768", aes67.Law{Balance: []float64{1, 0.125}})
			b.SetVolume(-20)
			at("a volume that was asked for", "true", aes67.Law{VolumeDB: LevelOf(-20).DB(), Balance: []float64{1, 0.125}})
			b.SetMuted(true)
			at("a mute that was asked for", "true", aes67.Law{VolumeDB: LevelOf(-20).DB(), Muted: true, Balance: []float64{1, 0.125}})
		})
	}
}

// TestNobodyLosesHisSinkToAnotherLaw: who is to apply the volume may change while something
// plays, in this run or before the next. The sink stays with who plays into it, and is made
// anew once nobody does.
func TestNobodyLosesHisSinkToAnotherLaw(t *testing.T) {
	l := startLab(t, "pipewire")
	cfg := stereo()
	cfg.Follows = func() bool { return true }
	b := l.run(cfg)
	b.await("the flow of the monitor", flowing)
	scaled := l.one()
	stop := l.play(cfg, square(0.1))
	b.await("a player", func(st Status) bool { return st.Playing == 1 })
	b.SetAlone(true)
	b.stop()
	next := l.runInto(stereo(), &recorder{channels: 2})
	next.SetAlone(true)
	next.await("the player", func(st Status) bool { return flowing(st) && st.Playing == 1 })
	if now := l.one(); now != scaled {
		t.Errorf("the sink is %+v, want %+v for who plays into it", now, scaled)
	}
	stop()
	next.await("the other kind of sink", func(st Status) bool { return st.Alone && flowing(st) })
	stop = l.play(stereo(), square(0.1))
	next.await("another player", func(st Status) bool { return st.Playing == 1 })
	alone := l.one()
	next.SetAlone(false)
	stop()
	next.await("the first kind of sink", func(st Status) bool { return !st.Alone && flowing(st) })
	if now := l.one(); now == alone {
		t.Errorf("the sink is %+v still", now)
	}
}
