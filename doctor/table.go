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

// Checks is the table: every check there is, in the order in which it is told.
func Checks() []Check {
	return []Check{
		{Code: "bridge", Title: "Running bridge", Severity: health.Defect, Run: checkBridge},
		{Code: "not-running", Title: "Bridge", DependsOn: on("configuration", "unit"), Severity: health.Silence, Run: checkRunning},
		{Code: "configuration", Title: "Configuration", Severity: health.Silence, Run: checkConfiguration},
		{Code: "unit", Title: "Service", Severity: health.Silence, Run: checkUnit},
		{Code: "version", Title: "Version", Severity: health.Notice, Run: checkVersion},
		{Code: "second-copy", Title: "Other copies", Severity: health.Defect, Run: checkCopies},
		{Code: "disk", Title: "Disk", Severity: health.Notice, Run: checkDisk},

		{Code: "sound-server", Title: "Sound server", Severity: health.Silence, Says: []string{"no sound server answers"}, Run: checkSoundServer},
		{Code: "sound-rate", Title: "Sample rates", DependsOn: on("sound-server"), Run: checkSoundRate},
		{Code: "quantum", Title: "Sound server's cycles", DependsOn: on("sound-server"), Run: checkQuantum},
		{Code: "default-sink", Title: "Chosen output", DependsOn: on("sound-server"), Run: checkDefaultSink},
		{Code: "muted", Title: "Mute", DependsOn: on("sound-server"), Severity: health.Silence, Run: checkMuted},
		{Code: "realtime", Title: "Real-time priority", Severity: health.Notice, Says: []string{"packets may be late: "}, Run: checkRealtime},
		{Code: "governor", Title: "Processor", Run: checkGovernor},

		{Code: "carrier", Title: "Cable", Severity: health.Silence, Says: []string{"no carrier"}, Run: checkCarrier},
		{Code: "address", Title: "Address", DependsOn: on("carrier"), Severity: health.Silence, Says: []string{"no IPv4 address"}, Run: checkAddress},
		{Code: "link", Title: "Link", DependsOn: on("carrier"), Severity: health.Defect, Run: checkLink},
		{Code: "eee", Title: "Energy Efficient Ethernet", DependsOn: on("carrier"), Severity: health.Defect, Run: checkEnergy},
		{Code: "packets", Title: "Packets on the wire", DependsOn: on("carrier", "address"), Severity: health.Silence, Says: []string{"packets cannot be sent"}, Run: checkPackets},
		{Code: "firewall", Title: "Firewall", DependsOn: on("carrier", "address"), Severity: health.Defect, Says: []string{"do not reach this program", "which is not heard here"}, Run: checkFirewall},
		{Code: "querier", Title: "IGMP querier", DependsOn: on("carrier", "address"), Deadline: wireTime + usualDeadline, Run: checkQuerier},
		{Code: "group", Title: "Multicast groups", Severity: health.Defect, Says: []string{"is also used by"}, Run: checkGroups},

		{Code: "capability", Title: "Permission for PTP", Severity: health.Defect, Says: []string{"setcap cap_net_bind_service"}, Run: checkCapability},
		{
			Code: "ptp-ports", Title: "PTP ports", Severity: health.Defect,
			Says: []string{"another PTP program runs on this computer", "end the program that holds the port"}, Run: checkPorts,
		},
		{Code: "masters", Title: "PTP masters", DependsOn: on("carrier", "address", "firewall", "capability", "ptp-ports"), Severity: health.Defect, Says: []string{"no PTP master is heard in domain"}, Run: checkMasters},
		{Code: "descriptions", Title: "Clocks of other senders", DependsOn: on("masters", "firewall"), Severity: health.Notice, Run: checkDescriptions},

		{Code: "announce", Title: "Announcements", Severity: health.Defect, Says: []string{"SAP announcements cannot be sent", "receivers cannot fetch the descriptions"}, Run: checkAnnounce},
		{Code: "avahi", Title: "Avahi", Severity: health.Defect, Says: []string{"receivers do not list the streams"}, Run: checkAvahi},
		{Code: "others", Title: "Others heard", DependsOn: on("carrier", "address", "firewall"), Run: checkOthers},
	}
}
