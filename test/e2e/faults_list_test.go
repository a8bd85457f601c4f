package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	flight "aes67-sink/recorder"
)

// faultGroups are all faults, by the bridge that they befall. The first group's bridge
// is the one that TestHealthyRun has.
var faultGroups = []faultGroup{
	{name: "music", plays: true, faults: musicFaults},
	{name: "follower", plays: true, arguments: []string{"--set", "clock.mode=follower"}, faults: clockFaults},
	{name: "start", faults: startFaults},
	{name: "nobody", as: func(t testing.TB) *server { return startUnprivileged(t, "pulseaudio") }, faults: nobodysFaults},
	{name: "firewall", faults: firewallFaults},
	{name: "pulseaudio", plays: true, sound: "pulseaudio", faults: suspended},
}

func (r *room) speaker(line string) {
	r.t.Helper()
	mustOutput(r.t, nil, append([]string{"ip", "-n", r.desk.wire.prefix + "-" + speaker}, strings.Fields(line)...)...)
}

// drop has the kernel refuse packets to a port; undrop lets them pass again.
func drop(port string) func(*room) {
	return func(r *room) { r.here("iptables", "-A", "OUTPUT", "-p", "udp", "--dport", port, "-j", "DROP") }
}

func undrop(r *room) { r.here("iptables", "-F", "OUTPUT") }

var musicFaults = []fault{
	{
		name: "the cable is out", short: true, code: "no-carrier", cause: flight.CauseNetworkLost,
		make: func(r *room) { r.speaker("link set eth0 down") },
		undo: func(r *room) { r.speaker("link set eth0 up"); r.speaker("route replace 224.0.0.0/4 dev eth0") },
	},
	{
		name: "the interface is switched off", code: "no-carrier", cause: flight.CauseNetworkLost,
		make: func(r *room) { r.ip("link set eth0 down") },
		undo: func(r *room) { r.ip("link set eth0 up"); r.ip("route replace 224.0.0.0/4 dev eth0") },
	},
	{
		name: "the address is gone", code: "no-address", cause: flight.CauseNetworkLost,
		make: func(r *room) { r.ip("addr flush dev eth0") },
		undo: func(r *room) { r.ip("addr add 10.67.0.1/24 dev eth0"); r.ip("route replace 224.0.0.0/4 dev eth0") },
	},
	{
		name: "the interface becomes a bridge's port", code: "interface-is-port", cause: flight.CauseNetworkLost,
		make: func(r *room) {
			r.ip("link add br0 type bridge")
			r.ip("addr flush dev eth0")
			r.ip("link set eth0 master br0")
			r.ip("link set br0 up")
			r.ip("addr add 10.67.0.1/24 dev br0")
		},
		undo: func(r *room) {
			r.ip("link del br0")
			r.ip("addr add 10.67.0.1/24 dev eth0")
			r.ip("route replace 224.0.0.0/4 dev eth0")
		},
	},
	{
		name: "the interface has another name", code: "interface-renamed", cause: flight.CauseNetworkLost,
		make: func(r *room) { r.ip("link set eth0 down"); r.ip("link set eth0 name lan0"); r.ip("link set lan0 up") },
		undo: func(r *room) {
			r.ip("link set lan0 down")
			r.ip("link set lan0 name eth0")
			r.ip("link set eth0 up")
			r.ip("route replace 224.0.0.0/4 dev eth0")
		},
	},
	{
		name: "a firewall drops the streams", short: true, code: "packets-not-sent", cause: flight.CauseRefused,
		make: drop("5004"), undo: undrop,
	},
	{name: "a firewall drops the announcements", code: "sap-not-sent", make: drop("9875"), undo: undrop, lasts: 40 * time.Second, fades: 60 * time.Second},
	{
		name: "the sound server is killed", code: "sound-server-missing", cause: flight.CauseServerLost,
		make: func(r *room) { r.desk.kill() },
		undo: func(r *room) { r.desk.do("restart") }, // there is no systemd
	},
	{
		name: "the sound server hangs", code: "sound-server-not-ready", cause: flight.CauseServerLate,
		make: func(r *room) { r.stops(r.desk.pid("pipewire"), r.desk.pid("server")) },
		undo: func(r *room) { r.goesOn() },
	},
	{
		// PipeWire 0.3.65 resumes it at once, without the links of its monitor.
		name: "the sink is suspended for a moment", code: "monitor-zeros", cause: flight.CauseServerZeros,
		make: func(r *room) { r.desk.pactl("suspend-sink", "aes67", "1") },
		undo: func(r *room) { r.player.stop(); pass(2 * time.Second) },
	},
	{
		name: "the sink is muted", short: true, only: true, doctor: "muted",
		make: func(r *room) {
			r.desk.pactl("set-sink-mute", "aes67", "1")
			r.reaches(5*time.Second, "muted", func(m report) bool { return m.Sink.Muted != nil && *m.Sink.Muted })
		},
	},
	{
		name: "the volume jumps", code: "volume-jumped", fades: 60 * time.Second,
		make: func(r *room) {
			r.turn(-40)
			pass(time.Second)
			r.turn(0)
		},
		undo: func(r *room) { r.turn(-40) },
	},
	{
		name: "the sink is set beyond its maximum", code: "volume-turned-back", fades: 90 * time.Second,
		make: func(r *room) { r.desk.pactl("set-sink-volume", "aes67", "150%") },
		undo: func(*room) {},
	},
	{
		name: "Avahi is gone", code: "mdns-silent",
		make: func(r *room) { r.avahi.do("kill-avahi") }, undo: func(r *room) { r.avahi.do("start-avahi") },
	},
	{
		name: "Avahi lets nobody publish", code: "mdns-silent",
		make: func(r *room) { r.avahi.do("forbid") }, undo: func(r *room) { r.avahi.do("permit") },
	},
	{
		name: "Avahi leaves the interface out", code: "mdns-silent",
		make: func(r *room) { r.avahi.do("leave-out") }, undo: func(r *room) { r.avahi.do("permit") },
	},
	{
		name: "the system bus is gone", code: "mdns-silent",
		make: func(r *room) { r.avahi.do("kill-bus") }, undo: func(r *room) { r.avahi.do("start-bus") },
	},
	{
		name: "another sender has the group", short: true, code: "group-conflict",
		make: func(r *room) {
			s := announceStranger(r.t, r.desk.wire, "higher", "10.67.0.200", 1, r.now().Streams[1].Group)
			r.leftovers = append(r.leftovers, s.end)
		},
		undo: func(r *room) { r.cleansUp() },
	},
}

var suspended = []fault{
	{
		name: "the sink is suspended", short: true, code: "sink-suspended", cause: flight.CauseServerLate,
		make: func(r *room) { r.desk.pactl("suspend-sink", "aes67", "1") },
	},
}

// stops stops processes; goesOn lets them go on.
func (r *room) stops(pids ...int) {
	r.t.Helper()
	r.leftovers = append(r.leftovers, freeze(r.t, pids...))
	r.t.Cleanup(r.cleansUp)
}

func (r *room) goesOn() { r.cleansUp() }

func (r *room) cleansUp() {
	for _, end := range r.leftovers {
		end()
	}
	r.leftovers = nil
}

// masterLike makes the grandmaster another one.
func masterLike(change func(*lab.GrandmasterConfig)) func(*room) {
	return func(r *room) {
		r.t.Helper()
		r.master.cleanUp()
		r.master = partOf(r.t)
		startGrandmasterAs(r.master, r.desk.wire, 0, func(c *lab.GrandmasterConfig) {
			c.Clock = r.clock // its time goes on
			change(c)
		})
	}
}

var asBefore = masterLike(func(*lab.GrandmasterConfig) {})

var clockFaults = []fault{
	{
		name: "the grandmaster is gone", short: true, code: "no-master", cause: flight.CauseClockLost,
		make: func(r *room) { r.master.cleanUp() }, undo: asBefore,
	},
	{
		name: "the grandmaster goes to another domain", code: "no-master", cause: flight.CauseClockLost,
		make: masterLike(func(c *lab.GrandmasterConfig) { c.Domain = 3 }), undo: asBefore,
	},
	{
		name: "the grandmaster no longer answers", code: "delay-answer-stopped",
		make: masterLike(func(c *lab.GrandmasterConfig) { c.Deaf = true }), undo: asBefore, lasts: 40 * time.Second,
	},
	{
		name: "a grandmaster that never answers", code: "no-delay-answer", passing: flight.CauseClockLost, // the one before has gone
		make: masterLike(func(c *lab.GrandmasterConfig) { c.Deaf, c.Identity = true, other(c.Identity) }), undo: asBefore, lasts: 40 * time.Second,
	},
	{
		name: "the grandmaster's answers are an hour off", code: "delay-answer-absurd",
		make: masterLike(func(c *lab.GrandmasterConfig) { c.Astray = true }), undo: asBefore, lasts: 40 * time.Second,
	},
	{
		name: "the grandmaster sends no Sync", code: "no-sync", cause: flight.CauseClockLost,
		make: masterLike(func(c *lab.GrandmasterConfig) { c.Silent = true }), undo: asBefore, lasts: 40 * time.Second,
	},
	{
		name: "the grandmaster's time stands still", code: "clock-not-ticking", cause: flight.CauseClockLost,
		make: masterLike(func(c *lab.GrandmasterConfig) {
			now := rtthread.Raw()
			c.Clock = lab.Oscillator{Start: now, Epoch: c.Clock.At(now), Skew: -1e9}
		}), undo: asBefore, lasts: 40 * time.Second,
	},
}

// holdUDP takes a UDP port of the computer, and holdTCP one of TCP at an address.
func (r *room) holdUDP(port int) {
	r.t.Helper()
	r.desk.wire.inside(r.t, pc, func(net.Interface) error {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		if err == nil {
			r.leftovers = append(r.leftovers, func() { _ = c.Close() })
		}
		return err
	})
}

func (r *room) holdTCP(address string) {
	r.t.Helper()
	r.desk.wire.inside(r.t, pc, func(net.Interface) error {
		l, err := net.Listen("tcp4", address)
		if err == nil {
			r.leftovers = append(r.leftovers, func() { _ = l.Close() })
		}
		return err
	})
}

// begins has the bridge begin with arguments, or after something was done.
func begins(before func(*room), arguments ...string) func(*room) {
	return func(r *room) {
		r.end()
		if before != nil {
			before(r)
		}
		r.starts(arguments...)
	}
}

// anew undoes that: the bridge begins as it was.
func anew(r *room) { r.cleansUp(); r.restart() }

var startFaults = []fault{
	{name: "the latency is too short", code: "latency-too-short", make: begins(nil, "--set", "sink.latency=2ms"), undo: anew},
	{name: "an address that is nowhere", code: "address-not-here", make: begins(nil, "--set", "network.address=10.99.0.5"), undo: anew},
	{name: "an interface that is not there", code: "interface-missing", make: begins(nil, "--set", "network.interface=eth7"), undo: anew},
	{
		name: "RTSP's ports are taken", code: "rtsp-port-taken", undo: anew,
		make: begins(func(r *room) {
			for port := 8554; port < 8564; port++ {
				r.holdTCP(fmt.Sprintf("0.0.0.0:%d", port))
			}
		}),
	},
	{name: "SAP's port is taken", code: "sap-not-heard", undo: anew, make: begins(func(r *room) { r.holdUDP(9875) })},
	{
		name: "the page's port is taken", code: "status-not-served", undo: (*room).cleansUp,
		make: func(r *room) {
			begins(func(r *room) { r.holdTCP("127.0.0.1:6767") })(r)
			r.follows(20 * time.Second) // it begins in holdover, where the last run ended
		},
	},
	{name: "PTP's ports are taken", code: "no-ptp", doctor: "other-ptp-program", undo: anew, make: begins(func(r *room) { r.holdUDP(319) })},
	{
		name: "another program has the sink's name", code: "sink-id-taken",
		make: begins(func(r *room) { r.desk.pactl("load-module", "module-null-sink", "sink_name=aes67") }),
	},
	{
		name: "the bridge does not run", short: true, only: true, doctor: "not-running",
		make: func(r *room) { r.end() }, undo: func(r *room) { r.starts() },
	},
	{
		name: "the bridge hangs", only: true, doctor: "not-running",
		make: func(r *room) { r.stops(r.cmd.Process.Pid) }, undo: (*room).cleansUp,
	},
	{
		name: "the configuration is broken", short: true, only: true, doctor: "configuration",
		make: func(r *room) {
			path := r.configuration()
			must(0, os.MkdirAll(filepath.Dir(path), 0o700))
			must(0, os.WriteFile(path, []byte("[sink]\nlatency = \"soon\"\n"), 0o600))
		},
		undo: func(r *room) { must(0, os.Remove(r.configuration())) },
	},
	{
		name: "the disk is full", only: true, doctor: "disk",
		make: func(r *room) {
			path := filepath.Join(stateHome(r.desk.server), "aes67-sink")
			mustOutput(r.t, nil, "mount", "-t", "tmpfs", "-o", "size=1m", "lab", path)
			r.t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
		},
		undo: func(r *room) {
			_ = unix.Unmount(filepath.Join(stateHome(r.desk.server), "aes67-sink"), unix.MNT_DETACH)
		},
	},
	{
		name: "a second bridge of another user", code: "other-user",
		make: func(r *room) {
			r.end()
			second := stationAt(r.desk.wire, startFor(r.t, "pulseaudio", ben, asBen))
			second.env = append(second.env, r.avahi.env())
			b := second.run("--set", "status.listen=127.0.0.1:6768") // ours has the other
			b.follows(20 * time.Second)
			r.leftovers = append(r.leftovers, b.end)
			r.starts()
		},
		undo: (*room).cleansUp,
	},
}

func (r *room) configuration() string {
	return filepath.Join(r.desk.dir, "home/.config/aes67-sink/config.toml")
}

// mayHavePTP gives everybody the PTP ports, or root alone.
func (r *room) mayHavePTP(may bool) {
	r.t.Helper()
	r.here("sh", "-c", "echo "+map[bool]string{true: "0", false: "1024"}[may]+" >/proc/sys/net/ipv4/ip_unprivileged_port_start")
}

var nobodysFaults = []fault{
	{
		name: "no permission for PTP", code: "no-ptp",
		make: func(r *room) { r.end(); r.mayHavePTP(false); r.starts() },
		undo: func(r *room) { r.mayHavePTP(true); r.restart() },
	},
	{
		name: "the state directory is somebody else's", only: true, doctor: "disk",
		make: func(r *room) {
			path := filepath.Join(stateHome(r.desk.server), "aes67-sink")
			must(0, os.Chown(path, 0, 0))
			must(0, os.Chmod(path, 0o755))
		},
	},
}

var firewallFaults = []fault{
	{
		name: "ufw is on", code: "firewall",
		make: func(r *room) {
			need(r.t, "ufw")
			r.end()
			r.desk.behind = []string{script("firewall.sh"), "ufw", tempDir(r.t, "fw")}
			r.starts()
		},
	},
}

func other(id [8]byte) [8]byte { id[7] ^= 0x55; return id }
