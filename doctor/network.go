package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/firewall"
	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
	"aes67-sink/status"
)

func checkCarrier(_ context.Context, f *Facts) Result {
	switch {
	case f.iface.Index == 0 && f.iface.Name == "":
		return ill("", "no wired interface has a link partner; plug in a cable, or name an interface in network.interface")
	case f.iface.Index == 0:
		return ill("", "%s: no such interface; see network.interface", f.iface.Name)
	case !f.iface.Carrier:
		return ill("", "%s: no carrier; check the cable", f.iface.Name)
	case f.iface.Wireless:
		return fact("%s is Wi-Fi, which loses multicast: expect gaps", f.iface.Name)
	}
	return well("%s has a link partner", f.iface.Name)
}

func checkAddress(_ context.Context, f *Facts) Result {
	if len(f.iface.Addrs) == 0 {
		return ill("", "%s: no IPv4 address; set one or start DHCP", f.link())
	}
	addr := f.iface.Addrs[0]
	if f.Bridge != nil {
		if used, err := netip.ParseAddr(f.Bridge.Network.Address); err == nil {
			addr = used
		}
	}
	switch {
	case addr.IsLinkLocalUnicast():
		return fact("%v on %s, link-local: nobody gave out addresses (DHCP), which is well if the speakers have such ones too", addr, f.iface.Name)
	case f.iface.Leased:
		return fact("%v on %s, leased (DHCP)", addr, f.iface.Name)
	}
	return fact("%v on %s, set by hand", addr, f.iface.Name)
}

// leastSpeed is what AES67 streams and PTP are made for, in Mbit/s: at 10 two streams
// of 1.8 Mbit/s leave PTP's messages to wait behind others for 1.2 ms each.
const leastSpeed = 100

func checkLink(_ context.Context, f *Facts) Result {
	in := func(name string) string { return f.read(path.Join("sys/class/net", f.iface.Name, name)) }
	speed, err := strconv.Atoi(in("speed"))
	switch duplex := in("duplex"); {
	case f.iface.Name == "" || err != nil || speed <= 0: // a virtual one has none
		return unknown("%s tells no speed", f.link())
	case duplex == "half":
		return ill("sudo ethtool -s "+f.iface.Name+" autoneg on", "%s runs at %d Mbit/s half duplex, so packets collide; switch and computer are to negotiate, or the cable is bad", f.iface.Name, speed)
	case speed < leastSpeed:
		return ill("sudo ethtool -s "+f.iface.Name+" autoneg on", "%s runs at %d Mbit/s, AES67 wants %d; check the cable and the switch's port", f.iface.Name, speed, leastSpeed)
	}
	return well("%s runs at %d Mbit/s", f.iface.Name, speed)
}

// unsteady is an offset from the grandmaster, in ns, of half a frame at 48 kHz: with more
// two speakers are not in step to the frame.
const unsteady = 10_000

func checkEnergy(_ context.Context, f *Facts) Result {
	e, err := f.Ethernet(f.iface.Name)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return well("%s has none", f.link())
	case err != nil:
		return unknown("%s: %v", f.link(), text.Cause(err))
	case !e.Active:
		return well("not in use on %s", f.iface.Name)
	case f.Bridge == nil || f.Bridge.Clock.OffsetRMSNS == nil:
		return fact("in use on %s: PTP may be unsteady", f.iface.Name)
	case *f.Bridge.Clock.OffsetRMSNS > unsteady:
		return ill("sudo ethtool --set-eee "+f.iface.Name+" eee off", "the offset from the grandmaster varies by %d µs, and %s puts its link to sleep between packets; switch that off, in the switch too",
			*f.Bridge.Clock.OffsetRMSNS/1000, f.iface.Name)
	}
	return fact("in use on %s, and the offset varies by %d ns only", f.iface.Name, *f.Bridge.Clock.OffsetRMSNS)
}

// countTime is how long packets are counted where they cannot be seen.
const countTime = 300 * time.Millisecond

func checkPackets(ctx context.Context, f *Facts) Result {
	if !f.sends() {
		return unknown("no bridge sends")
	}
	var groups []netip.AddrPort
	least := uint64(0) // of the packets that are due; half: a busy machine is late
	for i := range f.Bridge.Streams {
		s := &f.Bridge.Streams[i]
		if group, err := netip.ParseAddr(s.Group); err == nil {
			groups = append(groups, netip.AddrPortFrom(group, uint16(s.Port)))
		}
		least += uint64(countTime.Microseconds()) / uint64(2*max(s.PtimeUS, 1))
	}
	seen, err := f.Packets(ctx, f.iface.Index, groups)
	switch {
	case err == nil && seen < len(groups):
		return ill(f.RestartCommand, "of %d streams only %d leave by %s; something on this computer takes their packets away, such as a firewall rule against multicast", len(groups), seen, f.iface.Name)
	case err == nil:
		return well("every stream is seen to leave by %s", f.iface.Name)
	}
	before, known := f.sent(f.iface.Name)
	if !known || !wake.Pause(ctx, countTime) {
		return unknown("packets cannot be seen without root (%v), and %s does not count them", text.Cause(err), f.link())
	}
	after, _ := f.sent(f.iface.Name)
	if after-before < least {
		return ill(f.RestartCommand, "%s sent %d packets in %v, the streams alone are at least %d; something on this computer takes them away, such as a firewall rule against multicast", f.iface.Name, after-before, countTime, least)
	}
	return well("%s sent %d packets in %v, of which the streams are at least %d", f.iface.Name, after-before, countTime, least)
}

func checkFirewall(ctx context.Context, f *Facts) Result {
	if f.hasPTP() && f.Bridge.Network.Interface != "" { // else it has nothing come back
		if f.tells("ptp-not-sent") || f.tells("other-user") {
			return unknown("%s: nothing is sent to PTP's group, so nobody knows whether it would come back", f.link())
		}
		return well("what is sent to PTP's group comes back to the bridge")
	}
	heard, err := f.Echo(ctx, f.iface.Index)
	switch {
	case err != nil:
		return unknown("%s: %v", f.link(), text.Cause(err))
	case heard:
		return well("what is sent to a group on %s comes back to programs", f.iface.Name)
	}
	why, remedy, _ := strings.Cut(firewall.LocalAdvice(f.Root), "; ")
	command, quoted := strings.CutPrefix(remedy, "`")
	if command = strings.TrimSuffix(command, "`"); !quoted {
		command = ""
	}
	return ill(command, "what is sent to a multicast group on %s does not come back to programs here: %s", f.iface.Name, why)
}

func checkQuerier(ctx context.Context, f *Facts) Result {
	from, err := f.Querier(ctx)
	if err == nil && from.IsValid() {
		return fact("%v asks who listens", from)
	}
	// The kernel answers in the version of the last query; its default is 3 (RFC 3376, 7.2.1).
	for line := range strings.Lines(f.read("proc/self/net/igmp")) {
		if fields := strings.Fields(line); len(fields) >= 5 && fields[1] == f.iface.Name && slices.Contains([]string{"V1", "V2"}, fields[4]) {
			return fact("one of IGMP%s is there", strings.ToLower(fields[4]))
		}
	}
	why := "none came while this was looking"
	if err != nil {
		why = fmt.Sprintf("they cannot be seen without root (%v)", text.Cause(err))
	}
	return unknown("queries come each two minutes, and %s; if sound stops after some minutes, switch a querier on in one switch or router", why)
}

// meets reports whether a session is sent to the group of a stream in one network.
func (f *Facts) meets(own *status.Stream, s *status.ListedSession) bool {
	n := &f.Bridge.Network
	return s.Group == own.Group && s.Interface == n.Interface ||
		n.Secondary != nil && s.Group == own.SecondGroup && s.Interface == n.Secondary.Interface
}

func checkGroups(_ context.Context, f *Facts) Result {
	if f.Bridge == nil || f.Listing == nil {
		return unknown("no bridge has told its groups")
	}
	for i := range f.Bridge.Streams {
		own := &f.Bridge.Streams[i]
		for j := range f.Listing.Sessions {
			if s := &f.Listing.Sessions[j]; !s.Own && f.meets(own, s) {
				return ill("", "%s, the group of %q, is also used by %q of %s: receivers get both; give one of the two another (stream.addresses)", s.Group, own.Name, s.Name, s.Source)
			}
		}
	}
	return well("nobody else uses ours")
}
