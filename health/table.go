package health

import (
	"slices"
	"time"
)

// Condition is one thing that may be wrong.
type Condition struct {
	Code  Code
	Title string // some words
	// Heading is its heading in docs/troubleshooting.md. Unless Advice is set each
	// sentence that tells of it contains the heading, or one of Says.
	Heading string
	Says    []string
	// Advice: no sentence tells of it; the page has it for whoever looks for it.
	Advice   bool
	Severity Severity
	Domain   Domain
	// DependsOn are its causes: while one of them is ill, what it shows is their effect.
	DependsOn []Code
	// VisibleAfter is how long it is to last before it is told: it often mends itself.
	VisibleAfter time.Duration
	// Pastes: its sentences have the command that mends it in `backquotes`. Command is
	// that where they have none.
	Pastes  bool
	Command string
}

// Unknown is the code of a sentence that no condition says.
const Unknown Code = "unknown"

// Conditions returns all of them, in the order of the troubleshooting page. Where
// several have a sentence, it is that of the first.
func Conditions() []Condition { return slices.Clone(conditions) }

// Of returns the condition of a code; what has no row is a defect of the transmission.
func Of(code Code) Condition {
	if i := slices.IndexFunc(conditions, func(c Condition) bool { return c.Code == code }); i >= 0 {
		return conditions[i]
	}
	return Condition{Code: Unknown, Title: "Something is wrong", Severity: Defect, Domain: Transmission}
}

// How long what mends itself is waited for. UNVERIFIED
const (
	asked   = time.Second      // a right that is asked for
	soon    = 3 * time.Second  // a server that starts, interfaces that are listened on, a master that is heard again after a sleep
	service = 5 * time.Second  // another service of the system that is started anew
	clock   = 15 * time.Second // a master that is found, and measured for the first time
)

// Causes that many have.
var (
	noServer = []Code{
		"sound-server-missing", "sound-server-address", "sound-server-refuses", "sound-server-too-old", "sound-server-not-ready",
		"sink-not-made", "sink-stays", "names-too-long", "sink-id-taken",
	}
	unlinked = []Code{ // on any network
		"no-carrier", "no-address", "interface-is-port", "address-not-here", "no-usable-interface", "no-wired-interface",
		"interface-unclear", "link-lost", "listening-for-signs", "interface-missing", "computer-sleeps", "other-user",
	}
	noNetwork = slices.Concat(unlinked, []Code{"first-leg-lost"})
	noPTP     = slices.Concat(noNetwork, []Code{"ptp-filtered", "firewall"})
	noMaster  = slices.Concat(noPTP, []Code{"no-ptp", "no-master", "no-sync", "clock-not-ticking", "clock-uneven", "other-ptp-program"})
)

var conditions = []Condition{
	// The sound server.
	{
		Code: "sound-server-missing", Title: "No sound server", Heading: "no sound server answers", Says: []string{"start pipewire-pulse", "is gone ("},
		Severity: Silence, Domain: Essence, Command: "systemctl --user start pipewire-pulse || pulseaudio --start",
	},
	{Code: "sound-server-address", Title: "The sound server cannot be reached", Heading: "names no server that can be reached from here", Severity: Silence, Domain: Essence},
	{Code: "sound-server-refuses", Title: "The sound server belongs to another user", Heading: "refuses us", Severity: Silence, Domain: Essence},
	{Code: "sound-server-too-old", Title: "The sound server is too old", Heading: "speaks protocol version", Severity: Silence, Domain: Essence},
	{Code: "sound-server-not-ready", Title: "The sound server is not ready", Heading: "is not ready", Severity: Silence, Domain: Essence, VisibleAfter: soon},
	{
		Code: "sink-not-made", Title: "The sound server refuses the sink", Heading: "does not make the sink", Says: []string{"shows no sink", "the sound server named the sink"},
		Severity: Silence, Domain: Essence,
	},
	{Code: "sink-stays", Title: "A sink of an earlier run stays", Heading: "stays although its module was unloaded", Severity: Silence, Domain: Essence},
	{Code: "names-too-long", Title: "Names are too long", Heading: "use shorter names", Severity: Silence, Domain: Essence},
	{
		Code: "sink-id-taken", Title: "Another program has the sink's name", Heading: "is already there and is not ours", Says: []string{"at the same time: stop one of them"},
		Severity: Silence, Domain: Essence, Pastes: true,
	},
	{Code: "volume-not-taken", Title: "The volume is not taken", Heading: "the sound server does not take the volume", Severity: Silence, Domain: Essence, DependsOn: noServer},
	{Code: "volume-raised", Title: "A program raised the volume", Heading: "a program raised the sink's volume", Severity: Defect, Domain: Essence, DependsOn: noServer},
	{Code: "volume-jumped", Title: "The volume jumped", Heading: "at once: the sound rises slowly", Severity: Defect, Domain: Essence, DependsOn: noServer},
	{Code: "volume-turned-back", Title: "The volume was turned back", Heading: "the most that safety.max-volume allows", Severity: Defect, Domain: Essence, DependsOn: noServer},
	{Code: "sink-suspended", Title: "The sink is suspended", Heading: "the sink is suspended", Severity: Silence, Domain: Essence, DependsOn: noServer, Pastes: true},
	{Code: "monitor-dead", Title: "The sound server gives no sound", Heading: "gives no sound of the sink's monitor", Severity: Silence, Domain: Essence, DependsOn: noServer, Pastes: true},
	{Code: "monitor-zeros", Title: "The sound server gives zeros", Heading: "gives zeros for what is played", Severity: Silence, Domain: Essence, DependsOn: noServer},
	{Code: "monitor-volume", Title: "The monitor's volume", Heading: "The monitor's slider jumps back", Advice: true, Severity: Notice, Domain: Essence},

	// The network.
	{Code: "first-leg-lost", Title: "The first network is lost", Heading: "the first leg is lost", Severity: Defect, Domain: Link},
	{Code: "second-leg-lost", Title: "The second network is lost", Heading: "the second leg is lost", Severity: Defect, Domain: Link, VisibleAfter: soon},
	{Code: "no-carrier", Title: "No link on the network cable", Heading: "no carrier; check the cable", Severity: Silence, Domain: Link},
	{Code: "no-address", Title: "The interface has no address", Heading: "no IPv4 address; set one or start DHCP", Severity: Silence, Domain: Transmission},
	{Code: "no-dhcp", Title: "Nobody gives addresses out", Heading: "No DHCP", Advice: true, Severity: Notice, Domain: Transmission},
	{Code: "interface-is-port", Title: "The interface belongs to another", Heading: "is a port of", Severity: Silence, Domain: Transmission},
	{
		Code: "address-not-here", Title: "No interface has the address", Heading: "is not here; there are", Says: []string{"no wired interface has it; there are"},
		Severity: Silence, Domain: Transmission,
	},
	{Code: "interface-renamed", Title: "The interface has another name", Heading: "this is the card that was", Severity: Notice, Domain: Link},
	{Code: "aes67-elsewhere", Title: "AES67 is on another interface", Heading: "which is in use; if the speakers are there", Severity: Defect, Domain: Transmission, DependsOn: noNetwork},
	{Code: "no-usable-interface", Title: "No interface can be used", Heading: "has carrier and an IPv4 address", Severity: Silence, Domain: Link},
	{Code: "no-wired-interface", Title: "No wired interface", Heading: "no wired interface", Severity: Silence, Domain: Link},
	{Code: "interface-unclear", Title: "Several interfaces could be meant", Heading: "has a sign of AES67 or the default route", Severity: Silence, Domain: Transmission},
	{Code: "link-lost", Title: "The interface has lost its link", Heading: "down while a program plays", Severity: Silence, Domain: Link},
	{Code: "no-sign", Title: "No sign of AES67", Heading: "waiting until a program plays", Severity: Notice, Domain: Transmission},
	{Code: "listening-for-signs", Title: "Looking for the speakers' network", Heading: "listening for signs of AES67", Severity: Silence, Domain: Transmission, VisibleAfter: soon},
	{Code: "interface-missing", Title: "The interface is missing", Heading: "no such interface, waiting for it", Severity: Silence, Domain: Link},
	{Code: "computer-sleeps", Title: "The computer goes to sleep", Heading: "the computer goes to sleep", Severity: Silence, Domain: Transmission},
	{Code: "packets-not-sent", Title: "Packets cannot be sent", Heading: "packets cannot be sent", Severity: Silence, Domain: Transmission, DependsOn: unlinked},
	{Code: "sender-failed", Title: "The sender failed", Heading: "the sender failed", Severity: Silence, Domain: Transmission, DependsOn: noNetwork},
	{
		Code: "sap-not-sent", Title: "SAP does not announce", Heading: "SAP announcements cannot be sent", Says: []string{"so receivers that need it do not see the streams"},
		Severity: Defect, Domain: Transmission, DependsOn: append(slices.Clone(noNetwork), "packets-not-sent"),
	},
	{Code: "sap-not-heard", Title: "SAP does not hear", Heading: "the sessions of others are not heard", Severity: Defect, Domain: Transmission, DependsOn: noNetwork},
	{Code: "ravenna-not-heard", Title: "RAVENNA sessions are not heard", Heading: "RAVENNA sessions are not heard", Severity: Notice, Domain: Transmission, VisibleAfter: service, DependsOn: noNetwork},
	{Code: "rtsp-port-taken", Title: "The RTSP port cannot be opened", Heading: "RAVENNA receivers cannot fetch the descriptions", Severity: Defect, Domain: Transmission, DependsOn: noNetwork},
	{Code: "status-not-served", Title: "The status page is not served", Heading: "status.listen:", Severity: Notice, Domain: Transmission},
	{Code: "group-conflict", Title: "Another sender uses the same group", Heading: "is also used by", Severity: Defect, Domain: Transmission, DependsOn: noNetwork},
	{
		Code: "mdns-silent", Title: "RAVENNA receivers do not list the streams", Heading: "RAVENNA receivers do not list the streams",
		Severity: Notice, Domain: Transmission, VisibleAfter: service, DependsOn: append(slices.Clone(noNetwork), "rtsp-port-taken"),
	},

	// The clock.
	{Code: "no-ptp", Title: "PTP is not permitted", Heading: "no PTP:", Severity: Defect, Domain: ExternalSynchronization, Pastes: true},
	{Code: "clock-awaited", Title: "Waiting for a clock", Heading: "waiting for a PTP clock", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noMaster, VisibleAfter: clock},
	{Code: "holdover", Title: "The grandmaster is lost", Heading: "holdover", Severity: Notice, Domain: ExternalSynchronization, DependsOn: noMaster, VisibleAfter: soon},
	{Code: "no-master", Title: "No PTP master", Heading: "no PTP master is heard in domain", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noPTP},
	{Code: "no-delay-answer", Title: "The grandmaster does not answer", Heading: "does not answer Delay_Req", Severity: Defect, Domain: ExternalSynchronization, DependsOn: noPTP},
	{Code: "delay-answer-stopped", Title: "The grandmaster no longer answers", Heading: "no longer answers Delay_Req", Severity: Defect, Domain: ExternalSynchronization, DependsOn: noPTP},
	{Code: "delay-answer-absurd", Title: "The grandmaster's answers are wrong", Heading: "with a time that is not its own", Severity: Defect, Domain: ExternalSynchronization, DependsOn: noPTP},
	{Code: "ptp-filtered", Title: "PTP is filtered", Heading: "which is not heard here", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noNetwork, Pastes: true},
	{Code: "firewall", Title: "A firewall keeps PTP out", Heading: "do not reach this program", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noNetwork, Pastes: true},
	{Code: "no-sync", Title: "No Sync arrives", Heading: "announces itself but no Sync arrives", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noPTP},
	{
		Code: "ptp-not-sent", Title: "PTP messages cannot be sent", Heading: "PTP messages cannot be sent",
		Severity: Defect, Domain: ExternalSynchronization, DependsOn: append(slices.Clone(noNetwork), "packets-not-sent"),
	},
	{Code: "no-transmit-timestamps", Title: "The driver gives no timestamps", Heading: "gives no transmit timestamps", Severity: Defect, Domain: ExternalSynchronization, DependsOn: noNetwork},
	{Code: "clock-uneven", Title: "The grandmaster cannot be followed", Heading: "come so irregularly", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noNetwork},
	{Code: "clock-not-ticking", Title: "The grandmaster does not tick", Heading: "time does not tick", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noNetwork},
	{Code: "other-ptp-program", Title: "Another PTP program runs here", Heading: "another PTP program runs on this computer", Severity: Silence, Domain: ExternalSynchronization, DependsOn: noNetwork},
	{
		Code: "too-many-interfaces", Title: "PTP is not heard on all interfaces", Heading: "no PTP is heard on some interfaces",
		Severity: Notice, Domain: ExternalSynchronization, Command: "sudo sysctl -w net.ipv4.igmp_max_memberships=100",
	},

	// One program only.
	{Code: "already-running", Title: "The bridge runs already", Heading: "is already running: look at it with", Severity: Silence, Domain: Transmission, Command: "aes67-sink status"},
	{Code: "other-user", Title: "Another user's bridge has the network", Heading: "owns the network side", Says: []string{"network side "}, Severity: Silence, Domain: Transmission},
	{Code: "wrong-session", Title: "Not the user's own session", Heading: "run the bridge in the user's own session", Severity: Silence, Domain: Transmission},
	{Code: "runtime-directory", Title: "The runtime directory is not safe", Heading: "runtime directory", Severity: Silence, Domain: Transmission},
	{Code: "lock-contested", Title: "The lock is removed", Heading: "removed again and again by another program", Severity: Silence, Domain: Transmission},
	{Code: "internal-error", Title: "A fault of the program", Heading: "please report it with the log", Says: []string{"internal error: "}, Severity: Silence, Domain: Transmission},

	// Sound.
	{Code: "sink-hidden", Title: "The sink is hidden", Heading: "The sink is not in the sound settings", Advice: true, Severity: Notice, Domain: Essence},
	{Code: "idle", Title: "Nothing plays", Heading: "idle: nothing plays", Severity: Notice, Domain: Essence},
	{Code: "stream-not-shown", Title: "The speaker does not show the stream", Heading: "The speaker does not show the stream", Advice: true, Severity: Notice, Domain: Transmission},
	{Code: "sound-stops", Title: "Sound stops after some minutes", Heading: "Sound stops after some minutes", Advice: true, Severity: Notice, Domain: Transmission},
	{
		Code: "sound-broke-off", Title: "The sound breaks off", Heading: "the sound broke off",
		Severity: Defect, Domain: Essence, DependsOn: append(slices.Clone(noServer), "priority-lost", "sound-server-overloaded"),
	},
	{
		Code: "priority-lost", Title: "Real-time priority was lost", Heading: "packets may be late", Says: []string{"took the real-time priority away"},
		Severity: Defect, Domain: Transmission, Pastes: true,
	},
	{Code: "latency-too-short", Title: "The latency cannot be kept", Heading: "but the sound server hands over", Severity: Defect, Domain: Essence, DependsOn: noServer},
	{Code: "sound-lost", Title: "Sound was lost", Heading: "too much came at once", Severity: Defect, Domain: Essence, DependsOn: noServer},
	{
		Code: "slider-moves-stream", Title: "The slider moves the stream's level", Heading: "the slider moves the stream's level, not the speakers'",
		Severity: Notice, Domain: Essence, VisibleAfter: soon, DependsOn: noServer, Pastes: true,
	},
	{Code: "speaker-muted", Title: "A speaker is muted", Heading: "is muted at the speaker", Severity: Notice, Domain: Essence, VisibleAfter: soon, Pastes: true},
	{Code: "speaker-sleeps-soon", Title: "A speaker is going to sleep", Heading: "although something plays", Severity: Notice, Domain: Essence, VisibleAfter: soon, Pastes: true},
	{Code: "sound-server-overloaded", Title: "The sound server is overloaded", Heading: "the sound server lost time", Severity: Defect, Domain: Essence, DependsOn: noServer, Pastes: true},
}
