package daemon

import (
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/rs/zerolog"
)

// confine lets this process, on all threads and for good, read files, start no
// program, and write into the given directories alone, so that a fault in what reads
// the network's packets opens none of the user's files. It is Landlock's third version,
// which leaves sockets (so what others do when asked), devices and what is open already
// as they are; kernels
// before 5.13 or without it confine nothing, those before 6.2 nearly all.
//
// A directory that is removed meanwhile cannot be made anew; at the end each may
// be removed, if it is empty.
func confine(log zerolog.Logger, directories ...string) {
	rules := []landlock.Rule{landlock.PathAccess(ll.AccessFSReadFile|ll.AccessFSReadDir, "/")}
	for _, directory := range directories {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			log.Debug().Err(err).Str("directory", directory).Msg("cannot be written into")
			continue
		}
		rules = append(rules, landlock.RWDirs(directory), landlock.PathAccess(ll.AccessFSRemoveDir, filepath.Dir(directory)))
	}
	all := landlock.V3
	err := all.RestrictPaths(rules...)
	if err == nil {
		return
	}
	log.Debug().Err(err).Msg("confined as far as the kernel can")
	if err := all.BestEffort().RestrictPaths(rules...); err != nil {
		log.Warn().Err(err).Msg("not confined")
	}
}
