package daemon

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"aes67-sink/config"
	"aes67-sink/doctor"
	"aes67-sink/internal/service"
	"aes67-sink/internal/state"
	"aes67-sink/pulse"
	"aes67-sink/speakers"
	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
	"aes67-sink/status"
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
		Speakers: rememberedSpeakers,
		Probes:   doctor.Machine(),
	}
}

// speakerLimit bounds each question to a speaker of which the doctor asks.
const speakerLimit = 500 * time.Millisecond

// rememberedSpeakers asks the pair that is remembered, both at once; nothing without one.
func rememberedSpeakers(ctx context.Context) []status.Speaker {
	pair, err := speakers.PairFile(state.Directory()).Load()
	if err != nil || !pair.Complete() {
		return nil
	}
	all := []status.Speaker{{Name: pair.Left.Name, Channel: "front-left"}, {Name: pair.Right.Name, Channel: "front-right"}}
	var asked sync.WaitGroup
	for i, m := range []speakers.Identity{pair.Left, pair.Right} {
		asked.Go(func() { askSpeaker(ctx, m, &all[i]) })
	}
	asked.Wait()
	return all
}

func askSpeaker(ctx context.Context, m speakers.Identity, into *status.Speaker) {
	at, err := netip.ParseAddrPort(m.Address)
	if err != nil {
		into.Problem = "it has no address; pair the speakers again (aes67-sink speakers pair)"
		return
	}
	d := ssc.NewDevice(at, speakerLimit)
	defer d.Close()
	d.Expect(m.Serial)
	s := speakers.Look(ctx, d)
	if into.Problem = s.Problem; s.Problem != "" {
		return
	}
	into.Reachable, into.Muted, into.Warnings, into.Local = true, s.Muted, s.Warnings, new(s.ControlMode == wire.Local)
	if s.LevelDB != nil {
		into.LevelDBSPL = new(status.Tenths(*s.LevelDB))
	}
	if s.StandbyInM != nil && s.Standby != nil && *s.Standby {
		into.StandbyInM = new(status.Tenths(*s.StandbyInM))
	}
}
