package doctor

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/health"
	"aes67-sink/internal/redact"
	"aes67-sink/status"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func link(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
}

// The user of the tests, and the one who serves a clock.
const uid, ptp4lUID = 1000, 0

// healthy are the facts of a computer on which all is well, while a bridge sends.
func healthy() *Facts {
	f := &Facts{
		Version: "1.0.0", UID: uid, Program: "/usr/bin/aes67-sink", StartCommand: "systemctl --user start aes67-sink", RestartCommand: "systemctl --user restart aes67-sink",
		Unit: "installed as /usr/lib/systemd/user/aes67-sink.service", Interface: "auto",
		SinkID: "aes67", SinkName: "AES67 Speakers", SinkRateHz: 48000, StateDirectory: "/home/anna/.local/state/aes67-sink",
		Root: fstest.MapFS{
			"proc/self/net/route":       file("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neno1\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\n"),
			"proc/self/net/dev":         file("Inter-|   Receive\n face |bytes\n  eno1: 1 2 0 0 0 0 0 0 9 5000 0 0 0 0 0 0\n"),
			"proc/self/net/igmp":        file("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n4\teno1      :     1      V2\n"),
			"proc/self/net/udp":         file("  sl  local_address rem_address\n 1: 00000000:013F 00000000:0000 07 0:0 00:0 0 1000 0 77 2 0 0\n 2: 00000000:0140 00000000:0000 07 0:0 00:0 0 1000 0 78 2 0 0\n 3: 00000000:013F 01010101:0001 07 0:0 00:0 0 0 0 99 2 0 0\n"),
			"proc/self/ns/net":          link("net:[1]"),
			"proc/41/comm":              file("aes67-sink\n"),
			"proc/41/cmdline":           file("/usr/bin/aes67-sink\x00run\x00"),
			"proc/41/status":            file("Name:\taes67-sink\nUid:\t1000\t1000\t1000\t1000\n"),
			"proc/41/ns/net":            link("net:[1]"),
			"proc/41/exe":               link("/usr/bin/aes67-sink"),
			"proc/41/fd/7":              link("socket:[77]"),
			"sys/class/net/eno1/speed":  file("1000\n"),
			"sys/class/net/eno1/duplex": file("full\n"),
			"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": file("powersave\n"),
		},
		Bridge: &status.Model{
			Version: "1.0.0", State: status.Sending,
			Sink:     status.Sink{Server: "PulseAudio (on PipeWire 1.4.2)", Name: "AES67 Speakers", ID: "aes67", Muted: new(false)},
			Clock:    status.Clock{State: "locked", Role: "follower", Grandmaster: "00-1B-21-FF-FE-3A-4C-5D", OffsetRMSNS: new(int64(800)), Masters: []status.ListedMaster{{Grandmaster: "00-1B-21-FF-FE-3A-4C-5D", Followed: true, Why: "the only master of domain 0"}}},
			Network:  status.Network{Interface: "eno1", Address: "192.168.1.5"},
			Streams:  []status.Stream{{Name: "studio-pc Left", Group: "239.69.1.1", Port: 5004, PtimeUS: 1000, Packets: 12000}},
			Sender:   &status.Thread{Policy: "SCHED_RR", Priority: 20, By: "RealtimeKit"},
			Announce: status.Announce{SAP: "announcing", MDNS: "established"}, Heard: status.Heard{Sessions: 1, Masters: 1},
		},
		Listing: &status.Listing{
			Sessions: []status.ListedSession{
				{Name: "studio-pc Left", Own: true, Interface: "eno1", Group: "239.69.1.1"},
				{Name: "Stage", Source: "192.168.1.9", Interface: "eno1", Group: "239.69.1.2", Clock: "ptp=IEEE1588-2008:00-1B-21-FF-FE-3A-4C-5D:0"},
			},
			Masters: []status.ListedMaster{{Grandmaster: "00-1B-21-FF-FE-3A-4C-5D"}},
		},
		Sound: func(context.Context) (SoundServer, error) {
			return SoundServer{Name: "PulseAudio (on PipeWire 1.4.2)", RateHz: 48000, Default: "aes67", SinkThere: true}, nil
		},
		Probes: Probes{
			Interfaces: func() ([]Interface, error) {
				return []Interface{
					{Name: "docker0", Index: 3, Addrs: []netip.Addr{netip.MustParseAddr("172.17.0.1")}},
					{Name: "eno1", Index: 2, Carrier: true, Leased: true, Addrs: []netip.Addr{netip.MustParseAddr("192.168.1.5")}},
				}, nil
			},
			Capable:  func(string) (bool, error) { return true, nil },
			Ethernet: func(string) (Ethernet, error) { return Ethernet{Enabled: true, Active: true}, nil },
			Disk:     func(string) (Disk, error) { return Disk{Writable: true, Free: 1 << 30}, nil },
			Echo:     func(context.Context, int) (bool, error) { return true, nil },
			Packets:  func(_ context.Context, _ int, groups []netip.AddrPort) (int, error) { return len(groups), nil },
			Querier:  func(context.Context) (netip.Addr, error) { return netip.Addr{}, unix.EPERM },
			Bus:      func(context.Context, string) (Presence, error) { return Running, nil },
			Realtime: func() bool { return false },
			PipeWire: func(context.Context) (map[string]string, error) {
				return map[string]string{"clock.rate": "48000", "clock.allowed-rates": "[ 48000 ]", "clock.quantum": "1024", "clock.min-quantum": "32", "clock.max-quantum": "2048"}, nil
			},
		},
	}
	return f
}

// alone is healthy without a running bridge.
func alone(f *Facts) {
	f.Bridge, f.Listing, f.Unreachable = nil, nil, status.ErrNotRunning
	for name := range f.Root.(fstest.MapFS) {
		if strings.HasPrefix(name, "proc/41/") || name == "proc/self/net/udp" {
			delete(f.Root.(fstest.MapFS), name)
		}
	}
}

func set(f *Facts, name, text string) { f.Root.(fstest.MapFS)[name] = file(text) }

func interfaceIs(f *Facts, change func(*Interface)) {
	all, _ := f.Interfaces()
	change(&all[1])
	f.Interfaces = func() ([]Interface, error) { return all, nil }
}

// told are the codes of what is told as ill, the worst first.
func told(r Report) (codes []health.Code) {
	for i := range r.Items {
		if r.Items[i].told() {
			codes = append(codes, r.Items[i].Code)
		}
	}
	return codes
}

func TestAHealthyComputerHasOneLine(t *testing.T) {
	r := Run(t.Context(), healthy())
	if got := r.Text(0, false); !r.Well() || got != fmt.Sprintf("all is well: %d checks, 0 without an answer (aes67-sink doctor -v shows them)\n", len(Checks())) {
		t.Errorf("%s", r.Text(0, true))
	}
	if lines := strings.Count(r.Text(0, true), "\n"); lines != len(Checks())+1 {
		t.Errorf("with -v %d lines, want one a check and the verdict:\n%s", lines, r.Text(0, true))
	}
	f := healthy()
	alone(f)
	if got := told(Run(t.Context(), f)); !slices.Equal(got, []health.Code{"not-running"}) {
		t.Errorf("without a bridge %v, want that alone", got)
	}
}

// faults make each check that judges fire, with a part of its sentence, and its command.
var faults = map[health.Code][]struct {
	fault             func(*Facts)
	sentence, command string
}{
	"bridge": {
		{func(f *Facts) {
			f.Bridge.Problems = []health.Finding{{Code: "bridge", Sentence: "SAP is odd", Command: "sudo mend it", Severity: health.Defect}}
		}, "SAP is odd", "sudo mend it"},
	},
	"not-running": {
		{alone, "no aes67-sink of this user is running", "systemctl --user start aes67-sink"},
		{func(f *Facts) { alone(f); f.Unreachable = fmt.Errorf("control: %w", status.ErrHangs) }, "the bridge is there and does not answer", "systemctl --user restart aes67-sink"},
		{func(f *Facts) { alone(f); f.Unreachable = unix.EACCES }, "the bridge cannot be asked: permission denied", "systemctl --user restart aes67-sink"},
	},
	"configuration": {{func(f *Facts) { f.Configuration = errors.New("config.toml:2: stream.ttl = 0\nclock: unknown key") }, "2 faults, the first: config.toml:2: stream.ttl = 0", "aes67-sink check"}},
	"unit": {
		{func(f *Facts) { alone(f); f.StartCommand = "aes67-sink on" }, "switched off for this user", "aes67-sink on"},
		{func(f *Facts) {
			alone(f)
			f.Service = func(context.Context) (string, string) { return "enabled", "failed" }
		}, "the service has failed", "journalctl --user -u aes67-sink -e"},
	},
	"version": {
		{func(f *Facts) { f.Version = "1.1.0" }, "the bridge that runs is version 1.0.0, this program is 1.1.0", "systemctl --user restart aes67-sink"},
		{func(f *Facts) { f.Root.(fstest.MapFS)["proc/41/exe"] = link("/usr/bin/aes67-sink (deleted)") }, "the bridge runs on as version 1.0.0", "systemctl --user restart aes67-sink"},
	},
	"second-copy": {{func(f *Facts) {
		set(f, "proc/52/comm", "aes67-sink\n")
		set(f, "proc/52/cmdline", "./aes67-sink\x00run\x00--set\x00sink.id=b\x00")
		set(f, "proc/52/status", "Uid:\t1000\t1000\t1000\t1000\n")
		f.Root.(fstest.MapFS)["proc/52/ns/net"] = link("net:[1]")
	}, "2 bridges of this user run (processes 41, 52)", "kill 52"}},
	"disk": {
		{func(f *Facts) { f.Disk = func(string) (Disk, error) { return Disk{Free: 1 << 30}, nil } }, "/home/anna/.local/state/aes67-sink cannot be written", "sudo chown -R $USER /home/anna/.local/state/aes67-sink"},
		{func(f *Facts) { f.Disk = func(string) (Disk, error) { return Disk{true, 3 << 20}, nil } }, "/home/anna/.local/state/aes67-sink has 3 MB left", ""},
	},
	"sound-server-missing": {{func(f *Facts) {
		f.Bridge.Sink.Server = ""
		f.Sound = func(context.Context) (SoundServer, error) {
			return SoundServer{}, errors.New("no sound server answers at /run/x")
		}
	}, "no sound server answers at /run/x", "systemctl --user start pipewire-pulse"}},
	"muted": {{func(f *Facts) { f.Bridge.Sink.Muted = new(true) }, "AES67 Speakers is muted", "pactl set-sink-mute aes67 0"}},
	"realtime": {
		{func(f *Facts) {
			f.Bridge.Sender, f.Bridge.Streams[0].Late = &status.Thread{Policy: "SCHED_OTHER", Why: "RealtimeKit is not there"}, 3
			f.Bus = func(context.Context, string) (Presence, error) { return Absent, nil }
		}, "3 late packets and no real-time priority", "sudo apt install rtkit"},
		{func(f *Facts) { f.Bridge.Sender, f.Bridge.Streams[0].Late = &status.Thread{Why: "taken away"}, 1 }, "1 late packet and no real-time priority: taken away", "systemctl --user restart aes67-sink"},
	},
	"no-carrier": {
		{func(f *Facts) { interfaceIs(f, func(i *Interface) { i.Carrier = false }) }, "eno1: no carrier", ""},
		{func(f *Facts) { f.Bridge.Network.Interface, f.Interface = "", "eno9" }, "eno9: no such interface", ""},
		{func(f *Facts) {
			f.Bridge.Network.Interface = ""
			f.Interfaces = func() ([]Interface, error) {
				return []Interface{{Name: "wlan0", Index: 5, Wireless: true, Carrier: true}}, nil
			}
		}, "no wired interface has a link partner", ""},
	},
	"no-address": {{func(f *Facts) { interfaceIs(f, func(i *Interface) { i.Addrs = nil }) }, "eno1: no IPv4 address", ""}},
	"link": {
		{func(f *Facts) { set(f, "sys/class/net/eno1/duplex", "half\n") }, "eno1 runs at 1000 Mbit/s half duplex", "sudo ethtool -s eno1 autoneg on"},
		{func(f *Facts) { set(f, "sys/class/net/eno1/speed", "10\n") }, "eno1 runs at 10 Mbit/s, AES67 wants 100", "sudo ethtool -s eno1 autoneg on"},
	},
	"eee": {{func(f *Facts) { f.Bridge.Clock.OffsetRMSNS = new(int64(35_000)) }, "the offset from the grandmaster varies by 35 µs", "sudo ethtool --set-eee eno1 eee off"}},
	"packets-not-sent": {
		{func(f *Facts) {
			f.Packets = func(context.Context, int, []netip.AddrPort) (int, error) { return 0, nil }
		}, "of 1 streams only 0 leave by eno1", "systemctl --user restart aes67-sink"},
		{func(f *Facts) {
			f.Packets = func(context.Context, int, []netip.AddrPort) (int, error) { return 0, unix.EPERM }
		}, "eno1 sent 0 packets in 300ms, the streams alone are at least 150", "systemctl --user restart aes67-sink"},
	},
	"firewall": {
		{func(f *Facts) {
			f.Bridge.Clock.State = ""
			f.Echo = func(context.Context, int) (bool, error) { return false, nil }
			set(f, "etc/ufw/ufw.conf", "ENABLED=yes\n")
		}, "what is sent to a multicast group on eno1 does not come back to programs here: ufw is on", `sudo ufw allow "AES67 Speakers"`},
		{func(f *Facts) { // which has nothing come back yet
			f.Bridge.State, f.Bridge.Network, f.Bridge.Streams = status.Idle, status.Network{}, nil
			f.Echo = func(context.Context, int) (bool, error) { return false, nil }
			set(f, "etc/ufw/ufw.conf", "ENABLED=yes\n")
		}, "what is sent to a multicast group on eno1 does not come back to programs here: ufw is on", `sudo ufw allow "AES67 Speakers"`},
	},
	"group-conflict": {
		{func(f *Facts) { f.Listing.Sessions[1].Group = "239.69.1.1" }, `239.69.1.1, the group of "studio-pc Left", is also used by "Stage" of 192.168.1.9`, ""},
		{func(f *Facts) {
			f.Bridge.Network.Secondary, f.Bridge.Streams[0].SecondGroup = &status.Leg{Interface: "eno2"}, "239.69.2.1"
			f.Listing.Sessions[1].Interface, f.Listing.Sessions[1].Group = "eno2", "239.69.2.1"
		}, `239.69.2.1, the group of "studio-pc Left", is also used by "Stage"`, ""},
	},
	"no-ptp": {{func(f *Facts) {
		f.Bridge.Clock.State = ""
		f.Capable = func(string) (bool, error) { return false, nil }
	}, "/usr/bin/aes67-sink has no permission for the PTP ports", "sudo setcap cap_net_bind_service+ep /usr/bin/aes67-sink"}},
	"other-ptp-program": {
		{func(f *Facts) { ptp4l(f); set(f, "proc/60/cgroup", "0::/system.slice/ptp4l.service\n") }, "ptp4l (process 60) has UDP ports 319 and 320", "sudo systemctl disable --now ptp4l.service"},
		{func(f *Facts) { ptp4l(f); set(f, "proc/60/cgroup", "0::/user.slice/x.scope\n") }, "ptp4l (process 60) has UDP ports 319 and 320", "sudo kill 60"},
		{func(f *Facts) { ptp4l(f); delete(f.Root.(fstest.MapFS), "proc/60/fd/5") }, "a program of user 0 has UDP ports 319 and 320", "sudo ss -ulpn 'sport = :319 or sport = :320'"},
	},
	"no-master": {{func(f *Facts) {
		f.Bridge.Problems = []health.Finding{health.Find("no PTP master is heard in domain 0")}
	}, "no PTP master is heard in domain 0", ""}},
	"descriptions": {{func(f *Facts) { f.Listing.Sessions[1].Clock = "ptp=IEEE1588-2008:00-00-00-FF-FE-00-00-09:0" }, `"Stage" of 192.168.1.9 goes by grandmaster 00-00-00-FF-FE-00-00-09`, "aes67-sink list"}},
	"speakers": {
		{func(f *Facts) {
			speakersAre(f, func(s *status.Speaker) { s.Reachable, s.Problem = false, "connection refused; is it on?" })
		}, "Right does not answer: connection refused", "aes67-sink speakers"},
		{func(f *Facts) {
			speakersAre(f, func(s *status.Speaker) { s.Warnings = []string{"TEMPERATURE", "FAN"} })
		}, "Right warns: TEMPERATURE, FAN", ""},
		{func(f *Facts) { speakersAre(f, func(s *status.Speaker) { s.Muted = new(true) }) }, "Right is muted at the speaker", "aes67-sink speakers mute off --on right"},
	},
	"sap-not-sent": {{func(f *Facts) {
		f.Bridge.Problems = []health.Finding{health.Find("SAP announcements " + "cannot be sent: no")}
	}, "cannot be sent: no", ""}},
	"mdns-silent": {
		{func(f *Facts) { avahiIs(f, Absent) }, "not installed, or switched off", "sudo apt install avahi-daemon"},
		{func(f *Facts) { avahiIs(f, Startable) }, "not running", "sudo systemctl enable --now avahi-daemon"},
		{func(f *Facts) {
			avahiIs(f, Absent)
			f.Bridge.Problems = []health.Finding{health.Find("RAVENNA receivers do " + "not list the streams: no Avahi")}
		}, "not list the streams: no Avahi", "sudo apt install avahi-daemon"},
	},
}

// speakersAre gives the bridge a pair, of which the right one is changed.
func speakersAre(f *Facts, change func(*status.Speaker)) {
	left := status.Speaker{Name: "Left", Channel: "front-left", Reachable: true, LevelDBSPL: new(status.Tenths(72)), Muted: new(false), Local: new(false), StandbyInM: new(status.Tenths(90))}
	right := left
	right.Name, right.Channel = "Right", "front-right"
	change(&right)
	f.Bridge.Speakers = []status.Speaker{left, right}
}

// TestThePairIsLookedAt, and is asked where there is no bridge.
func TestThePairIsLookedAt(t *testing.T) {
	for _, test := range []struct {
		change  func(*status.Speaker)
		outcome Outcome
		says    string
	}{
		{func(*status.Speaker) {}, Well, "Left at 72.0 dB, Right at 72.0 dB"},
		{func(s *status.Speaker) { s.Local = new(true) }, Fact, "Right is set to LOCAL: its level is that of the switch at its rear"},
		{func(s *status.Speaker) { s.StandbyInM = new(status.Tenths(0)) }, Fact, "Right sleeps until something plays"},
		{func(s *status.Speaker) { s.Warnings = []string{"FAN"} }, Ill, "Right warns: FAN"},
	} {
		f := healthy()
		speakersAre(f, test.change)
		pair := f.Bridge.Speakers
		if r := checkSpeakers(t.Context(), f); r.Outcome != test.outcome || r.Sentence != test.says {
			t.Errorf("%+v, want %s: %s", r, test.outcome, test.says)
		}
		f.Bridge, f.Speakers = nil, func(context.Context) []status.Speaker { return pair }
		if r := checkSpeakers(t.Context(), f); r.Outcome != test.outcome || r.Sentence != test.says {
			t.Errorf("without a bridge %+v, want %s: %s", r, test.outcome, test.says)
		}
	}
}

// TestBothSpeakersAreTold, and a mute only where the slider has not done it.
func TestBothSpeakersAreTold(t *testing.T) {
	f := healthy()
	speakersAre(f, func(s *status.Speaker) { s.Warnings = []string{"FAN"} })
	f.Bridge.Speakers[0].Muted = new(true)
	if r := checkSpeakers(t.Context(), f); r.Outcome != Ill || r.Sentence != "Left is muted at the speaker: nothing is heard of it; Right warns: FAN" || r.Command != "" {
		t.Errorf("%+v", r)
	}
	speakersAre(f, func(s *status.Speaker) { s.Muted = new(true) })
	f.Bridge.Sink.Muted = new(true)
	if r := checkSpeakers(t.Context(), f); r.Outcome != Well {
		t.Errorf("with the sink muted: %+v", r)
	}
}

// TestWhatTheBridgeSaysOfASpeakerIsSaidOnce.
func TestWhatTheBridgeSaysOfASpeakerIsSaidOnce(t *testing.T) {
	f := healthy()
	speakersAre(f, func(s *status.Speaker) { s.Reachable = false })
	f.Bridge.Problems = []health.Finding{health.Find("the slider moves the stream's level, " + "not the speakers': Right does not answer; is it on?")}
	if got := told(Run(t.Context(), f)); !slices.Equal(got, []health.Code{"slider-moves-stream"}) {
		t.Errorf("told are %v", got)
	}
}

func ptp4l(f *Facts) {
	old := f.Root.(fstest.MapFS)["proc/self/net/udp"].Data
	set(f, "proc/self/net/udp", string(old)+fmt.Sprintf(" 4: 00000000:013F 00000000:0000 07 0:0 00:0 0 %d 0 90 2 0 0\n", ptp4lUID))
	set(f, "proc/60/comm", "ptp4l\n")
	f.Root.(fstest.MapFS)["proc/60/fd/5"] = link("socket:[90]")
}

func avahiIs(f *Facts, p Presence) {
	f.Bridge.Announce.MDNS = "waiting"
	f.Bus = func(context.Context, string) (Presence, error) { return p, nil }
}

func TestEachFaultIsNamedAlone(t *testing.T) {
	for _, c := range Checks() {
		if c.Severity != "" && len(faults[c.Code]) == 0 {
			t.Errorf("%s can be ill, and no fault here makes it so", c.Code)
		}
	}
	for code, all := range faults {
		for i, test := range all {
			f := healthy()
			test.fault(f)
			r := Run(t.Context(), f)
			if got := told(r); !slices.Equal(got, []health.Code{code}) {
				t.Errorf("%s, fault %d: told is %v\n%s", code, i+1, got, r.Text(0, true))
				continue
			}
			item := r.Items[0]
			if !strings.Contains(item.Sentence, test.sentence) || item.Command != test.command || item.Severity == "" {
				t.Errorf("%s, fault %d: %q with %q (%s), want %q with %q", code, i+1, item.Sentence, item.Command, item.Severity, test.sentence, test.command)
			}
		}
	}
}

func TestWhatIsNotKnownIsNoFault(t *testing.T) {
	denied := errors.New("not asked")
	f := healthy()
	alone(f)
	f.Root = fstest.MapFS{}
	f.Capable = func(string) (bool, error) { return false, denied }
	f.Ethernet = func(string) (Ethernet, error) { return Ethernet{}, denied }
	f.Disk = func(string) (Disk, error) { return Disk{}, denied }
	f.Echo = func(context.Context, int) (bool, error) { return false, denied }
	f.Bus = func(context.Context, string) (Presence, error) { return Absent, denied }
	f.PipeWire = func(context.Context) (map[string]string, error) { return nil, denied }
	r := Run(t.Context(), f)
	if got := told(r); !slices.Equal(got, []health.Code{"not-running"}) {
		t.Errorf("told is %v, want not-running alone", got)
	}
	for _, code := range []health.Code{"no-ptp", "eee", "disk", "firewall", "mdns-silent", "realtime", "quantum", "governor", "querier", "bridge"} {
		if i := slices.IndexFunc(r.Items, func(i Item) bool { return i.Code == code }); r.Items[i].Outcome != Unknown || r.Items[i].Sentence == "" {
			t.Errorf("%s: %+v, want unknown and why", code, r.Items[i])
		}
	}
}

func TestCausesAloneAreTold(t *testing.T) {
	checks := []Check{
		{Code: "bridge", Severity: health.Defect},
		{Code: "effect", DependsOn: on("cause"), Severity: health.Silence},
		{Code: "second", DependsOn: on("effect"), Severity: health.Defect},
		{Code: "cause", Severity: health.Notice, Says: []string{"is cut"}},
		{Code: "other", DependsOn: on("port"), Severity: health.Silence},
	}
	wellOnes := func() []Result { return []Result{well("w"), well("w"), well("w"), well("w"), well("w")} }
	found := func(sentence, command string) Result {
		return Result{Findings: []health.Finding{{Code: "cut", Sentence: sentence, Command: command, Severity: health.Defect}}}
	}
	for name, test := range map[string]struct {
		change func(r []Result)
		told   []health.Code
	}{
		"all is well":                  {func([]Result) {}, nil},
		"the worst comes first":        {func(r []Result) { r[3], r[4] = ill("", "x"), ill("", "x") }, []health.Code{"other", "cause"}},
		"an effect hides":              {func(r []Result) { r[1], r[3] = ill("", "x"), ill("", "x") }, []health.Code{"cause"}},
		"over two steps":               {func(r []Result) { r[2], r[3] = ill("", "x"), ill("", "x") }, []health.Code{"cause"}},
		"an effect without its cause":  {func(r []Result) { r[1], r[3] = ill("", "x"), unknown("x") }, []health.Code{"effect"}},
		"measured for looked up":       {func(r []Result) { r[0] = found("the cable is cut", "") }, []health.Code{"cut"}},
		"measured hides effects, too":  {func(r []Result) { r[0], r[1] = found("the cable is cut", ""), ill("", "x") }, []health.Code{"cut"}},
		"measured beside":              {func(r []Result) { r[0], r[3] = found("odd", ""), ill("", "x") }, []health.Code{"cut", "cause"}},
		"once, measured and looked up": {func(r []Result) { r[0], r[3] = found("the cable is cut", ""), ill("mend", "x") }, []health.Code{"cut"}},
		"as what the bridge alone finds": {func(r []Result) {
			r[0], r[4] = Result{Findings: []health.Finding{{Code: "port", Severity: health.Silence}}}, ill("", "x")
		}, []health.Code{"port"}},
		"what follows is not the worst": {func(r []Result) { r[1], r[3], r[4] = ill("", "x"), ill("", "x"), ill("", "x") }, []health.Code{"other", "cause"}},
	} {
		results := wellOnes()
		test.change(results)
		r := Report{Items: judge(checks, results)}
		if got := told(r); !slices.Equal(got, test.told) {
			t.Errorf("%s: %v, want %v", name, got, test.told)
		}
	}
	results := wellOnes()
	results[0], results[3] = found("the cable is cut", ""), ill("mend it", "x")
	if first := judge(checks, results)[0]; first.Sentence != "the cable is cut" || first.Command != "mend it" {
		t.Errorf("%+v, want the measured sentence with the command", first)
	}
}

// TestTheTableIsSound: each code once, each cause in a table, no ring.
func TestTheTableIsSound(t *testing.T) {
	at := map[health.Code][]health.Code{}
	for _, c := range Checks() {
		if _, twice := at[c.Code]; twice || c.Title == "" || c.Looks == "" || c.Run == nil {
			t.Errorf("%s: twice, or without a title, a word on what it looks at, or a way to run", c.Code)
		}
		at[c.Code] = c.DependsOn
	}
	var visit func(code health.Code, path []health.Code)
	visit = func(code health.Code, path []health.Code) {
		if slices.Contains(path, code) {
			t.Fatalf("a ring: %v", append(path, code))
		}
		for _, on := range at[code] {
			if _, known := at[on]; !known && health.Of(on).Code == health.Unknown { // which the bridge alone may find
				t.Errorf("%s depends on %s, which is in no table", code, on)
			}
			visit(on, append(path, code))
		}
	}
	for code := range at {
		visit(code, nil)
	}
}

func TestCrashesAndDelaysAreResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, hold := healthy(), make(chan struct{})
		defer close(hold)
		began := time.Now()
		r := run(t.Context(), f, []Check{
			{Code: "crash", Title: "Crash", Run: func(context.Context, *Facts) Result { panic("index out of range") }},
			{Code: "slow", Title: "Slow", Deadline: 2 * time.Second, Run: func(context.Context, *Facts) Result { <-hold; return well("late") }},
			{Code: "good", Title: "Good", Run: func(context.Context, *Facts) Result { return well("well") }},
		})
		want := "? Crash: the check crashed: index out of range; please report it with the output of aes67-sink doctor --json\n" +
			"? Slow: the check did not end within 2s\n✓ Good: well\nall is well: 3 checks, 2 without an answer\n"
		if got := r.Text(0, true); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v, want the longest deadline", took)
		}
	})
}

func TestTextSaysNothingTwice(t *testing.T) {
	r := Report{Items: []Item{{Title: "Sessions are not heard", Outcome: Ill, Sentence: "sessions are not heard: start avahi-daemon"}}}
	if got, want := r.Text(0, false), "✗ sessions are not heard: start avahi-daemon\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextIsForPeople(t *testing.T) {
	f := healthy()
	f.Bridge.Sink.Muted = new(true)
	f.Bridge.Sink.Name = "AES67\x1b[31m Speakers"
	r := Run(t.Context(), f)
	if got, want := r.Text(30, false), "✗ Mute: AES67 [31m Speakers is\n  muted: nothing is heard\n    pactl set-sink-mute aes67 0\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	text, err := r.JSON()
	for _, part := range []string{`"well": false`, `"code": "muted"`, `"severity": "silence"`, `"outcome": "fact"`, `"command": "pactl set-sink-mute aes67 0"`} {
		if err != nil || !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s (%v)", part, text, err)
		}
	}
}

func TestSharedHasNothingPersonal(t *testing.T) {
	f := healthy()
	f.Listing.Sessions[1].Group = "239.69.1.1"
	shared := redact.New(redact.Known{Hosts: []string{"studio-pc"}, Sessions: []string{"Stage"}})
	text, _ := Run(t.Context(), f).Shared(shared).JSON()
	for _, personal := range []string{"Stage", "studio", "192.168", "anna", "00-1B", "239.69"} {
		if strings.Contains(string(text), personal) {
			t.Errorf("%q is in what is shown to others: %s", personal, text)
		}
	}
	for _, alike := range []string{"session-1", "host-1 Left", "192.0.2.", "233.252.0.1, the group of"} {
		if !strings.Contains(string(text), alike) {
			t.Errorf("no %q in what is shown to others: %s", alike, text)
		}
	}
}

func TestDestinations(t *testing.T) {
	packet := make([]byte, 28)
	packet[0], packet[9] = 0x45, unix.IPPROTO_UDP
	copy(packet[16:], []byte{239, 69, 1, 1})
	packet[22], packet[23] = 5004>>8, 5004&0xFF
	if to, udp := destination(packet); !udp || to.String() != "239.69.1.1:5004" {
		t.Errorf("%v %v, want 239.69.1.1:5004", to, udp)
	}
	for n := range packet {
		if _, udp := destination(packet[:n]); udp && n < 24 {
			t.Errorf("%d bytes are no UDP packet", n)
		}
	}
	packet[9] = unix.IPPROTO_TCP
	if _, udp := destination(packet); udp {
		t.Error("TCP is no UDP")
	}
}

func TestDiskLooksAtWhatThereIs(t *testing.T) {
	directory := t.TempDir()
	d, err := disk(directory + "/not/there/yet")
	if err != nil || !d.Writable || d.Free == 0 {
		t.Errorf("%+v %v, want the one above it", d, err)
	}
	if os.Geteuid() == 0 {
		return // who may write everywhere
	}
	if err := os.Chmod(directory, 0o500); err != nil {
		t.Fatal(err)
	}
	if d, err := disk(directory); err != nil || d.Writable {
		t.Errorf("%+v %v, want one that is not to be written", d, err)
	}
}

func TestCapabilitiesAreRead(t *testing.T) {
	path := t.TempDir() + "/program"
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if has, err := capable(path); err != nil || has {
		t.Errorf("%v %v, want none", has, err)
	}
	if _, err := capable(path + "x"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v, want %v", err, unix.ENOENT)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root gives a file a capability")
	}
	for bit, want := range map[int]bool{unix.CAP_NET_BIND_SERVICE: true, unix.CAP_NET_RAW: false} {
		data := [20]byte{3: 2, 0: 1} // VFS_CAP_REVISION_2, effective
		data[4+bit/8] = 1 << (bit % 8)
		if err := unix.Setxattr(path, "security.capability", data[:], 0); err != nil {
			t.Fatal(err)
		}
		if has, err := capable(path); err != nil || has != want {
			t.Errorf("bit %d: %v %v, want %v", bit, has, err, want)
		}
	}
}

func TestTheProgramIsThatOfTheBridge(t *testing.T) {
	f := healthy()
	f.Root.(fstest.MapFS)["proc/41/exe"] = link("/opt/aes67-sink")
	f.Program = "/home/anna/aes67-sink"
	for _, want := range []string{"/opt/aes67-sink", "/home/anna/aes67-sink", "/usr/bin/aes67-sink"} {
		if file, replaced := f.executable(); file != want || replaced {
			t.Errorf("%s %v, want %s", file, replaced, want)
		}
		if want == "/home/anna/aes67-sink" {
			set(f, "usr/bin/aes67-sink", "")
		}
		alone(f)
	}
}

func TestTheInterfaceIsThatOfTheBridge(t *testing.T) {
	f := healthy()
	f.Interface = "docker0"
	f.prepare(t.Context())
	if f.iface.Name != "eno1" {
		t.Errorf("%s, want the one that the bridge uses", f.iface.Name)
	}
	alone(f)
	if f.prepare(t.Context()); f.iface.Name != "docker0" {
		t.Errorf("%s, want the one that is named", f.iface.Name)
	}
	interfaceIs(f, func(i *Interface) { i.AltNames = []string{"enp3s0"} })
	f.Interface = "enp3s0"
	if f.prepare(t.Context()); f.iface.Name != "eno1" {
		t.Errorf("%s, want the one that is named otherwise", f.iface.Name)
	}
	f.Interface = "auto"
	if f.prepare(t.Context()); f.iface.Name != "eno1" {
		t.Errorf("%s, want the one with a link partner and the default route", f.iface.Name)
	}
}

// TestWhatIsHeardElsewhereIsNoConflict: the same group in another network is another group.
// Clocks are compared, not how they are written.
func TestWhatIsHeardElsewhereIsNoConflict(t *testing.T) {
	f := healthy()
	s := &f.Listing.Sessions[1]
	s.Interface, s.Group = "eno2", "239.69.1.1"
	s.Clock = "ptp=IEEE1588-2008:00-1b-21-ff-fe-3a-4c-5d"
	if r := checkGroups(t.Context(), f); r.Outcome != Well {
		t.Errorf("of another network: %+v", r)
	}
	if r := checkDescriptions(t.Context(), f); r.Outcome != Well {
		t.Errorf("of the same clock in small letters: %+v", r)
	}
}

// TestACopyOfAnotherNetworkIsNone, and where that cannot be seen nothing is said: from
// within a confined process other processes' namespaces are hidden (landlock(7)).
func TestACopyOfAnotherNetworkIsNone(t *testing.T) {
	f := healthy()
	set(f, "proc/52/comm", "aes67-sink\n")
	set(f, "proc/52/cmdline", "aes67-sink\x00run\x00")
	set(f, "proc/52/status", "Uid:\t1000\t1000\t1000\t1000\n")
	if r := checkCopies(t.Context(), f); r.Outcome != Unknown || !strings.Contains(r.Sentence, "process 52") {
		t.Errorf("of an unknown network: %+v", r)
	}
	f.Root.(fstest.MapFS)["proc/52/ns/net"] = link("net:[2]")
	if r := checkCopies(t.Context(), f); r.Outcome != Well {
		t.Errorf("of another network: %+v", r)
	}
}

// TestQueriesThatCannotBeSeen are not said to be missing.
func TestQueriesThatCannotBeSeen(t *testing.T) {
	f := healthy()
	set(f, "proc/self/net/igmp", "")
	f.prepare(t.Context())
	if r := checkQuerier(t.Context(), f); r.Outcome != Unknown || !strings.Contains(r.Sentence, "cannot be seen without root (operation not permitted)") {
		t.Errorf("without permission: %+v", r)
	}
	f.Querier = func(context.Context) (netip.Addr, error) { return netip.Addr{}, nil }
	if r := checkQuerier(t.Context(), f); r.Outcome != Unknown || !strings.Contains(r.Sentence, "none came") {
		t.Errorf("without a query: %+v", r)
	}
}

var update = flag.Bool("update", false, "rewrite docs/doctor.md's table")

// TestThePageHasTheTable keeps docs/doctor.md to the table: go test ./doctor -update
func TestThePageHasTheTable(t *testing.T) {
	const page, begin, end = "../docs/doctor.md", "<!-- made from doctor/table.go -->\n", "<!-- end -->\n"
	var table strings.Builder
	table.WriteString(begin + "| Code | Check | Looks at | If ill | Follows from |\n|---|---|---|---|---|\n")
	for _, c := range Checks() {
		var follows []string
		for _, code := range c.DependsOn {
			follows = append(follows, string(code))
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", c.Code, c.Title, c.Looks, cmp.Or(string(c.Severity), "(a fact)"), strings.Join(follows, ", "))
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the page has no place for the table")
	}
	want := head + table.String() + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is not what the table says: go test ./doctor -update", page)
	}
}

// TestTheRatesAreTold of a sink that has one, and of one that follows what plays.
func TestTheRatesAreTold(t *testing.T) {
	for _, c := range []struct {
		hz      int
		follows bool
		says    string
	}{
		{48000, false, "music at 44.1 kHz passes the server's resampler first"},
		{44100, false, "into the sink at 44100 Hz"},
		{48000, true, "what played last, 48000 or 44100 Hz"},
	} {
		f := &Facts{SinkRateHz: c.hz, RateFollows: c.follows, sound: func() (SoundServer, error) { return SoundServer{RateHz: 48000}, nil }}
		if got := checkSoundRate(t.Context(), f); !strings.Contains(got.Sentence, c.says) {
			t.Errorf("%+v: %q, want %q", c, got.Sentence, c.says)
		}
	}
}
