package status

// The states of the bridge.
const (
	Idle               = "idle"
	WaitingSoundServer = "waiting-sound-server"
	WaitingNetwork     = "waiting-network"
	WaitingClock       = "waiting-clock"
	Filling            = "filling"
	Sending            = "sending"
	Holdover           = "holdover"
	Failed             = "failed"
)

// States are all of them, in the order of a start.
func States() []string {
	return []string{Idle, WaitingSoundServer, WaitingNetwork, WaitingClock, Filling, Sending, Holdover, Failed}
}

// ClockStates are those of the relation to the network's clock, in the order in
// which a start goes through them.
func ClockStates() []string { return []string{"listening", "uncalibrated", "locked", "holdover"} }

// ClockRoles are what this computer may be in the network's tree of clocks.
func ClockRoles() []string { return []string{"none", "follower", "grandmaster"} }

var words = map[string]string{
	Idle:               "idle: nothing plays; play something into the sink, or say stream.when = \"always\"",
	WaitingSoundServer: "waiting for the sound server",
	WaitingNetwork:     "waiting for a network interface",
	WaitingClock:       "waiting for a PTP clock",
	Filling:            "filling the buffer",
	Sending:            "sending",
	Holdover:           "sending, on the last good frequency of a clock that was lost",
	Failed:             "failed; trying again",
}

// Words says a state of the bridge to people; what is no state is returned as it
// is.
func Words(state string) string {
	if said, ok := words[state]; ok {
		return said
	}
	return state
}
