package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"aes67-sink/pulse"
)

// volumeFile remembers the sink's volume between runs, since not every sound
// server does.
type volumeFile struct {
	path string
	log  zerolog.Logger
}

// volumeRecord is the file's form: the server's own units, one level a channel.
type volumeRecord struct {
	Levels []pulse.Level `json:"levels"`
	Muted  bool          `json:"muted"`
}

// Load returns the volume of the last run; false is the very first time, and
// also what an unreadable file counts as: quiet is the safe side.
func (v volumeFile) Load() (pulse.Volume, bool) {
	text, err := os.ReadFile(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return pulse.Volume{}, false
	}
	var record volumeRecord
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	for _, level := range record.Levels {
		if level > pulse.LevelMax {
			err = fmt.Errorf("level %d: above %d", level, pulse.LevelMax)
		}
	}
	if err != nil {
		v.log.Warn().Err(err).Str("file", v.path).Msg("remembered volume unreadable; starting quietly")
		return pulse.Volume{}, false
	}
	return pulse.Volume(record), true
}

// Save replaces the file in one step, so that a crash leaves the old or the new.
func (v volumeFile) Save(volume pulse.Volume) {
	text, err := json.Marshal(volumeRecord(volume))
	if err == nil {
		err = replaceFile(v.path, text)
	}
	if err != nil {
		v.log.Warn().Err(err).Str("file", v.path).Msg("volume not remembered")
	}
}

func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}
