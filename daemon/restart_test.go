package daemon

import (
	"context"
	"errors"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/config"
)

func TestWhoFollowsAndWhoDoesNot(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	fault := errors.New("a fault")
	for _, c := range []struct {
		what     string
		ctx      context.Context
		restarts bool
		trouble  error
		next     config.Config
		fault    error
		want     bool
	}{
		{"a restart", ended, true, nil, loaded(t), nil, true},
		{"it runs yet", t.Context(), true, nil, loaded(t), nil, false},
		{"an end", ended, false, nil, loaded(t), nil, false},
		{"a service manager that does not answer", ended, false, fault, loaded(t), nil, false},
		{"a configuration with a fault", ended, true, nil, config.Config{}, fault, false},
		{"another time to live", ended, true, nil, loaded(t, "stream.ttl=7"), nil, true},
		{"another sink", ended, true, nil, loaded(t, "sink.id=other"), nil, false},
		{"another label", ended, true, nil, loaded(t, "sink.name=Other"), nil, false},
		{"another interface", ended, true, nil, loaded(t, "network.interface=eth7"), nil, false},
		{"other gains", ended, true, nil, loaded(t, `sink.gains=[0.0, -3.0]`), nil, true},
		{"no SAP", ended, true, nil, loaded(t, "announce.sap=false"), nil, false},
	} {
		s := successor{
			ended: c.ctx.Done(), log: zerolog.Nop(),
			differs:    func(next config.Config) []string { return config.Differing(loaded(t), next) },
			read:       func() (config.Config, error) { return c.next, c.fault },
			restarting: func(context.Context) (bool, error) { return c.restarts, c.trouble },
		}
		if got := s.follows(); got != c.want {
			t.Errorf("%s: follows %v, want %v", c.what, got, c.want)
		}
	}
}
