package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestInterfaces has a desk whose interface has two addresses, gets another name,
// becomes a port of a bridge and is without DHCP: the bridge sends each time, or says
// what to do.
func TestInterfaces(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		w, s := newWire(t), startServer(t, "pipewire")
		startGrandmaster(t, w, 0) // at 10.67.0.2
		ip := func(line string) {
			t.Helper()
			mustOutput(t, nil, append([]string{"ip", "-n", w.prefix + "-" + pc}, strings.Fields(line)...)...)
		}
		ip("addr flush dev eth0")
		ip("addr add 10.99.0.5/24 dev eth0")
		ip("addr add 10.67.0.1/24 dev eth0")
		desk := stationAt(w, s)
		b := desk.run()
		sendsFrom := func(b *bridge, iface, address string) report {
			t.Helper()
			return b.reaches(15*time.Second, "it sends on "+iface+" from "+address, func(r report) bool {
				return r.State == "sending" && r.Network.Interface == iface && r.Network.Address == address
			})
		}
		sendsFrom(b, "eth0", "10.67.0.1") // in whose subnet the master is, though it is the second

		ip("link set eth0 down")
		ip("link set eth0 name lan0")
		ip("link set lan0 up")
		began := time.Now()
		b.reaches(15*time.Second, "it sends on lan0", func(r report) bool { // by its own time until the master is heard again
			return (r.State == "sending" || r.State == "holdover") && r.Network.Interface == "lan0" && r.Network.Address == "10.67.0.1"
		})
		figures.atMost(t, "a renamed card is used after", time.Since(began).Seconds(), 5, "s")
		sendsFrom(b, "lan0", "10.67.0.1")
		b.end()

		b = desk.run("--set", "network.interface=lan0", "--set", "network.address=10.99.0.5")
		sendsFrom(b, "lan0", "10.99.0.5")
		ip("addr del 10.99.0.5/24 dev lan0")
		b.reaches(10*time.Second, "it misses the address", func(r report) bool {
			return r.Problem == "lan0: network.address 10.99.0.5 is not here; there are 10.67.0.1"
		})
		b.end()

		b = desk.run("--set", "network.interface=lan0")
		sendsFrom(b, "lan0", "10.67.0.1")
		ip("link add br0 type bridge")
		ip("link set lan0 master br0")
		ip("addr flush dev lan0")
		ip("link set br0 up")
		ip("addr add 10.67.0.1/24 dev br0")
		b.reaches(10*time.Second, "it names the bridge", func(r report) bool {
			return r.Problem == `lan0 is a port of br0; say network.interface = "br0"`
		})
		b.end()

		b = desk.run("--set", "network.interface=auto")
		s.play(makeTones(t, time.Minute))
		sendsFrom(b, "br0", "10.67.0.1")
		ip("addr flush dev br0")
		ip("addr add 169.254.7.7/16 dev br0 scope link")
		sendsFrom(b, "br0", "169.254.7.7")
		b.end()
	})
}
