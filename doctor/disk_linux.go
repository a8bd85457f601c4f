package doctor

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk looks at a directory, or at the nearest above it that there is: the rest is made
// when it is needed.
func disk(directory string) (Disk, error) {
	for {
		var fs unix.Statfs_t
		err := unix.Statfs(directory, &fs)
		if parent := filepath.Dir(directory); errors.Is(err, unix.ENOENT) && parent != directory {
			directory = parent
			continue
		}
		if err != nil {
			return Disk{}, err
		}
		writable := unix.Access(directory, unix.W_OK|unix.X_OK) == nil
		return Disk{Writable: writable, Free: fs.Bavail * uint64(fs.Bsize)}, nil
	}
}
