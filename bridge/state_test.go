package bridge

import "testing"

// ready is a world in which sound flows; tests take parts of it away.
func ready() Inputs {
	return Inputs{
		Sink:    SinkInput{Ready: true, VolumeConfirmed: true},
		Network: NetworkInput{Usable: true},
		Clock:   ClockInput{State: ClockLocked},
		Phase:   Flowing,
	}
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name    string
		sending bool
		change  func(*Inputs)
		want    Decision
	}{
		{"all is there: streams start", false, func(*Inputs) {}, Decision{State: Sending, Send: true}},
		{"all is there and the buffer fills", true, func(in *Inputs) { in.Phase = Filling }, Decision{State: FillingBuffer, Send: true}},
		{
			"no sound server at the start: no streams", false,
			func(in *Inputs) { in.Sink = SinkInput{Problem: "no server"} },
			Decision{State: WaitingSoundServer, Problems: []string{"no server"}},
		},
		{
			"the sound server is lost: streams go on with silence", true,
			func(in *Inputs) { in.Sink = SinkInput{Problem: "no server"} },
			Decision{State: WaitingSoundServer, Problems: []string{"no server"}, Send: true},
		},
		{
			"no sign of AES67 and nothing plays: idle", false,
			func(in *Inputs) { in.Network = NetworkInput{Idle: true} },
			Decision{State: Idle},
		},
		{
			"the interface is missing", false,
			func(in *Inputs) { in.Network = NetworkInput{Problem: "eno1: no such interface"} },
			Decision{State: WaitingNetwork, Problems: []string{"eno1: no such interface"}},
		},
		{
			"the interface is lost while sending: streams end", true,
			func(in *Inputs) { in.Network = NetworkInput{Problem: "eno1: no carrier"} },
			Decision{State: WaitingNetwork, Problems: []string{"eno1: no carrier"}},
		},
		{
			"neither sound server nor network: both are named", false,
			func(in *Inputs) {
				in.Network, in.Sink = NetworkInput{Problem: "eno1: no carrier"}, SinkInput{Problem: "no server"}
			},
			Decision{State: WaitingSoundServer, Problems: []string{"no server", "eno1: no carrier"}},
		},
		{
			"no master yet: silent", false,
			func(in *Inputs) { in.Clock = ClockInput{State: ClockListening, Problem: "no grandmaster heard"} },
			Decision{State: WaitingClock, Problems: []string{"no grandmaster heard"}},
		},
		{
			"a master is being measured: silent", false,
			func(in *Inputs) { in.Clock = ClockInput{State: ClockUncalibrated} },
			Decision{State: WaitingClock},
		},
		{
			"a new master is being measured while streams run: they go on", true,
			func(in *Inputs) { in.Clock = ClockInput{State: ClockUncalibrated} },
			Decision{State: Sending, Send: true},
		},
		{
			"the computer has slept while streams ran: they end until the clock is right", true,
			func(in *Inputs) { in.Clock = ClockInput{State: ClockUncalibrated, Stale: true} },
			Decision{State: WaitingClock},
		},
		{
			"the computer has slept and another master is still believed: silent", false,
			func(in *Inputs) { in.Clock.Stale = true },
			Decision{State: WaitingClock},
		},
		{
			"the computer has slept while streams rested", true,
			func(in *Inputs) { in.Clock, in.Rests = ClockInput{State: ClockListening, Stale: true}, true },
			Decision{State: Idle},
		},
		{
			"the master is lost: streams go on", true,
			func(in *Inputs) { in.Clock.State = ClockHoldover },
			Decision{State: Holdover, Send: true},
		},
		{
			"no permission for the PTP ports: own clock, with the remedy", false,
			func(in *Inputs) { in.Clock = ClockInput{Forbidden: true, Problem: "run setcap"} },
			Decision{State: Sending, Problems: []string{"run setcap"}, Send: true},
		},
		{
			"the sender failed", false,
			func(in *Inputs) { in.SenderFailed = "socket: boom" },
			Decision{State: Failed, Problems: []string{"socket: boom"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := ready()
			test.change(&in)
			if got := Decide(test.sending, in); !got.same(&test.want) {
				t.Errorf("Decide = %+v, want %+v", got, test.want)
			}
		})
	}
}
