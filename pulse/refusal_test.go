package pulse

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"
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

// turnAlways sets our sink's volume all the time, as a program does that sees to it; the
// returned function ends it.
func (l *lab) turnAlways() (stop func()) {
	l.t.Helper()
	server, err := connect(context.Background(), l.where(), newFramer(2, nil), now, nil, func(any) {})
	if err != nil {
		l.t.Fatal(err)
	}
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for db := -1.0; ; db = -3 - db {
			set := &proto.SetSinkVolume{SinkIndex: proto.Undefined, SinkName: "aes67", ChannelVolumes: uniform(LevelOf(db), 2, false).wire()}
			if err := server.request("setting the volume", set, nil); err != nil && !errors.Is(err, proto.ErrNoSuchEntity) { // it is not there yet
				l.t.Errorf("the rival: %v", err)
				return
			}
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() { close(end); <-done; server.close() }
}

// A program that sets the volume all the time keeps the way of the sound closed.
func TestAVolumeThatSomebodySetsAllTheTime(t *testing.T) {
	l := startLab(t, "pipewire")
	defer l.turnAlways()()
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
