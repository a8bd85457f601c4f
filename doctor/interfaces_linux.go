package doctor

import (
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
	leased := leases()
	var all []Interface
	for i := range found {
		n := &found[i]
		if n.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 || n.Flags&net.FlagMulticast == 0 {
			continue
		}
		e := Interface{Name: n.Name, Index: n.Index, Carrier: n.Flags&net.FlagUp != 0 && n.Flags&net.FlagRunning != 0, Leased: leased[n.Index]}
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
