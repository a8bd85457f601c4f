package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
)

// identityFile remembers between runs by what receivers know the sessions:
// names, groups, ids and versions, and the texts that may have to be deleted.
type identityFile struct {
	path string
	log  zerolog.Logger
}

// maxIdentity bounds the file in bytes: eight texts of a kilobyte are a tenth.
const maxIdentity = 256 << 10

// Load returns what the last run left; nothing the first time, and also when
// the file is unreadable: then the sessions begin anew.
func (f identityFile) Load() bridge.Identity {
	identity, err := f.read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Warn().Err(err).Str("file", f.path).Msg("remembered sessions unreadable; they begin anew")
	}
	if err != nil {
		return bridge.Identity{}
	}
	return identity
}

func (f identityFile) read() (identity bridge.Identity, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return identity, err
	}
	if info.Size() > maxIdentity {
		return identity, fmt.Errorf("%d bytes: more than %d", info.Size(), maxIdentity)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return identity, err
	}
	if err := json.Unmarshal(text, &identity); err != nil {
		return identity, err
	}
	if len(identity.Streams) > aes67.MaxChannels {
		return identity, fmt.Errorf("%d streams: more than %d", len(identity.Streams), aes67.MaxChannels)
	}
	return identity, nil
}

// Save replaces the file in one step.
func (f identityFile) Save(identity bridge.Identity) {
	text, err := json.MarshalIndent(identity, "", "  ")
	if err == nil {
		err = replaceFile(f.path, text)
	}
	if err != nil {
		f.log.Warn().Err(err).Str("file", f.path).Msg("sessions not remembered")
	}
}

// texts are the descriptions that the last run announced.
func texts(identity bridge.Identity) []string {
	var out []string
	for _, s := range identity.Streams {
		if s.Text != "" {
			out = append(out, s.Text)
		}
	}
	return out
}
