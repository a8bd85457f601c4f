package pulse

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// says waits until the sink's problem has a phrase.
func (b *bridge) says(phrase string) {
	b.t.Helper()
	b.await("the sentence", func(s Status) bool { return strings.Contains(s.Problem, phrase) && !s.VolumeConfirmed })
}

// A server that loads no modules is told, and tried again.
func TestAServerThatLoadsNoModules(t *testing.T) {
	l := startLab(t, "pulseaudio", "allow-module-loading = no")
	l.run(stereo()).says("the sound server does not make the sink: ")
	if left := l.sinks("aes67"); len(left) > 0 {
		t.Errorf("sinks %v", left)
	}
}

// A sink that bears our name and our mark, but is of no module, cannot be removed: it
// is not taken for ours, and no second one is made.
func TestASinkThatNobodyCanUnload(t *testing.T) {
	l := startLab(t, "pipewire")
	l.sh(`pw-cli create-node adapter '{ factory.name=support.null-audio-sink node.name=aes67 media.class=Audio/Sink audio.position=[FL FR] aes67.owner=aes67-sink object.linger=true }'`)
	eventually(t, "the foreign node", func() bool { return len(l.sinks("aes67")) == 1 })
	l.run(stereo()).says(`the leftover sink "aes67" stays although its module was unloaded: restart the sound server`)
	l.one()
}

// A program that sets the volume all the time keeps the way of the sound closed.
func TestAVolumeThatSomebodySetsAllTheTime(t *testing.T) {
	l := startLab(t, "pipewire")
	turning := exec.CommandContext(t.Context(), "bash", "-c", ". "+l.dir+"/env; while :; do pactl set-sink-volume aes67 100%; pactl set-sink-volume aes67 90%; done 2>/dev/null")
	if err := turning.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = turning.Process.Kill(); _ = turning.Wait() }()
	cfg := stereo()
	cfg.Volume = &store{} // a first volume is waited for
	var played atomic.Int64
	tone := square(1)
	defer l.playAlways(cfg, func(samples []float32) int { played.Add(int64(len(samples))); return tone(samples) })()
	b := l.run(cfg)
	b.says("the sound server does not take the volume -40.0 dB of sink")
	eventually(t, "a player and a recording", func() bool { _, frames := b.peaks(); return played.Load() > 48000 && frames > 24000 })
	if peaks, _ := b.peaks(); max(peaks[0], peaks[1]) > 0 {
		t.Errorf("sound of %v before the volume stood", peaks)
	}
}
