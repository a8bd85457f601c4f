package doctor

import (
	"time"

	"aes67-sink/health"
)

// wireTime is how long packets are looked for on the wire: what is sent is seen within
// some ms, an IGMP query comes each 125 s (RFC 3376, 8.2), so mostly not.
const wireTime = time.Second

// on writes what a check depends on.
func on(codes ...health.Code) []health.Code { return codes }

// Checks is the table: every check there is, in the order in which it is told. Where the
// running bridge may find the same condition, the code is that of package health.
func Checks() []Check {
	return []Check{
		{
			Code: "bridge", Title: "Running bridge",
			Looks:    "every problem that the running bridge knows of",
			Severity: health.Defect, Run: checkBridge,
		},
		{
			Code: "not-running", Title: "Bridge",
			Looks:     "whether this user's bridge answers on its control socket",
			DependsOn: on("configuration", "unit"), Severity: health.Silence, Run: checkRunning,
		},
		{
			Code: "configuration", Title: "Configuration",
			Looks:    "the configuration's faults",
			Severity: health.Silence, Run: checkConfiguration,
		},
		{
			Code: "unit", Title: "Service",
			Looks:    "the systemd unit of this user",
			Severity: health.Silence, Run: checkUnit,
		},
		{
			Code: "version", Title: "Version",
			Looks:    "the running bridge's version against this program's, and whether its file was replaced",
			Severity: health.Notice, Run: checkVersion,
		},
		{
			Code: "second-copy", Title: "Other copies",
			Looks:    "processes of the bridge on this computer",
			Severity: health.Defect, Run: checkCopies,
		},
		{
			Code: "disk", Title: "Disk",
			Looks:    "the state directory: whether it can be written, and what is left",
			Severity: health.Notice, Run: checkDisk,
		},

		{
			Code: "sound-server-missing", Title: "Sound server",
			Looks:    "the server that the bridge has, else whether one answers",
			Severity: health.Silence, Run: checkSoundServer,
		},
		{
			Code: "sound-rate", Title: "Sample rates",
			Looks:     "the rate that the server mixes at, and the sink's",
			DependsOn: on("sound-server-missing"), Run: checkSoundRate,
		},
		{
			Code: "quantum", Title: "Sound server's cycles",
			Looks:     "PipeWire's settings (`pw-metadata`)",
			DependsOn: on("sound-server-missing"), Run: checkQuantum,
		},
		{
			Code: "default-sink", Title: "Chosen output",
			Looks:     "which output is the chosen one",
			DependsOn: on("sound-server-missing"), Run: checkDefaultSink,
		},
		{
			Code: "muted", Title: "Mute",
			Looks:     "the sink's mute",
			DependsOn: on("sound-server-missing"), Severity: health.Silence, Run: checkMuted,
		},
		{
			Code: "realtime", Title: "Real-time priority",
			Looks:    "what the sender has, with the packets that were late; else RealtimeKit on the bus",
			Severity: health.Notice, Says: []string{"packets may be late: "}, Run: checkRealtime,
		},
		{
			Code: "governor", Title: "Processor",
			Looks: "how the processor's frequency is chosen",
			Run:   checkGovernor,
		},

		{
			Code: "no-carrier", Title: "Cable",
			Looks:    "the interface in use, else the one that would be",
			Severity: health.Silence, Run: checkCarrier,
		},
		{
			Code: "no-address", Title: "Address",
			Looks:     "its IPv4 address: leased, link-local or set by hand",
			DependsOn: on("no-carrier", "interface-is-port"), Severity: health.Silence, Run: checkAddress,
		},
		{
			Code: "link", Title: "Link",
			Looks:     "its speed and duplex",
			DependsOn: on("no-carrier"), Severity: health.Defect, Run: checkLink,
		},
		{
			Code: "eee", Title: "Energy Efficient Ethernet",
			Looks:     "whether the link sleeps between packets (ethtool), with how steady the clock is",
			DependsOn: on("no-carrier"), Severity: health.Defect, Run: checkEnergy,
		},
		{
			Code: "packets-not-sent", Title: "Packets on the wire",
			Looks:     "packets on their way out (packet socket), else the interface's count",
			DependsOn: on("no-carrier", "no-address"), Severity: health.Silence, Run: checkPackets,
		},
		{
			Code: "firewall", Title: "Firewall",
			Looks:     "whether PTP reaches the bridge, else whether a message that does not leave the computer comes back",
			DependsOn: on("no-carrier", "no-address"), Severity: health.Defect, Says: []string{"which is not heard here"}, Run: checkFirewall,
		},
		{
			Code: "querier", Title: "IGMP querier",
			Looks:     "IGMP queries (raw socket), else the version that the kernel answers in",
			DependsOn: on("no-carrier", "no-address"), Deadline: wireTime + usualDeadline, Run: checkQuerier,
		},
		{
			Code: "group-conflict", Title: "Multicast groups",
			Looks:    "the groups of others (`list`) against ours",
			Severity: health.Defect, Run: checkGroups,
		},

		{
			Code: "no-ptp", Title: "Permission for PTP",
			Looks:     "whether the bridge has the PTP ports, else the file's capability",
			DependsOn: on("other-ptp-program"), Severity: health.Defect, Run: checkCapability,
		},
		{
			Code: "other-ptp-program", Title: "PTP ports",
			Looks:    "who has UDP ports 319 and 320",
			Severity: health.Defect, Run: checkPorts,
		},
		{
			Code: "no-master", Title: "PTP masters",
			Looks:     "each PTP master, and why it is followed or not",
			DependsOn: on("no-carrier", "no-address", "firewall", "no-ptp", "other-ptp-program"), Severity: health.Defect, Run: checkMasters,
		},
		{
			Code: "descriptions", Title: "Clocks of other senders",
			Looks:     "the grandmasters that other sessions name, against those heard",
			DependsOn: on("no-master", "firewall"), Severity: health.Notice, Run: checkDescriptions,
		},

		{
			Code: "sap-not-sent", Title: "Announcements",
			Looks:    "SAP, and the descriptions for RAVENNA",
			Severity: health.Defect, Says: []string{"receivers cannot fetch the descriptions"}, Run: checkAnnounce,
		},
		{
			Code: "mdns-silent", Title: "Avahi",
			Looks:    "whether the sessions are published, else Avahi on the bus",
			Severity: health.Defect, Run: checkAvahi,
		},
		{
			Code: "speakers", Title: "Loudspeakers",
			Looks:    "the pair that is remembered: what the bridge knows of it, else what the speakers say",
			Severity: health.Notice, Says: []string{"not the speakers'", "is muted at the speaker", "although something plays"}, Run: checkSpeakers,
		},
		{
			Code: "others", Title: "Others heard",
			Looks:     "how many sessions and masters are heard",
			DependsOn: on("no-carrier", "no-address", "firewall"), Run: checkOthers,
		},
	}
}
