package netif

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestListOfThisMachine(t *testing.T) {
	got, err := list("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < len(interfaces) {
		t.Errorf("%d candidates, %d interfaces", len(got), len(interfaces))
	}
}

func TestKindsOfInterfaces(t *testing.T) {
	sysfs := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(sysfs, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put("eno1/uevent", "INTERFACE=eno1\nIFINDEX=2\n")
	put("wlan0/phy80211/name", "phy0\n")
	put("wlan1/wireless/x", "")
	put("wlan2/uevent", "DEVTYPE=wlan\n")
	put("wwan0/uevent", "DEVTYPE=wwan\nINTERFACE=wwan0\n")
	card := func(name string) netlink.Link {
		return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: name, Index: 2, EncapType: "ether"}}
	}
	tests := []struct {
		name            string
		link            netlink.Link
		wired, wireless bool
	}{
		{"a card", card("eno1"), true, false},
		{"Wi-Fi with a phy", card("wlan0"), false, true},
		{"Wi-Fi of the old kind", card("wlan1"), false, true},
		{"Wi-Fi that says so", card("wlan2"), false, true},
		{"mobile broadband", card("wwan0"), false, false},
		{"the loopback", &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", EncapType: "loopback", Flags: net.FlagLoopback}}, false, false},
		{"a device without Ethernet frames", &netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "ppp0", EncapType: "ppp"}}, false, false},
		{"a veth end beside a card", &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}}, false, false},
		{"a bond without ports", &netlink.Bond{LinkAttrs: netlink.LinkAttrs{Name: "bond0", Index: 9}}, false, false},
		{"a VLAN on a card", &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "eno1.7", ParentIndex: 2}}, true, false},
		{"a VLAN on what is not known", &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "x.7", ParentIndex: 9}}, false, false},
		{"a bridge", &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "docker0", EncapType: "ether"}}, false, false},
		{"a tunnel", &netlink.Wireguard{LinkAttrs: netlink.LinkAttrs{Name: "wg0"}}, false, false},
		{"a tun device", &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun0", EncapType: "ether"}}, false, false},
		{"a dummy", &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "dummy0", EncapType: "ether"}}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := candidate(test.link, []netlink.Link{card("eno1")}, sysfs)
			if c.Wired != test.wired || c.Wireless != test.wireless {
				t.Errorf("wired %v, wireless %v; want %v, %v", c.Wired, c.Wireless, test.wired, test.wireless)
			}
		})
	}
}

// TestMastersAndPorts has what a machine with containers, virtual machines and
// joined cards shows.
func TestMastersAndPorts(t *testing.T) {
	sysfs := t.TempDir()
	if err := os.MkdirAll(filepath.Join(sysfs, "wlan0", "phy80211"), 0o755); err != nil {
		t.Fatal(err)
	}
	attrs := func(index int, name string, master int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: index, Name: name, MasterIndex: master, EncapType: "ether"}
	}
	card := func(index int, name string, master int) netlink.Link {
		return &netlink.Device{LinkAttrs: attrs(index, name, master)}
	}
	links := []netlink.Link{
		card(2, "enp3s0", 10), &netlink.Bridge{LinkAttrs: attrs(10, "br0", 0)},
		&netlink.Veth{LinkAttrs: attrs(3, "veth1a2b3c", 10)}, &netlink.Tuntap{LinkAttrs: attrs(4, "vnet0", 10)},
		card(5, "eno1", 11), card(6, "eno2", 11), &netlink.Bridge{LinkAttrs: attrs(11, "switch0", 0)},
		&netlink.Veth{LinkAttrs: attrs(7, "vethffff", 12)}, &netlink.Bridge{LinkAttrs: attrs(12, "docker0", 0)},
		card(20, "ens1", 30), card(21, "ens2", 30), &netlink.Bond{LinkAttrs: attrs(30, "bond0", 0)},
		card(22, "ens3", 31), card(23, "wlan0", 31), &netlink.Bond{LinkAttrs: attrs(31, "bond1", 0)},
		card(24, "ens4", 32), &netlink.GenericLink{LinkAttrs: attrs(32, "team0", 0), LinkType: "team"},
		card(25, "ens5", 33), &netlink.Vrf{LinkAttrs: attrs(33, "vrf0", 0)},
		&netlink.Veth{LinkAttrs: attrs(40, "ve-c1", 0)},
	}
	got := map[string]string{}
	for _, link := range links {
		c := candidate(link, links, sysfs)
		got[c.Name] = c.Master
		if c.Wired {
			got[c.Name] += " wired"
		}
	}
	want := map[string]string{
		"enp3s0": "br0 wired", "br0": " wired", "veth1a2b3c": "br0", "vnet0": "br0",
		"eno1": "switch0 wired", "eno2": "switch0 wired", "switch0": "", "vethffff": "docker0", "docker0": "",
		"ens1": "bond0 wired", "ens2": "bond0 wired", "bond0": " wired",
		"ens3": "bond1 wired", "wlan0": "bond1", "bond1": "",
		"ens4": "team0 wired", "team0": " wired", "ens5": " wired", "vrf0": "", "ve-c1": "",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func TestVethIsACableInsideAContainerAlone(t *testing.T) {
	links := []netlink.Link{
		&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", EncapType: "loopback", Flags: net.FlagLoopback}},
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0", Index: 2}}, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "ve-c1", Index: 3}},
	}
	for i, want := range []bool{false, true, false} {
		if c := candidate(links[i], links, t.TempDir()); c.Wired != want {
			t.Errorf("%s: wired %v, want %v", c.Name, c.Wired, want)
		}
	}
}

func TestAddressesAndRoutes(t *testing.T) {
	mask := func(s string) *net.IPNet {
		ip, network, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		network.IP = ip
		return network
	}
	addrs := []netlink.Addr{
		{LinkIndex: 1, IPNet: mask("127.0.0.1/8"), Scope: unix.RT_SCOPE_HOST},
		{LinkIndex: 2, IPNet: mask("169.254.1.1/16"), Scope: unix.RT_SCOPE_LINK},
		{LinkIndex: 2, IPNet: mask("10.0.0.5/24"), Flags: unix.IFA_F_DEPRECATED},
		{LinkIndex: 2, IPNet: mask("10.0.0.6/24")},
		{LinkIndex: 2, IPNet: mask("10.0.0.7/24")},
		{LinkIndex: 3, IPNet: mask("169.254.1.2/16")},
		{LinkIndex: 4, IPNet: mask("fe80::1/64")},
		{LinkIndex: 4},
	}
	for index, want := range map[int][]netip.Prefix{
		1: prefixes("127.0.0.1/8"), 2: prefixes("10.0.0.6/24", "10.0.0.7/24", "169.254.1.1/16"), 3: prefixes("169.254.1.2/16"), 4: nil, 5: nil,
	} {
		if got := addresses(index, addrs); !slices.Equal(got, want) {
			t.Errorf("interface %d: got %v, want %v", index, got, want)
		}
	}
	routes := []netlink.Route{
		{LinkIndex: 2, Dst: mask("10.0.0.0/24")},
		{LinkIndex: 2, Dst: mask("0.0.0.0/0"), Priority: 600},
		{LinkIndex: 2, Priority: 100},
		{MultiPath: []*netlink.NexthopInfo{{LinkIndex: 3}, {LinkIndex: 4}}, Priority: 5},
	}
	for index, want := range map[int]int{2: 100, 3: 5, 4: 5, 5: -1} {
		has, metric := defaultRoute(index, routes)
		if has != (want >= 0) || has && metric != want {
			t.Errorf("interface %d: got %v, %d; want metric %d", index, has, metric, want)
		}
	}
}
