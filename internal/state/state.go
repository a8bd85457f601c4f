// Package state keeps what outlives a run: the volume, the identity of the
// sessions, the last clock and network. One loader, one writer that replaces a
// file in one step, and a Keeper that lets nobody wait for a disk.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// maxSize bounds a file in bytes: eight session descriptions of a kilobyte are a
// thirtieth.
const maxSize = 256 << 10

// Directory is where files are kept: aes67-sink in XDG_STATE_HOME, usually
// ~/.local/state (XDG Base Directory Specification 0.8). Without a home directory
// it is beside the temporary files.
func Directory() string {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return filepath.Join(os.TempDir(), fmt.Sprintf("aes67-sink-state-%d", os.Geteuid()))
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "aes67-sink")
}

// File is one file, with a T in it as JSON.
type File[T any] struct{ Path string }

// Load reads it. The error is fs.ErrNotExist where nothing was kept yet; a file
// that is too large, of somebody else, no T or no file but a link is an error too.
func (f File[T]) Load() (value T, err error) {
	file, err := os.OpenFile(f.Path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // a pipe would be waited for
	switch {
	case errors.Is(err, syscall.ELOOP):
		return value, errors.New("not a file but a symbolic link")
	case err != nil:
		return value, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return value, err
	}
	stat, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return value, errors.New("not a regular file")
	case known && int(stat.Uid) != os.Geteuid():
		return value, fmt.Errorf("belongs to user %d", stat.Uid)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	switch {
	case err != nil:
		return value, err
	case len(text) > maxSize:
		return value, fmt.Errorf("more than %d bytes", maxSize)
	}
	if err := json.Unmarshal(text, &value); err != nil {
		var none T
		return none, errors.New("damaged: it is not what was written")
	}
	return value, nil
}

// Save replaces the file in one step: a crash, also of the computer, leaves the
// old one or the new. It may wait for the disk.
func (f File[T]) Save(value T) error {
	directory := filepath.Dir(f.Path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	file, err := renameio.NewPendingFile(f.Path, renameio.WithTempDir(directory), renameio.WithPermissions(0o600), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	if err := json.NewEncoder(file).Encode(value); err != nil { // an incident is half a megabyte: it is not made twice
		return err
	}
	return file.CloseAtomicallyReplace()
}
