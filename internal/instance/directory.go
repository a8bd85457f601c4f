package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"aes67-sink/internal/text"
)

const (
	directoryName = "aes67-sink"
	directoryMode = 0o700
)

// Directory returns where the control socket and the lock of this user are: aes67-sink in
// XDG_RUNTIME_DIR, else in /run/user/UID, else a private directory under the
// temporary one. It need not exist.
func Directory() string {
	uid := strconv.Itoa(os.Geteuid())
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(runtime) { // so the XDG Base Directory Specification, 0.8
		runtime = filepath.Join("/run/user", uid)
		if owned(runtime) != nil {
			return filepath.Join(os.TempDir(), directoryName+"-"+uid)
		}
	}
	return filepath.Join(runtime, directoryName)
}

// MakeDirectory makes Directory if need be and checks that it is private.
func MakeDirectory() (string, error) {
	directory := Directory()
	if parent := filepath.Dir(directory); parent == filepath.Clean(os.Getenv("XDG_RUNTIME_DIR")) {
		if err := owned(parent); err != nil {
			return "", fmt.Errorf("XDG_RUNTIME_DIR: %s: %w; run the bridge in the user's own session", parent, err)
		}
	}
	if err := os.Mkdir(directory, directoryMode); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	if err := private(directory); err != nil {
		return "", fmt.Errorf("runtime directory %s: %w; remove it", directory, err)
	}
	return directory, nil
}

var (
	errNoDirectory = errors.New("not a directory")
	errOwner       = errors.New("belongs to another user")
	errMode        = errors.New("open to other users")
)

// owned reports whether path is a directory of this user.
func owned(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return text.Cause(err)
	}
	if !info.IsDir() {
		return errNoDirectory
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return errOwner
	}
	return nil
}

// private is owned, and closed to others.
func private(path string) error {
	if err := owned(path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = errMode
	}
	return err
}
