package speakers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/avahi"
	"aes67-sink/internal/text"
	"aes67-sink/ssc"
)

// FindTime is how long Avahi is listened to: answers come within a second
// (RFC 6762, 6: at most 500 ms after the question), and questions are repeated after one.
const FindTime = 2 * time.Second

// maxSpeakers bounds what is asked at once.
const maxSpeakers = 64

// Found is where a speaker is.
type Found struct {
	Name string // as mDNS has it; "": it was named by its address
	Addr netip.AddrPort
}

// Interfaces are the indexes of those that may hold speakers: up, multicast, and with
// an IPv6 link-local address.
func Interfaces() []int {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []int
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		if slices.ContainsFunc(addrs, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.To4() == nil && n.IP.IsLinkLocalUnicast()
		}) {
			out = append(out, i.Index)
		}
	}
	return out
}

// Find looks by mDNS for a while (FindTime, or until ctx is done). The error says why
// nothing can be found that way, and what to do.
func Find(ctx context.Context) ([]Found, error) {
	indexes := Interfaces()
	if len(indexes) == 0 {
		return nil, errors.New("no network interface with an IPv6 link-local address is up, and speakers are spoken to by IPv6 alone; plug the speakers' network in, or sysctl net.ipv6.conf.all.disable_ipv6=0")
	}
	ctx, stop := context.WithTimeout(ctx, FindTime)
	defer stop()
	b := avahi.NewSpeakerBrowser(avahi.Config{}, zerolog.Nop())
	b.Browse(indexes)
	if err := b.Run(ctx); err != nil {
		return nil, err
	}
	found := Located(b.Found())
	if problem := b.Snapshot().Problem; problem != "" && len(found) == 0 {
		return nil, errors.New(problem + ", or name a speaker with --address, such as --address fe80::2a36:38ff:fe60:7515%eth0")
	}
	return found, nil
}

// Located are the speakers of a browser, each once.
func Located(all []avahi.Found) []Found {
	var out []Found
	for _, f := range all {
		addr := f.Address
		if zone, err := strconv.Atoi(addr.Zone()); err == nil {
			if i, err := net.InterfaceByIndex(zone); err == nil {
				addr = addr.WithZone(i.Name)
			}
		}
		at := Found{Name: f.Name, Addr: netip.AddrPortFrom(addr, f.Port)}
		if !slices.Contains(out, at) && len(out) < maxSpeakers {
			out = append(out, at)
		}
	}
	return out
}

// ParseAddress takes an address such as fe80::2%eth0 or [fe80::2%eth0]:45. A
// link-local one needs its interface.
func ParseAddress(said string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(said)
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(strings.Trim(said, "[]"))
		at = netip.AddrPortFrom(addr, ssc.Port)
	}
	if err != nil || !at.Addr().Is6() || at.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("--address %s: no IPv6 address, such as fe80::2a36:38ff:fe60:7515%%eth0", text.Printable(said))
	}
	zone := at.Addr().Zone()
	if zone == "" && at.Addr().IsLinkLocalUnicast() {
		return netip.AddrPort{}, fmt.Errorf("--address %s: a link-local address is of one network only; add its interface, as in %s%%eth0 (ip link shows them)", said, at.Addr())
	}
	if zone != "" {
		_, err := net.InterfaceByName(zone)
		if n, bad := strconv.Atoi(zone); err != nil && bad == nil {
			_, err = net.InterfaceByIndex(n)
		}
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("--address %s: there is no interface %s; ip link shows them", text.Printable(said), text.Printable(zone))
		}
	}
	return at, nil
}
