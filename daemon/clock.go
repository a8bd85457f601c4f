package daemon

import (
	"fmt"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
	"aes67-sink/ptp/port"
)

// openClock takes the PTP ports. Where that fails there is no service, and why
// says so and what to do.
func openClock(cfg config.Clock, mode aes67.ClockMode, resume *ptp.Resumption, clock *mediaclock.Clock, log zerolog.Logger) (service *port.Service, why string) {
	ports, err := port.Open(cfg.DSCP)
	if err != nil {
		return nil, fmt.Sprintf("no PTP: %v; %s", err, port.Remedy(err, restartCommand()))
	}
	return port.New(port.Config{
		Mode: mode, Domain: cfg.Domain, Priority1: cfg.Priority1, Priority2: cfg.Priority2, Now: rtthread.Raw, Resume: resume,
	}, ports, clock, log), ""
}
