package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Request says what to read.
type Request struct {
	File string                  // --config; empty: the usual places
	Set  []string                // --set, in order; the last one wins
	Env  func(key string) string // environment; nil: os.Getenv
}

// Loaded is a configuration and where it comes from.
type Loaded struct {
	Config Config
	File   string // the file that was read; empty: none
}

const (
	// systemFile is read when the user has no file.
	systemFile = "/etc/aes67-sink/config.toml"
	// maxFile bounds a file's size in bytes: ten times the commented default.
	maxFile = 64 << 10
)

// Load reads the configuration: defaults, then one file, then the overrides.
// The error, if any, is of type Faults and names every fault.
func Load(request Request) (Loaded, error) {
	s := newSettings()
	file, text, err := request.find()
	if err != nil {
		s.fault(source{name: file}, Fault{Why: reason(err), Remedy: "give a file that can be read, or leave --config out"})
	} else if file != "" {
		s.readFile(file, text)
	}
	for _, setting := range request.Set {
		s.override(setting)
	}
	s.cross()
	return Loaded{Config: s.config, File: file}, s.faults.or()
}

// find returns the file to read and its text; no file is no error unless it
// was named.
func (r Request) find() (file, text string, err error) {
	if r.File != "" {
		text, err := readText(r.File)
		return r.File, text, err
	}
	for _, file := range r.usual() {
		text, err := readText(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return file, text, err
	}
	return "", "", nil
}

// usual returns the usual places (XDG Base Directory Specification 0.8).
func (r Request) usual() []string {
	env := r.Env
	if env == nil {
		env = os.Getenv
	}
	directory := env("XDG_CONFIG_HOME")
	if home := env("HOME"); !filepath.IsAbs(directory) && filepath.IsAbs(home) {
		directory = filepath.Join(home, ".config")
	}
	files := []string{systemFile}
	if filepath.IsAbs(directory) {
		files = []string{filepath.Join(directory, "aes67-sink", "config.toml"), systemFile}
	}
	return files
}

var errTooLong = errors.New("longer than 64 KiB")

func readText(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errTooLong
	}
	return string(text), err
}

// reason drops the operation and path of a file error, which the message has
// already.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
