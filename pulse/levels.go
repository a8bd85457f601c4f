package pulse

import (
	"errors"

	"github.com/jfreymuth/pulse/proto"
	"github.com/rs/zerolog"

	"aes67-sink/aes67"
)

// The monitor and the recording have volumes of their own, which desktops show as
// those of a microphone and of a program that listens. Neither is the listener's
// volume: both stay at 0 dB, and are set back when somebody has moved them. Until
// that has happened our own gain takes back what they add.

// levels sets the volumes of the monitor and of the recording back, and returns
// what they add until then, in dB. What the server refuses is tried at the next look.
func (t *life) levels() (addedDB float64, err error) {
	monitor := &proto.GetSourceInfoReply{}
	if err := t.server.request("monitor's volume", &proto.GetSourceInfo{SourceIndex: t.monitor.Load()}, monitor); err != nil {
		return 0, err
	}
	recording := &proto.GetSourceOutputInfoReply{}
	err = t.server.request("recording's volume", &proto.GetSourceOutputInfo{SourceOutpuIndex: t.output.Load()}, recording)
	if errors.Is(err, proto.ErrNoSuchEntity) { // nothing is heard until there is another
		t.mark(dirtyMonitor)
		recording.ChannelVolumes = whole(len(t.cfg.Channels)).wire()
	} else if err != nil {
		return 0, err
	}
	at, own := fromWire(monitor.ChannelVolumes, monitor.Mute), fromWire(recording.ChannelVolumes, recording.Muted)
	moved, ownMoved := !at.equal(whole(len(at.Levels))), !own.equal(whole(len(own.Levels)))
	addedDB = max(0, at.DB()) + max(0, own.DB())
	before := t.astray
	t.astray = moved || ownMoved
	if !moved && !ownMoved {
		return addedDB, nil
	}
	level := zerolog.WarnLevel
	if before { // told, and tried again at each look
		level = zerolog.DebugLevel
	}
	t.log.WithLevel(level).Float64("monitor_db", at.DB()).Float64("recording_db", own.DB()).Bool("muted", at.Muted || own.Muted).
		Msg("volume of the monitor or its recording was moved; setting it back")
	var errs []error
	set := func(what string, req proto.RequestArgs) { errs = append(errs, t.server.request(what, req, nil)) }
	if moved {
		set("setting the monitor's volume", &proto.SetSourceVolume{SourceIndex: t.monitor.Load(), ChannelVolumes: whole(len(at.Levels)).wire()})
		set("unmuting the monitor", &proto.SetSourceMute{SourceIndex: t.monitor.Load()})
	}
	if ownMoved {
		set("setting the recording's volume", &proto.SetSourceOutputVolume{SourceOutputIndex: t.output.Load(), ChannelVolumes: whole(len(own.Levels)).wire()})
		set("unmuting the recording", &proto.SetSourceOutputMute{SourceOutputIndex: t.output.Load()})
	}
	if err := errors.Join(errs...); err != nil {
		t.log.WithLevel(level).Err(err).Float64("added_db", addedDB).Msg("volume of the monitor or its recording could not be set back")
	}
	return addedDB, nil
}

// whole is 0 dB on so many channels.
func whole(channels int) Volume { return uniform(LevelNorm, channels, false) }

// lowered is a ramp that much further down.
func lowered(r aes67.Ramp, byDB float64) aes67.Ramp {
	r.FromDB, r.ToDB = r.FromDB-byDB, r.ToDB-byDB
	return r
}
