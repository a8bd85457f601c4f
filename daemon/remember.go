package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/internal/state"
	"aes67-sink/pulse"
)

// memory is what is remembered between runs, written without anybody's waiting.
type memory struct {
	volumes    []volumeMemory // of each sink
	identities identityMemory
}

// remember opens the files of sinks in a directory; those of the sessions have the id of
// the first.
func remember(directory string, log zerolog.Logger, ids ...string) memory {
	failed := func(path, what string) func(error) {
		return func(err error) { log.Warn().Err(err).Str("file", path).Msg(what + " not remembered") }
	}
	sessions := filepath.Join(directory, "sessions-"+ids[0]+".json")
	m := memory{identities: identityMemory{state.NewKeeper[bridge.Identity](sessions, failed(sessions, "sessions")), log}}
	for _, id := range ids {
		volume := filepath.Join(directory, "volume-"+id+".json")
		m.volumes = append(m.volumes, volumeMemory{state.NewKeeper[volumeRecord](volume, failed(volume, "volume")), log})
	}
	return m
}

// parts are to be run; flush writes what came after they have ended.
func (m *memory) parts() []func(context.Context) error {
	parts := []func(context.Context) error{m.identities.keeper.Run}
	for i := range m.volumes {
		parts = append(parts, m.volumes[i].keeper.Run)
	}
	return parts
}

func (m *memory) flush() {
	for i := range m.volumes {
		m.volumes[i].keeper.Flush()
	}
	m.identities.keeper.Flush()
}

// volumeMemory remembers the sink's volume, since not every sound server does.
type volumeMemory struct {
	keeper *state.Keeper[volumeRecord]
	log    zerolog.Logger
}

// volumeRecord is the file's form: the server's own units, one level a channel.
type volumeRecord struct {
	Levels []pulse.Level `json:"levels"`
	Muted  bool          `json:"muted"`
}

// Load returns the volume of the last run; false is the very first time, and
// also what an unreadable file counts as: quiet is the safe side.
func (m volumeMemory) Load() (pulse.Volume, bool) {
	record, err := m.keeper.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return pulse.Volume{}, false
	}
	for _, level := range record.Levels {
		if level > pulse.LevelMax {
			err = fmt.Errorf("level %d: above %d", level, pulse.LevelMax)
		}
	}
	if err != nil {
		m.log.Warn().Err(err).Str("file", m.keeper.Path).Msg("remembered volume unreadable; starting quietly")
		return pulse.Volume{}, false
	}
	return pulse.Volume(record), true
}

// Save has it written soon.
func (m volumeMemory) Save(volume pulse.Volume) {
	m.keeper.Save(volumeRecord{slices.Clone(volume.Levels), volume.Muted})
}

// identityMemory remembers by what receivers know the sessions: names, groups,
// ids and versions, and the texts that may have to be deleted.
type identityMemory struct {
	keeper *state.Keeper[bridge.Identity]
	log    zerolog.Logger
}

// load returns what the last run left; nothing the first time, and also when the
// file is unreadable: then the sessions begin anew.
func (m identityMemory) load() bridge.Identity {
	identity, err := m.keeper.Load()
	if err == nil && len(identity.Streams) > aes67.MaxStreams {
		err = fmt.Errorf("%d streams: more than %d", len(identity.Streams), aes67.MaxStreams)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.log.Warn().Err(err).Str("file", m.keeper.Path).Msg("remembered sessions unreadable; they begin anew")
		}
		return bridge.Identity{}
	}
	return identity
}

// save returns when it is written: what is announced must be known to the next run,
// which deletes it, whatever happens to this one.
func (m identityMemory) save(identity bridge.Identity) {
	if err := m.keeper.File.Save(identity); err != nil {
		m.log.Warn().Err(err).Str("file", m.keeper.Path).Msg("sessions not remembered")
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
