package pulse

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// leave makes a sink, has it changed and loses it, as SIGKILL does.
func (l *lab) leave(cfg Config, change func()) {
	l.t.Helper()
	t := newLife(New(cfg, &counter{}, testLog(l.t)))
	t.where = l.where()
	server, err := connect(context.Background(), l.where(), t.framer, now, nil, func(any) {})
	if err != nil {
		l.t.Fatal(err)
	}
	defer server.close()
	t.server = server
	if err := t.step(context.Background()); err != nil {
		l.t.Fatal(err)
	}
	change()
}

// setVolume sets our sink's volume and waits until the server shows it.
func (l *lab) setVolume(db float64) {
	l.t.Helper()
	l.sh("pactl set-sink-volume aes67 %d", LevelOf(db))
	shown := fmt.Sprintf(" %.2f dB", db)
	eventually(l.t, "volume"+shown, func() bool { return strings.Contains(l.one().volume, shown) })
}

func adoptsLeftover(t *testing.T, l *lab) {
	l.leave(stereo(), func() { l.setVolume(-12) })
	before := l.one()
	cfg := stereo()
	cfg.Volume = remembered(-30, 2)
	s := l.run(cfg)
	status := s.await("the flow of the monitor", flowing)
	if after := l.one(); after != before || math.Abs(status.VolumeDB+12) > 0.01 {
		t.Errorf("sink %+v at %v dB, want %+v at -12 dB", after, status.VolumeDB, before)
	}
}

// staysForTheNext restarts a bridge.
func staysForTheNext(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Follows = func() bool { return true }
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	before := l.one()
	s.stop()
	if left := l.one(); left != before {
		t.Errorf("sink %+v, want %+v left", left, before)
	}
	next := l.run(stereo())
	next.await("the flow of the monitor", flowing)
	if after := l.one(); after != before {
		t.Errorf("sink %+v, want %+v adopted", after, before)
	}
}

func replacesLeftover(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Rate = 96000
	l.leave(cfg, func() {})
	before := l.one()
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	if after := l.one(); after.index == before.index {
		t.Errorf("sink %+v was not replaced", after)
	}
}

func turnsDownLeftover(t *testing.T, l *lab) {
	l.leave(stereo(), func() { l.setVolume(0) })
	cfg := stereo()
	cfg.Volume = &store{}
	s := l.run(cfg)
	if status := s.await("the flow of the monitor", flowing); math.Abs(status.VolumeDB+40) > 0.01 {
		t.Errorf("volume %v dB, want -40", status.VolumeDB)
	}
}

func waitsForForeignSink(t *testing.T, l *lab) {
	l.sh("pactl load-module module-null-sink sink_name=aes67 >$HOME/foreign")
	foreign := l.one()
	s := l.run(stereo())
	status := s.await("a problem", func(st Status) bool { return st.Problem != "" })
	want := fmt.Sprintf("a sink named \"aes67\" is already there and is not ours: remove it (`pactl unload-module %s`) or choose another sink.id", foreign.module)
	if status.Problem != want || status.VolumeConfirmed || status.State != StatePreparing {
		t.Errorf("status %+v, want problem %q", status, want)
	}
	if left := l.one(); left != foreign {
		t.Errorf("sink %+v, want %+v alone", left, foreign)
	}
	l.sh("pactl unload-module $(cat $HOME/foreign)")
	status = s.await("the flow of the monitor", flowing)
	if status.Problem != "" || l.one().module == foreign.module && l.kind == "pulseaudio" {
		t.Errorf("status %+v", status)
	}
}

func twoBridgesOneSink(t *testing.T, l *lab) {
	first, second := l.run(stereo()), l.run(stereo())
	first.await("the flow of the monitor", flowing)
	second.await("the flow of the monitor", flowing)
	l.one()
	second.stop()
	// The first makes it again, or has it still.
	first.clear()
	eventually(t, "one sink, and a second of it", func() bool { _, n := first.peaks(); return n > 48000 && len(l.sinks("aes67")) == 1 })
	first.await("the flow of the monitor", flowing)
}

func madeAgain(t *testing.T, l *lab) {
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	l.sh("pactl set-sink-volume aes67 %d", LevelOf(-23))
	s.await("the volume", func(st Status) bool { return math.Abs(st.VolumeDB+23) < 0.01 })
	for range 2 {
		index := l.one().index
		l.sh("pactl unload-module module-null-sink")
		eventually(t, "another sink", func() bool { found := l.sinks("aes67"); return len(found) == 1 && found[0].index != index })
		if status := s.await("the flow of the monitor", flowing); math.Abs(status.VolumeDB+23) > 0.01 {
			t.Errorf("volume %v dB, want -23", status.VolumeDB)
		}
	}
}

func recordsAgain(t *testing.T, l *lab) {
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	killer, err := connect(context.Background(), l.where(), newFramer(2, nil), now, nil, func(any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer killer.close()
	list := strings.Fields(l.sh("pactl list short source-outputs"))
	var index uint32
	if _, err := fmt.Sscan(list[0], &index); err != nil {
		t.Fatal(err)
	}
	if err := killer.request("killing", &proto.KillSourceOutput{SourceOutputIndex: index}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another recording", func() bool {
		list := strings.Fields(l.sh("pactl list short source-outputs"))
		return len(list) > 0 && list[0] != fmt.Sprint(index)
	})
	s.clear()
	eventually(t, "messages", func() bool { _, n := s.peaks(); return n > 0 })
}

func tellsSuspension(t *testing.T, l *lab) {
	if l.kind == "pipewire" {
		hearsAfterSuspension(t, l)
		return
	}
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	recording := l.sh("pactl list short source-outputs")
	l.sh("pactl suspend-sink aes67 1")
	s.await("the end of the flow", func(st Status) bool {
		return !st.Flowing && st.Notice == "the sink is suspended, so nothing is heard of it: resume it (`pactl suspend-sink aes67 0`)"
	})
	l.sh("pactl suspend-sink aes67 0")
	s.await("the flow of the monitor", func(st Status) bool { return flowing(st) && st.Notice == "" })
	if now := l.sh("pactl list short source-outputs"); now != recording {
		t.Errorf("the recording is %q after it was suspended, %q before", now, recording)
	}
}

// PipeWire resumes a sink that is recorded within 0.3 s, but 0.3.65 leaves the
// recording, and the monitor's right channel, without their links.
func hearsAfterSuspension(t *testing.T, l *lab) {
	cfg := stereo()
	cfg.Volume = remembered(0, 2)
	s := l.run(cfg)
	s.await("the flow of the monitor", flowing)
	stop := l.play(cfg, square(0.5))
	sounding := func(channels int) func() bool {
		return func() bool {
			s.clear()
			<-time.After(50 * time.Millisecond)
			peaks, _ := s.peaks()
			return peaks[0] > 0.1 && (channels == 1 || peaks[1] > 0.1)
		}
	}
	eventually(t, "the tone", sounding(2))
	l.sh("pactl suspend-sink aes67 1; sleep 0.3; pactl suspend-sink aes67 0")
	eventually(t, "the tone again", sounding(1))
	told, both := false, sounding(2)
	eventually(t, "the tone on both channels, or a sentence", func() bool {
		told = strings.HasPrefix(s.Snapshot().Notice, "the sound server gives zeros")
		return told || both()
	})
	if told { // it is made anew in the next pause
		number := func() string { return l.sh("pactl list short sinks | grep aes67 | cut -f1 || true") }
		before := number()
		stop()
		eventually(t, "another sink", func() bool { now := number(); return now != "" && now != before })
		s.await("the flow of its monitor", func(st Status) bool { return flowing(st) && st.VolumeConfirmed && st.Notice == "" })
		l.play(cfg, square(0.5))
		eventually(t, "the tone on both channels", sounding(2))
	}
}

func backAfterDeath(t *testing.T, l *lab) {
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	l.sh("pactl set-sink-volume aes67 %d; pactl set-sink-mute aes67 1", LevelOf(-17))
	s.await("the volume", func(st Status) bool { return math.Abs(st.VolumeDB+17) < 0.01 && st.Muted })
	socket := filepath.Join(l.dir, "run/pulse/native")
	soonest := time.Hour
	for range 3 { // a busy computer starts its own programs beside it
		l.kill()
		status := s.await("the loss", func(st Status) bool { return !st.Connected })
		if status.VolumeConfirmed || status.Flowing || status.State != StateWaiting {
			t.Errorf("status %+v without a server", status)
		}
		status = s.await("a problem with a remedy", func(st Status) bool { return strings.HasPrefix(st.Problem, "no sound server answers at ") })
		if want := "no sound server answers at " + socket + ": start pipewire-pulse or pulseaudio"; !strings.HasPrefix(status.Problem, want) {
			t.Errorf("problem %q, want %q", status.Problem, want)
		}
		up := make(chan aes67.MonoTime, 1)
		go func() {
			for end := now().Add(time.Minute); now() < end; time.Sleep(time.Millisecond) {
				if _, err := os.Stat(socket); err == nil {
					break
				}
			}
			up <- now()
		}()
		l.script("up", l.dir)
		status = s.await("the volume again", func(st Status) bool { return st.VolumeConfirmed })
		back := now()
		if math.Abs(status.VolumeDB+17) > 0.01 || !status.Muted {
			t.Errorf("status %+v, want -17 dB, muted", status)
		}
		took := back.Sub(<-up)
		t.Logf("the sink was back %v after the server's socket", took)
		if soonest = min(soonest, took); soonest <= time.Second {
			break
		}
	}
	if soonest > time.Second {
		t.Errorf("the sink was back after %v, want 1 s", soonest)
	}
	s.await("the flow of the monitor", flowing)
	s.clear()
	eventually(t, "messages", func() bool { _, n := s.peaks(); return n > 4800 })
	s.recorder.mu.Lock()
	sizes := slices.Clone(s.sizes)
	s.recorder.mu.Unlock()
	if largest := slices.Max(sizes); largest > 1024 {
		t.Errorf("messages of %d frames", largest)
	}
}

func outlivesSessionManager(t *testing.T, l *lab) {
	if l.kind != "pipewire" || os.Getenv("LAB_FULL") == "" {
		t.Skip("takes 7 s on PipeWire: run with LAB_FULL=1")
	}
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	l.sh("kill $(cat %s/wireplumber.pid)", l.dir)
	s.await("the end of the flow", func(st Status) bool { return !st.Flowing })
	l.sh("LAB_PART=%[1]s/wireplumber setsid wireplumber </dev/null >>$HOME/wireplumber.log 2>&1 & echo $! >%[1]s/wireplumber.pid", l.dir)
	s.await("the flow of the monitor", flowing)
	l.one()
}

func endsBesideHungServer(t *testing.T, l *lab) {
	s := l.run(stereo())
	s.await("the flow of the monitor", flowing)
	l.sh("kill -STOP $(cat %s/server.pid)", l.dir)
	begin := now()
	s.stop()
	took := now().Sub(begin)
	l.sh("kill -CONT $(cat %s/server.pid)", l.dir)
	if took > farewell*7/4 { // nothing is waited for twice
		t.Errorf("the end took %v, want %v", took, farewell)
	}
	// PulseAudio still does what it was asked last, PipeWire forgets it: then the
	// next bridge finds a leftover.
	next := l.run(stereo())
	next.await("the flow of the monitor", flowing)
	l.one()
}
