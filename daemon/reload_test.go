package daemon

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/status"
)

// loaded is a configuration with some settings.
func loaded(t *testing.T, set ...string) config.Config {
	t.Helper()
	l, err := config.Load(config.Request{File: "/dev/null", Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return l.Config
}

func TestReload(t *testing.T) {
	first := loaded(t)
	next, fault := first, error(nil)
	var levels []string
	r := &reloader{
		read:    func() (config.Config, error) { return next, fault },
		alive:   map[string]func(config.Config){"log.level": func(c config.Config) { levels = append(levels, c.Log.Level) }},
		log:     zerolog.Nop(),
		started: first, inForce: first,
	}
	look := func(what string, want status.Reloaded) {
		t.Helper()
		if diff := cmp.Diff(want, r.reload()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	none := []string{}
	look("the same", status.Reloaded{Taken: none, Restart: none, Faults: none})
	next = loaded(t, "log.level=debug", "stream.ttl=1")
	look("two settings", status.Reloaded{Taken: []string{"log.level"}, Restart: []string{"stream.ttl"}, Faults: none})
	look("again", status.Reloaded{Taken: none, Restart: []string{"stream.ttl"}, Faults: none})
	next, fault = loaded(t, "log.level=error"), errors.New("stream.ttl = 0: out of range\nsink.rate = 1: unknown")
	look("with faults", status.Reloaded{Faults: []string{"stream.ttl = 0: out of range", "sink.rate = 1: unknown"}})
	next, fault = loaded(t, "log.level=warn"), nil
	look("back", status.Reloaded{Taken: []string{"log.level"}, Restart: none, Faults: none})
	if want := []string{"debug", "warn"}; !slices.Equal(levels, want) {
		t.Errorf("levels %v, want %v", levels, want)
	}
}

// Gains are of the channels that run: with other channels they need a restart, and what
// was not taken over is when the channels are those of the start again.
func TestGainsOfOtherChannelsAreNotTakenOver(t *testing.T) {
	first := loaded(t, `sink.gains=[0.0, -12.0]`)
	next, taken := first, []config.Config{}
	r := &reloader{
		read:    func() (config.Config, error) { return next, nil },
		alive:   map[string]func(config.Config){"sink.gains": func(c config.Config) { taken = append(taken, c) }},
		log:     zerolog.Nop(),
		started: first, inForce: first, gains: first,
	}
	none := []string{}
	for _, c := range []struct {
		what    string
		next    config.Config
		want    status.Reloaded
		differs []string
	}{
		{"one channel", loaded(t, `sink.channels=["mono"]`, `sink.gains=[0.0]`), status.Reloaded{Taken: none, Restart: []string{"sink.channels", "sink.gains"}, Faults: none}, []string{"sink.channels", "sink.gains"}},
		{"the same gains again, and less", loaded(t, `sink.gains=[0.0, -6.0]`), status.Reloaded{Taken: []string{"sink.gains"}, Restart: none, Faults: none}, []string{}},
		{"the first ones", first, status.Reloaded{Taken: []string{"sink.gains"}, Restart: none, Faults: none}, []string{}},
	} {
		next = c.next
		if diff := cmp.Diff(c.want, r.reload()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
		if got := r.differs(c.next); !slices.Equal(got, c.differs) {
			t.Errorf("%s: differs in %v, want %v", c.what, got, c.differs)
		}
	}
	if len(taken) != 2 {
		t.Errorf("gains taken over %d times, want 2", len(taken))
	}
}

func TestAHangUpReloads(t *testing.T) {
	var reads atomic.Int32
	done := make(chan struct{})
	r := &reloader{log: zerolog.Nop(), read: func() (config.Config, error) {
		if reads.Add(1) == 2 {
			close(done)
		}
		return config.Config{}, nil
	}}
	hangUps, ended := make(chan os.Signal), make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- r.run(ctx, hangUps) }()
	hangUps <- unix.SIGHUP
	hangUps <- unix.SIGHUP
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("not read anew")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWhatIsAliveIsToldAsSuch holds the table of options to what can be changed.
func TestWhatIsAliveIsToldAsSuch(t *testing.T) {
	want := slices.Sorted(slices.Values(config.AliveKeys()))
	if got := slices.Sorted(maps.Keys((&edges{}).changes())); !slices.Equal(got, want) {
		t.Errorf("can be changed: %v; the options say %v", got, want)
	}
}

func TestANameIsTakenWithoutNewsOfOthers(t *testing.T) {
	changed := make(chan struct{}, 1)
	n := &neighbours{
		foreign: func(int) []bridge.Foreign { return nil }, refused: func() []string { return nil },
		host: func() string { return "pc" }, chosen: func() int { return 0 }, changed: changed,
	}
	before := n.latest()
	<-changed
	n.refresh()
	if after := n.latest(); after == before || after.Host != "pc" {
		t.Errorf("%p %v after %p", after, after, before)
	}
	<-changed
}
