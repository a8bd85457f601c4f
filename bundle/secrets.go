package bundle

import (
	"encoding/hex"
	"net"
	"os"
	"os/user"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/redact"
)

// Secrets are the words that tell this computer and its user apart, as far as they can
// be found out.
func Secrets() redact.Known {
	var k redact.Known
	if host, err := os.Hostname(); err == nil {
		first, rest, _ := strings.Cut(host, ".")
		k.Hosts = []string{first, host, rest}
	}
	if u, err := user.Current(); err == nil && u.Username != "root" { // who is everywhere
		k.Users, k.Homes = []string{u.Username, u.Name}, []string{u.HomeDir}
		if home, err := os.UserHomeDir(); err == nil {
			k.Homes = append(k.Homes, home)
		}
	}
	all, _ := net.Interfaces() // without them nothing of theirs is known here
	for _, i := range all {
		k.Devices = append(k.Devices, hex.EncodeToString(i.HardwareAddr))
		k.Networks = append(k.Networks, wireless(i.Name))
	}
	return k
}

// Of <linux/wireless.h>, which package unix lacks.
const (
	getESSID  = 0x8B1B // SIOCGIWESSID
	mostESSID = 32     // IW_ESSID_MAX_SIZE, bytes
)

// essidRequest is struct iwreq with a struct iw_point.
type essidRequest struct {
	name    [unix.IFNAMSIZ]byte
	pointer *byte
	length  uint16
	flags   uint16
	_       [4]byte
}

// wireless returns the network that an interface is in, "" where that is not known, as
// of a wired one.
func wireless(name string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var essid [mostESSID]byte
	request := essidRequest{pointer: &essid[0], length: mostESSID}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getESSID, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return ""
	}
	return string(essid[:min(request.length, mostESSID)])
}
