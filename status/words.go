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

// The states of the relation to the network's clock.
const (
	ClockListening    = "listening"
	ClockUncalibrated = "uncalibrated"
	ClockLocked       = "locked"
	ClockHoldover     = "holdover"
)

// ClockStates are all of them, in the order in which a start goes through them.
func ClockStates() []string {
	return []string{ClockListening, ClockUncalibrated, ClockLocked, ClockHoldover}
}

// What this computer may be in the network's tree of clocks.
const (
	RoleNone        = "none"
	RoleFollower    = "follower"
	RoleGrandmaster = "grandmaster"
)

// ClockRoles are all of them.
func ClockRoles() []string { return []string{RoleNone, RoleFollower, RoleGrandmaster} }

// SAPStates are those of announcing by SAP: switched off, the port cannot be had,
// nothing is announced, announcements leave.
func SAPStates() []string { return []string{"off", "failed", "listening", "announcing"} }

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

var roleWords = map[string]string{
	RoleNone:        "",
	RoleGrandmaster: "this computer is the grandmaster",
}

// ofRole says a role to people; one without other words is returned as it is.
func ofRole(role string) string { return said(roleWords, role) }

// Words says a state of the bridge to people; what is no state is returned as it
// is.
func Words(state string) string { return said(words, state) }

// said is what a table has for a word, or the word.
func said(table map[string]string, word string) string {
	if other, ok := table[word]; ok {
		return other
	}
	return word
}
