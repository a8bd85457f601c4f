package pulse

import (
	"errors"
	"strings"
	"testing"

	"github.com/jfreymuth/pulse/proto"
)

func TestAServerIsAsked(t *testing.T) {
	for kind, name := range map[string]string{"pipewire": "PipeWire", "pulseaudio": "PulseAudio"} {
		t.Run(kind, func(t *testing.T) {
			l := startLab(t, kind)
			a, err := ask(t.Context(), l.where())
			if err != nil || !strings.Contains(a.Server, name) || a.Rate < 44100 || a.HasSink("aes67") {
				t.Errorf("%+v %v, want a server with a rate and without the sink", a, err)
			}
			l.sh("pactl load-module module-null-sink sink_name=aes67 && pactl set-default-sink aes67")
			a, err = ask(t.Context(), l.where())
			if err != nil || !a.HasSink("aes67") || a.DefaultSink != "aes67" {
				t.Errorf("%+v %v, want the sink, and that it is the chosen one", a, err)
			}
		})
	}
}

func TestAServerThatIsNotThereIsNotAsked(t *testing.T) {
	where := elsewhere(map[string]string{"PULSE_RUNTIME_PATH": t.TempDir()}, nil)
	if a, err := ask(t.Context(), where); a.Server != "" || !errors.Is(err, errNoServer) {
		t.Errorf("%+v, %v; want %v", a, err, errNoServer)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	s := startStub(t, func(_, tag uint32) []byte { return appendError(nil, tag, proto.ErrAccessDenied) })
	if _, err := ask(t.Context(), s.where()); err == nil || !strings.Contains(err.Error(), "refuses us") {
		t.Errorf("got %v, want the refusal with its remedy", err)
	}
}
