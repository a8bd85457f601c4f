package pulse

import (
	"errors"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// The monitor and the recording have volumes of their own, which desktops show as
// those of a microphone and of a program that listens. Neither is the listener's
// volume: both stay at 0 dB, and are set back when somebody has moved them. Until
// that has happened our own gain takes back what they add.

// levels sets the volumes of the monitor and of the recording back.
func (t *session) levels() error {
	doubts := t.doubts()
	monitor := &proto.GetSourceInfoReply{}
	if err := t.server.request("monitor's volume", &proto.GetSourceInfo{SourceIndex: t.monitor.Load()}, monitor); err != nil {
		return err
	}
	recording := &proto.GetSourceOutputInfoReply{}
	if err := t.server.request("recording's volume", &proto.GetSourceOutputInfo{SourceOutpuIndex: t.output.Load()}, recording); err != nil {
		return err
	}
	at, own := fromWire(monitor.ChannelVolumes, monitor.Mute), fromWire(recording.ChannelVolumes, recording.Muted)
	whole, ownWhole := uniform(LevelNorm, len(at.Levels), false), uniform(LevelNorm, len(own.Levels), false)
	moved, ownMoved := !at.equal(whole), !own.equal(ownWhole)
	t.settle(doubts, max(0, at.DB())+max(0, own.DB()))
	if !moved && !ownMoved {
		return nil
	}
	t.log.Warn().Float64("monitor_db", at.DB()).Float64("recording_db", own.DB()).Bool("muted", at.Muted || own.Muted).
		Msg("volume of the monitor or its recording was moved; setting it back")
	var errs []error
	set := func(what string, req proto.RequestArgs) { errs = append(errs, t.server.request(what, req, nil)) }
	if moved {
		set("setting the monitor's volume", &proto.SetSourceVolume{SourceIndex: t.monitor.Load(), ChannelVolumes: whole.wire()})
		set("unmuting the monitor", &proto.SetSourceMute{SourceIndex: t.monitor.Load()})
	}
	if ownMoved {
		set("setting the recording's volume", &proto.SetSourceOutputVolume{SourceOutputIndex: t.output.Load(), ChannelVolumes: ownWhole.wire()})
		set("unmuting the recording", &proto.SetSourceOutputMute{SourceOutputIndex: t.output.Load()})
	}
	return errors.Join(errs...)
}

// lowered is a ramp that much further down.
func lowered(r aes67.Ramp, byDB float64) aes67.Ramp {
	r.FromDB, r.ToDB = r.FromDB-byDB, r.ToDB-byDB
	return r
}
