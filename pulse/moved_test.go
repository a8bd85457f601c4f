package pulse

import (
	"testing"

	"github.com/jfreymuth/pulse/proto"
	"github.com/rs/zerolog"
)

// What a recording gives that was moved to another source is not scaled by the sink's
// volume, and not heard.
func TestARecordingThatIsMovedGivesZeros(t *testing.T) {
	r := &recorder{channels: 2}
	l := newLife(New(stereo(), r, zerolog.Nop()))
	l.monitor.Store(5)
	l.framer.open.Store(true)
	l.framer.risen = l.framer.fade
	give := func() (peak float64) {
		r.clear()
		for i := range l.framer.samples {
			l.framer.samples[i] = 0.5
		}
		l.framer.count = 960
		l.framer.hand(0)
		peaks, _ := r.peaks()
		return peaks[0]
	}
	if peak := give(); peak != 0.5 {
		t.Fatalf("peak %v of the monitor, want 0.5", peak)
	}
	l.message(&proto.RecordStreamMoved{DestIndex: 9})
	if peak := give(); peak != 0 {
		t.Errorf("peak %v of another source, want 0", peak)
	}
	if l.dirty.Load()&dirtyMonitor == 0 {
		t.Error("nobody records the monitor anew")
	}
}
