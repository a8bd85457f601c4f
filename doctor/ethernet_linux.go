package doctor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethernet asks a card about Energy Efficient Ethernet (linux/ethtool.h, struct
// ethtool_eee, ETHTOOL_GEEE).
func ethernet(iface string) (Ethernet, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Ethernet{}, err
	}
	defer unix.Close(fd)
	eee := struct {
		command, supported, advertised, partner, active, enabled uint32
		rest                                                     [4]uint32
	}{command: unix.ETHTOOL_GEEE}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // struct ifreq is longer (netdevice(7))
	}{data: unsafe.Pointer(&eee)}
	copy(request.name[:unix.IFNAMSIZ-1], iface)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return Ethernet{}, errno
	}
	return Ethernet{Enabled: eee.enabled != 0, Active: eee.active != 0}, nil
}
