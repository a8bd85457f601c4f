package daemon

import (
	"context"
	"os"
	"strings"

	"aes67-sink/config"
	"aes67-sink/doctor"
	"aes67-sink/internal/service"
	"aes67-sink/internal/state"
	"aes67-sink/pulse"
)

// DoctorFacts is what doctor.Run looks at on this computer, but for what the running
// bridge tells (Bridge, Unreachable, Listing): cfg is the configuration in force, faults
// those of the one that is to be, nil: none.
func DoctorFacts(cfg config.Config, faults error, unit service.Unit, version string) *doctor.Facts {
	restart, known := strings.CutPrefix(unit.RestartCommand(), "restart it with ")
	if !known {
		restart = "" // there is no one command
	}
	program, _ := os.Executable() // unknown: the installed one is looked at
	return &doctor.Facts{
		Program: program, Version: version, Root: os.DirFS("/"), UID: os.Geteuid(),
		StartCommand: unit.StartCommand(), RestartCommand: restart, Unit: unit.Words(), Service: unit.State,
		Configuration: faults, Interface: cfg.Network.Interface,
		SinkID: cfg.Sink.ID, SinkName: cfg.Sink.Name, SinkRateHz: int(cfg.Sink.StartRate()), RateFollows: cfg.Sink.Rate == 0,
		StateDirectory: state.Directory(),
		Sound: func(ctx context.Context) (doctor.SoundServer, error) {
			a, err := pulse.Ask(ctx)
			return doctor.SoundServer{Name: a.Server, RateHz: int(a.Rate), Default: a.DefaultSink, SinkThere: a.HasSink(cfg.Sink.ID)}, err
		},
		Probes: doctor.Machine(),
	}
}
