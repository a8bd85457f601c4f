// Package incidents keeps what went wrong as files below the state directory: few,
// small, and none on a full disk.
package incidents

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/state"
	"aes67-sink/internal/text"
	"aes67-sink/recorder"
)

const (
	// MostFiles is how many are kept; the oldest go first.
	MostFiles = 20
	// MostBytes bounds all of them.
	MostBytes = 8 << 20
	// Of a disk a twentieth stays free, or leastFree if that is less.
	freeShare = 20
	leastFree = 50 << 20
	// room is what a file may take: state.File reads no more.
	room   = 256 << 10
	suffix = ".json"
)

// ErrFull says that the disk has no room to spare.
var ErrFull = errors.New("the disk is full")

// Store is a directory of incidents.
type Store struct {
	Directory string
	disk      func(directory string) (free, size uint64, err error) // nil: the disk itself
}

// In returns the store below a state directory.
func In(stateDirectory string) Store {
	return Store{Directory: filepath.Join(stateDirectory, "incidents")}
}

// Ours returns the store of this user.
func Ours() Store { return In(state.Directory()) }

// Save keeps an incident, and lets go of the oldest. It may wait for the disk.
func (s Store) Save(k *recorder.Kept) error {
	if err := os.MkdirAll(s.Directory, 0o700); err != nil {
		return err
	}
	if err := s.prune(MostFiles-1, MostBytes-room); err != nil {
		return err
	}
	disk := s.disk
	if disk == nil {
		disk = diskOf
	}
	free, size, err := disk(s.Directory)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Directory, err)
	}
	if keep := min(size/freeShare, leastFree); free < keep+room {
		return fmt.Errorf("%s: %w: %d MB are free and %d stay so: make room", s.Directory, ErrFull, free>>20, keep>>20)
	}
	return state.File[*recorder.Kept]{Path: s.path(k.ID)}.Save(k)
}

func (s Store) path(id string) string { return filepath.Join(s.Directory, id+suffix) }

// diskOf tells what a user may still write.
func diskOf(directory string) (free, size uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(directory, &fs); err != nil {
		return 0, 0, err
	}
	return fs.Bavail * uint64(fs.Bsize), fs.Blocks * uint64(fs.Bsize), nil //nolint:gosec // a block's size is positive
}

// prune removes the oldest until so many files and bytes are left at most.
func (s Store) prune(files int, bytes int64) error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	for i, id := range ids {
		info, err := os.Lstat(s.path(id))
		if err != nil {
			continue
		}
		if bytes -= info.Size(); i < files && bytes >= 0 {
			continue
		}
		if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ids are those of the files, the newest first.
func (s Store) ids() (ids []string, err error) {
	entries, err := os.ReadDir(s.Directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if id, ok := strings.CutSuffix(entry.Name(), suffix); ok && recorder.IDForm.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// List returns the newest MostFiles, the newest first. What cannot be read is left
// out and told by err, beside the rest.
func (s Store) List() (all []recorder.Kept, err error) {
	ids, err := s.ids()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Directory, text.Cause(err))
	}
	var broken []error
	for _, id := range ids[:min(len(ids), MostFiles)] {
		raw, err := state.File[json.RawMessage]{Path: s.path(id)}.Load()
		var k recorder.Kept
		if err == nil {
			k, err = recorder.Read(raw)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			broken = append(broken, fmt.Errorf("%s: %w; remove it", s.path(id), text.Cause(err)))
		default:
			all = append(all, k)
		}
	}
	return all, errors.Join(broken...)
}

// When chooses those that are meant by a time of the day such as 20:14 or 20:14:03, by
// a day such as 2026-11-29 and a time of it, or by the beginning of an id.
func When(all []recorder.Kept, meant string, zone *time.Location) (chosen []recorder.Kept) {
	for _, k := range all {
		at := k.At.In(zone)
		if strings.HasPrefix(at.Format(time.TimeOnly), meant) && strings.Contains(meant, ":") ||
			len(meant) >= len("2006-01") && strings.HasPrefix(at.Format(time.DateTime), strings.Replace(meant, "T", " ", 1)) ||
			len(meant) >= 4 && strings.HasPrefix(k.ID, meant) {
			chosen = append(chosen, k)
		}
	}
	return chosen
}
