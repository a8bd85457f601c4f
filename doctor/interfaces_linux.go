package doctor

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// interfaces are those that packets could leave by.
func interfaces() ([]Interface, error) {
	found, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	leased, others := leases(), altNames()
	var all []Interface
	for i := range found {
		n := &found[i]
		if n.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 || n.Flags&net.FlagMulticast == 0 {
			continue
		}
		e := Interface{Name: n.Name, AltNames: others[n.Index], Index: n.Index, Carrier: n.Flags&net.FlagUp != 0 && n.Flags&net.FlagRunning != 0, Leased: leased[n.Index]}
		_, err := os.Stat(filepath.Join("/sys/class/net", n.Name, "wireless"))
		e.Wireless = err == nil
		addrs, _ := n.Addrs() // unreadable: as if it had none
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
				e.Addrs = append(e.Addrs, prefix.Addr())
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// altNames are the other names of the interfaces, by index (rtnetlink(7), IFLA_PROP_LIST).
func altNames() map[int][]string {
	all := map[int][]string{}
	table, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return all
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return all
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		index := int((*unix.IfInfomsg)(unsafe.Pointer(&m.Data[0])).Index)
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			continue
		}
		for _, a := range attributes {
			if a.Attr.Type&^unix.NLA_F_NESTED == unix.IFLA_PROP_LIST {
				all[index] = append(all[index], properties(a.Value)...)
			}
		}
	}
	return all
}

// properties reads the names of a list: attributes, each of a length, a type and a text
// that ends with a zero, and begins at a multiple of four bytes (netlink(7)).
func properties(list []byte) (names []string) {
	for len(list) >= unix.SizeofNlAttr {
		length, kind := int(binary.NativeEndian.Uint16(list)), binary.NativeEndian.Uint16(list[2:])
		if length < unix.SizeofNlAttr || length > len(list) {
			return names
		}
		if kind == unix.IFLA_ALT_IFNAME {
			names = append(names, unix.ByteSliceToString(list[unix.SizeofNlAttr:length]))
		}
		list = list[min(len(list), (length+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return names
}

// leases are the interfaces, by index, with an IPv4 address that has a lifetime
// (rtnetlink(7), IFA_F_PERMANENT).
func leases() map[int]bool {
	all := map[int]bool{}
	table, err := syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_INET)
	if err != nil {
		return all
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return all
	}
	for _, m := range messages {
		if m.Header.Type == unix.RTM_NEWADDR && len(m.Data) >= unix.SizeofIfAddrmsg {
			a := (*unix.IfAddrmsg)(unsafe.Pointer(&m.Data[0]))
			all[int(a.Index)] = all[int(a.Index)] || a.Flags&unix.IFA_F_PERMANENT == 0
		}
	}
	return all
}
