package daemon

import (
	"testing"

	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/drift"
	"aes67-sink/pulse"
)

func TestWhyNothingIsSentIsToldWhileIdle(t *testing.T) {
	const reason = "no sign of AES67 on eno1; waiting until a program plays"
	var n network
	n.told.Store(&networkState{NetworkInput: bridge.NetworkInput{Idle: true}, reason: reason})
	if got := n.model(); got.Reason != reason || got.Interface != "" || got.Carrier != nil {
		t.Errorf("network %+v, want the reason and no more", got)
	}
}

func TestAVolumeIsToldWhenItIsConfirmed(t *testing.T) {
	sink := pulse.Status{State: pulse.StateRunning}
	if m := describeSink(config.Default().Sink, sink); m.VolumeDB != nil || m.Muted != nil || m.Clients == nil {
		t.Errorf("before: %+v", m)
	}
	sink.VolumeConfirmed, sink.VolumeDB = true, -40
	if m := describeSink(config.Default().Sink, sink); m.VolumeDB == nil || *m.VolumeDB != -40 || m.Muted == nil {
		t.Errorf("after: %+v", m)
	}
}

func TestAFillIsToldWhileItIsRead(t *testing.T) {
	flows := bridge.PipelineSnapshot{Phase: bridge.Flowing, Drift: drift.Coarse, Fill: 700, Target: 720}
	if m := driftModel(flows, true, true); m.FillFrames == nil || *m.FillFrames != 700 {
		t.Errorf("it plays: %+v", m)
	}
	flows.Drift = drift.Acquire // for a moment, after a break
	if m := driftModel(flows, true, true); m.FillFrames != nil || m.State != "acquire" {
		t.Errorf("nothing is read: %+v", m)
	}
}
