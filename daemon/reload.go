package daemon

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"aes67-sink/config"
	"aes67-sink/status"
)

// Source is where the configuration comes from.
type Source struct {
	Read    func() (config.Config, error) // reads it anew; the error names every fault
	HangUps <-chan os.Signal              // SIGHUP, by which services are asked to do so
}

// reloader reads the configuration anew and hands on what a running bridge can take.
type reloader struct {
	read  func() (config.Config, error)
	alive map[string]func(config.Config) // by key; the keys are those of config.AliveKeys
	log   zerolog.Logger

	mu      sync.Mutex
	started config.Config // with what cannot be changed
	inForce config.Config // with what can
	gains   config.Config // whose gains are in force: the last one with the sinks of the start
}

// gains are of a sink's channels: with other sinks or channels they need a restart.
const gainsKey = "sink.gains"

var shapes = []string{"sink.id", "sink.channels", "sink.plays-into"}

// differing returns what a configuration would change of what can be changed, and which keys
// need a restart.
func (r *reloader) differing(next config.Config) (taken, restart []string) {
	taken, restart = []string{}, []string{}
	begun, alive, gains := config.Differing(r.started, next), config.Differing(r.inForce, next), config.Differing(r.gains, next)
	reshaped := slices.ContainsFunc(begun, func(key string) bool { return slices.Contains(shapes, key) })
	for _, key := range config.AliveKeys() {
		changed := slices.Contains(alive, key)
		if key == gainsKey {
			changed = slices.Contains(gains, key) && !reshaped
		}
		if r.alive[key] != nil && changed {
			taken = append(taken, key)
		}
	}
	for _, key := range begun {
		if r.alive[key] == nil || key == gainsKey && reshaped {
			restart = append(restart, key)
		}
	}
	return taken, restart
}

// differs returns the keys whose values are not what runs.
func (r *reloader) differs(next config.Config) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken, restart := r.differing(next)
	return slices.Concat(taken, restart)
}

// reload takes over nothing of a configuration that has a fault.
func (r *reloader) reload() status.Reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.read()
	if err != nil {
		r.log.Warn().Str("problem", err.Error()).Msg("configuration not taken over; the old one stays in force")
		return status.Reloaded{Faults: strings.Split(err.Error(), "\n")}
	}
	taken, restart := r.differing(next)
	for _, key := range taken {
		r.alive[key](next)
		if key == gainsKey {
			r.gains = next
		}
	}
	told := status.Reloaded{Taken: taken, Restart: restart, Faults: []string{}}
	r.inForce = next
	r.log.Info().Strs("taken", slices.Clone(told.Taken)).Strs("needs_restart", told.Restart).Msg("configuration read anew")
	return told
}

// current is the configuration in force, but for what needs a restart.
func (r *reloader) current() config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inForce
}

// faults are those of the configuration as it is written by now.
func (r *reloader) faults() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.read()
	return err
}

// run reloads at each hang-up until ctx is done.
func (r *reloader) run(ctx context.Context, hangUps <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangUps:
			r.reload()
		}
	}
}
