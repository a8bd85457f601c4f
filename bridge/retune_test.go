package bridge

import (
	"fmt"
	"math"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// turner is a sink whose rate changes.
type turner struct {
	*clickRig
}

// turn has the sink recorded at another rate from here on, after it was away for so long.
func (r *turner) turn(hz aes67.Hz, away time.Duration) {
	r.away, r.cfg.SinkRate, r.sent = r.now.Add(away), hz, 0
	r.Rate(hz)
	r.Gap()
}

// listen pulls for so long and measures what is heard.
func (r *turner) listen(d time.Duration) (hz, rms float64) {
	last, crossings, sum, n := 0.0, 0, 0.0, 0
	for end := r.now.Add(d); r.now < end; {
		r.step(true)
		for _, x := range r.out[0] {
			if last < 0 && x >= 0 {
				crossings++
			}
			sum += x * x
			n++
			last = x
		}
	}
	return float64(crossings) / d.Seconds(), math.Sqrt(sum / float64(n))
}

// Whatever the rate that the sink turns to, and whether it turned in silence or, by
// mischance, in a sound, what is heard has its pitch and no click, and the bridge says so.
func TestTheSinkTurnsToAnotherRate(t *testing.T) {
	plainOnly(t)
	for _, stream := range []aes67.Hz{44100, 48000, 96000} {
		for _, away := range []time.Duration{0, 30 * time.Millisecond, 400 * time.Millisecond} {
			t.Run(fmt.Sprintf("%d Hz, away %v", stream, away), func(t *testing.T) {
				cfg := PipelineConfig{
					Channels: 2, SinkRate: 48000, OtherRates: []aes67.Hz{44100}, StreamRate: stream,
					PacketFrames: aes67.PacketTime1ms.Frames(stream),
				}
				r := &turner{clickRig: newClickRig(t, cfg, 1)}
				r.listen(2 * time.Second)
				for _, hz := range []aes67.Hz{44100, 48000, 44100} {
					r.turn(hz, away)
					r.listen(away + time.Second)
					if heard, rms := r.listen(2 * time.Second); math.Abs(heard-clickTone) > 0.51 || math.Abs(rms-clickAmplitude/math.Sqrt2) > 0.01 {
						t.Errorf("at %d Hz: %g Hz of %.3f, want %g Hz of %.3f", hz, heard, rms, clickTone, clickAmplitude/math.Sqrt2)
					}
					s := r.Snapshot()
					if s.Rate != hz || s.Underruns > 0 && away < pauseLimit || s.Overruns > 0 {
						t.Errorf("at %d Hz: %+v", hz, s)
					}
					if s.Buffer > 30*time.Millisecond {
						t.Errorf("at %d Hz the buffer is %v", hz, s.Buffer)
					}
				}
				if limit := r.limit(); r.worst > limit {
					t.Errorf("a step of %.4f, the tone and its fades have %.4f", r.worst, limit)
				}
			})
		}
	}
}

// Nothing of the old rate is heard at the new one, also where nobody pulled meanwhile.
func TestTheSinkTurnsWhileNobodyPulls(t *testing.T) {
	cfg := PipelineConfig{Channels: 2, SinkRate: 48000, OtherRates: []aes67.Hz{44100}, StreamRate: 48000, PacketFrames: 48}
	r := &turner{clickRig: newClickRig(t, cfg, 1)}
	r.listen(time.Second)
	for range 3 * arrivalsHeld { // more joints than there is room for
		r.turn(44100, 0)
		r.deliver(16)
	}
	r.now = r.now.Add(time.Second)
	r.next, r.last = r.now, 0
	r.listen(time.Second)
	if heard, _ := r.listen(2 * time.Second); math.Abs(heard-clickTone) > 0.51 || r.Snapshot().Rate != 44100 {
		t.Errorf("%g Hz are heard, want %g; %+v", heard, clickTone, r.Snapshot())
	}
}
