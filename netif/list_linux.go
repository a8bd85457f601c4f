package netif

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// listTries is how often a dump is begun anew that changed while it was read.
const listTries = 5

// list returns the interfaces of the network namespace that the calling
// thread is in, ordered by index.
func list(sysfs string) ([]Candidate, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("netif: listing links: %w", err)
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, fmt.Errorf("netif: listing addresses: %w", err)
	}
	routes, err := dump(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, fmt.Errorf("netif: listing routes: %w", err)
	}
	out := make([]Candidate, 0, len(links))
	for _, link := range links {
		c := candidate(link, links, sysfs)
		c.Addrs = addresses(c.Index, addrs)
		c.DefaultRoute, c.Metric = defaultRoute(c.Index, routes)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Candidate) int { return a.Index - b.Index })
	return out, nil
}

func dump[T any](read func() ([]T, error)) (out []T, err error) {
	for range listTries {
		if out, err = read(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return out, err
}

// candidate reads what a link says about itself.
func candidate(link netlink.Link, links []netlink.Link, sysfs string) Candidate {
	// Up, running and with a link partner (netdevice(7)).
	const alive = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP
	a := link.Attrs()
	return Candidate{
		Index: a.Index, Name: a.Name, AltNames: a.AltNames, Kind: link.Type(), Master: master(link, links),
		MAC: a.HardwareAddr, MTU: a.MTU,
		Carrier:  a.RawFlags&alive == alive,
		Wired:    wired(link, links, sysfs),
		Wireless: wireless(a.Name, sysfs),
		Loopback: a.Flags&net.FlagLoopback != 0,
	}
}

// master returns the bridge, bond or team that a link is a port of, empty: none.
// A VRF is a master too, but its ports keep their addresses.
func master(link netlink.Link, links []netlink.Link) string {
	for _, m := range links {
		if m.Attrs().Index == link.Attrs().MasterIndex && slices.Contains([]string{"bridge", "bond", "team"}, m.Type()) {
			return m.Attrs().Name
		}
	}
	return ""
}

// wired reports whether a link is Ethernet by cable. Tunnels and what else is
// made of software is not: what is behind it, is not known. A bridge is if it
// has one wired port, besides those of containers and virtual machines; with
// two it is a switch, which only its owner knows. A bond or team is if all its
// ports are.
func wired(link netlink.Link, links []netlink.Link, sysfs string) bool {
	a := link.Attrs()
	switch link.Type() {
	case "device": // no kind: a driver's own, a card as a rule
		return a.EncapType == "ether" && a.Flags&net.FlagLoopback == 0 && !wireless(a.Name, sysfs) && deviceType(a.Name, sysfs) != "wwan"
	case "veth":
		return !hostEnd(a.Name) && !slices.ContainsFunc(links, func(l netlink.Link) bool { return physical(l, sysfs) })
	case "bridge":
		all := ports(a.Index, links)
		return len(slices.DeleteFunc(all, func(port netlink.Link) bool { return !wired(port, links, sysfs) })) == 1
	case "bond", "team":
		all := ports(a.Index, links)
		return len(all) > 0 && !slices.ContainsFunc(all, func(port netlink.Link) bool { return !wired(port, links, sysfs) })
	case "vlan":
		at := slices.IndexFunc(links, func(parent netlink.Link) bool { return parent.Attrs().Index == a.ParentIndex })
		return at >= 0 && links[at].Type() != "vlan" && wired(links[at], links, sysfs)
	}
	return false
}

// ports are those of a bridge, bond or team; index 0 is nobody's.
func ports(index int, links []netlink.Link) []netlink.Link {
	return slices.DeleteFunc(slices.Clone(links), func(l netlink.Link) bool { return index == 0 || l.Attrs().MasterIndex != index })
}

// physical reports whether a link is a card, with or without a cable. Where
// there is one, this is not the inside of a container, and a veth leads into one.
func physical(link netlink.Link, sysfs string) bool {
	a := link.Attrs()
	return link.Type() == "device" && (a.EncapType == "ether" || wireless(a.Name, sysfs)) && a.Flags&net.FlagLoopback == 0
}

// hostEnd reports whether a veth has a name as container managers give the end
// that stays outside: Docker, Podman and LXC (veth…), systemd-nspawn (ve-…, vb-…).
func hostEnd(name string) bool {
	return strings.HasPrefix(name, "veth") || strings.HasPrefix(name, "ve-") || strings.HasPrefix(name, "vb-")
}

// wireless asks sysfs, where Wi-Fi devices have one or both of these.
func wireless(name, sysfs string) bool {
	for _, sign := range []string{"wireless", "phy80211"} {
		if _, err := os.Stat(filepath.Join(sysfs, name, sign)); err == nil {
			return true
		}
	}
	return deviceType(name, sysfs) == "wlan"
}

// deviceType returns the DEVTYPE that a driver gave, such as "wlan" or "wwan".
func deviceType(name, sysfs string) string {
	b, err := os.ReadFile(filepath.Join(sysfs, name, "uevent"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if kind, found := strings.CutPrefix(strings.TrimSpace(line), "DEVTYPE="); found {
			return kind
		}
	}
	return ""
}

// addresses returns the usable IPv4 addresses of an interface, each with its
// subnet: those of global scope before a link-local one (RFC 3927), that before
// the host's.
func addresses(index int, addrs []netlink.Addr) []netip.Prefix {
	const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	var ranks [3][]netip.Prefix
	for _, a := range addrs {
		if a.LinkIndex != index || a.IPNet == nil || a.Flags&unusable != 0 {
			continue
		}
		addr, ok := netip.AddrFromSlice(a.IP)
		if addr = addr.Unmap(); !ok || !addr.Is4() {
			continue
		}
		rank := 2
		switch {
		case addr.IsLinkLocalUnicast():
			rank = 1
		case a.Scope == unix.RT_SCOPE_UNIVERSE:
			rank = 0
		}
		ones, _ := a.Mask.Size()
		ranks[rank] = append(ranks[rank], netip.PrefixFrom(addr, ones))
	}
	return slices.Concat(ranks[0], ranks[1], ranks[2])
}

// defaultRoute returns whether an interface has a default route, and the
// metric of its best one.
func defaultRoute(index int, routes []netlink.Route) (has bool, metric int) {
	for _, r := range routes {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones != 0 || !r.Dst.IP.IsUnspecified() {
				continue
			}
		}
		through := r.LinkIndex == index || slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool { return hop.LinkIndex == index })
		if through && (!has || r.Priority < metric) {
			has, metric = true, r.Priority
		}
	}
	return has, metric
}
