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
	s := newLife(New(stereo(), r, zerolog.Nop()))
	s.monitor.Store(5)
	s.framer.open.Store(true)
	s.framer.risen = s.framer.fade
	give := func() (peak float64) {
		r.clear()
		for i := range s.framer.samples {
			s.framer.samples[i] = 0.5
		}
		s.framer.count = 960
		s.framer.hand(0)
		peaks, _ := r.peaks()
		return peaks[0]
	}
	if peak := give(); peak != 0.5 {
		t.Fatalf("peak %v of the monitor, want 0.5", peak)
	}
	s.message(&proto.RecordStreamMoved{DestIndex: 9})
	if peak := give(); peak != 0 {
		t.Errorf("peak %v of another source, want 0", peak)
	}
	if s.dirty.Load()&dirtyMonitor == 0 {
		t.Error("nobody records the monitor anew")
	}
}
