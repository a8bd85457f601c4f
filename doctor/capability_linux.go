package doctor

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// capable reads a file's capabilities (linux/capability.h, struct vfs_cap_data: the
// permitted ones are the second word).
func capable(path string) (bool, error) {
	var data [24]byte
	n, err := unix.Getxattr(path, "security.capability", data[:])
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP):
		return false, nil
	case err != nil:
		return false, err
	case n < 8:
		return false, nil
	}
	return binary.LittleEndian.Uint32(data[4:8])&(1<<unix.CAP_NET_BIND_SERVICE) != 0, nil
}

// realtime reports whether the kernel gives this user real-time priority
// (getrlimit(2), RLIMIT_RTPRIO).
func realtime() bool {
	var limit unix.Rlimit
	return unix.Geteuid() == 0 || unix.Getrlimit(unix.RLIMIT_RTPRIO, &limit) == nil && limit.Cur > 0
}
