package daemon

import (
	"context"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"aes67-sink/config"
	"aes67-sink/internal/service"
)

// successor knows whether another run of this program follows at once, as at an
// upgrade: then the sink and the SAP announcements are left to it, so that nobody who
// plays or listens is interrupted for longer than need be.
type successor struct {
	ended      <-chan struct{} // of this run
	read       func() (config.Config, error)
	restarting func(context.Context) (bool, error) // asks the service manager
	differs    func(config.Config) []string        // from what runs
	log        zerolog.Logger
}

// ends are the tables by which the next run finds what is left to it. With another of
// them it begins anew.
var ends = []string{"sink.", "network.", "announce."}

// stay are keys of those tables of which nothing is left to the next run.
var stay = []string{"sink.gains", "announce.sap-interval"}

// follows reports whether one follows. It is false until this run ends, for a
// configuration with a fault, and for one with another sink, network or announcement:
// then everything is taken down in order. Each who leaves something asks for himself,
// since a restart may be cancelled.
func (s *successor) follows() bool {
	select {
	case <-s.ended:
	default:
		return false
	}
	if yes, err := s.restarting(context.Background()); !yes {
		if err != nil {
			s.log.Debug().Err(err).Msg("no word of whether this is a restart")
		}
		return false
	}
	next, err := s.read()
	return err == nil && !slices.ContainsFunc(s.differs(next), func(key string) bool {
		return !slices.Contains(stay, key) && slices.ContainsFunc(ends, func(table string) bool { return strings.HasPrefix(key, table) })
	})
}

// restarting asks the service manager, if one runs this program.
func restarting(ctx context.Context) (bool, error) {
	if !underManager() {
		return false, nil
	}
	return service.Restarting(ctx)
}
