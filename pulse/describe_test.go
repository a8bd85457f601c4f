package pulse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jfreymuth/pulse/proto"
)

func TestTheVolumeIsThatOfTheLoudestChannel(t *testing.T) {
	for _, test := range []struct {
		channels proto.ChannelVolumes
		want     string
	}{{nil, "-200.0"}, {proto.ChannelVolumes{0, uint32(LevelNorm)}, "0.0"}, {proto.ChannelVolumes{uint32(LevelOf(-20)), uint32(LevelOf(-40))}, "-20.0"}} {
		if got := fmt.Sprintf("%.1f", loudestDB(test.channels)); got != test.want {
			t.Errorf("%v: %s dB, want %s", test.channels, got, test.want)
		}
	}
}

// describesTheServer reads what a user would ask pactl for.
func describesTheServer(t *testing.T, l *lab) {
	cfg := stereo()
	s := l.run(cfg)
	s.await("the sink", func(st Status) bool { return st.State == StateRunning })
	a, err := ask(t.Context(), l.where())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PulseAudio", " at ", "default: ", cfg.SinkName, "2 × 48000 Hz"} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("no %q in %q", want, a)
		}
	}
}
