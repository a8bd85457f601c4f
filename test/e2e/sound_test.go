package e2e

import (
	"testing"
	"time"
)

// TestTwoReceiversHearLeftAndRight plays two tones through each sound server,
// with ptp4l as the clock: independent receivers and the lab's own get each
// tone on its own stream only, complete and clean.
func TestTwoReceiversHearLeftAndRight(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			w := newWire(t)
			startPTP4L(t, w, speaker)
			s := startServer(t, kind)
			b := startBridge(t, w, s)
			b.loud(10 * time.Second)
			s.realtime()
			r := b.reaches(40*time.Second, "the bridge follows and sends", func(r report) bool {
				return r.State == "sending" && r.Clock.Role == "follower" && r.Clock.State == "locked"
			})
			if len(r.Streams) != 2 {
				t.Fatalf("%d streams, want 2", len(r.Streams))
			}
			left, right := b.descriptions()

			length := window(8*time.Second, 50*time.Second)
			player := s.play(makeTones(t, length+8*time.Second))
			b.playing(5 * time.Second)
			recorders := map[string]recorder{
				"ffmpeg left": startFFmpeg(t, w, left, length), "ffmpeg right": startFFmpeg(t, w, right, length),
				"GStreamer left": startGStreamer(t, w, left, length), "GStreamer right": startGStreamer(t, w, right, length),
			}
			for name, recorder := range recorders {
				hz, otherHz := float64(leftHz), float64(rightHz)
				if recorder.path == recorders["ffmpeg right"].path || recorder.path == recorders["GStreamer right"].path {
					hz, otherHz = otherHz, hz
				}
				judgeTone(t, name, recorder.samples(t, length+15*time.Second), length, hz, otherHz)
			}
			if player.ended() {
				t.Fatal("the tones ended before the recordings: judge the length of the file")
			}
			after := b.sends(time.Second)
			figures.atMost(t, "underruns", float64(after.Drift.Underruns-r.Drift.Underruns), 0, "")
			figures.atMost(t, "overruns", float64(after.Drift.Overruns-r.Drift.Overruns), 0, "")
		})
	}
}

// playing waits until both tones are in the streams at full level.
func (b *bridge) playing(within time.Duration) {
	b.t.Helper()
	b.reaches(within, "both streams carry the tones", func(r report) bool {
		if len(r.Streams) != 2 {
			return false
		}
		for _, stream := range r.Streams {
			if stream.PeakDBFS == nil || *stream.PeakDBFS < toneDBFS-0.5 {
				return false
			}
		}
		return true
	})
}
