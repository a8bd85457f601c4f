package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/pulse"
)

func TestVolumeIsRememberedBetweenRuns(t *testing.T) {
	m := noMemory(t)
	if _, known := m.volumes[0].Load(); known {
		t.Fatal("a volume is known before the first run")
	}
	want := pulse.Volume{Levels: []pulse.Level{pulse.LevelOf(-20), pulse.LevelOf(-23.5)}, Muted: true}
	m.volumes[0].Save(want)
	m.flush()
	if got, known := m.volumes[0].Load(); !known || !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v, %v; want %+v", got, known, want)
	}
}

func TestAnUnreadableVolumeCountsAsNone(t *testing.T) {
	m := noMemory(t)
	path := m.volumes[0].keeper.Path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"levels": "loud"}`, `{"levels": [-1]}`, `{"levels": [4294967295]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, known := m.volumes[0].Load(); known {
			t.Errorf("%q gives %+v", text, got)
		}
	}
}

func TestIdentityIsRemembered(t *testing.T) {
	m := noMemory(t)
	want := bridge.Identity{Base: "pc", Number: 2, Streams: []bridge.SessionIdentity{
		{ID: 7, Version: 9, Group: netip.MustParseAddr("239.69.1.1"), Text: "v=0\r\n"}, {ID: 8},
	}}
	m.identities.save(want)
	want.Streams = slices.Clone(want.Streams)
	m.flush()
	got := planSessions(config.Default(), m.identities, nameOf(config.Default())).Identity
	if got.Base != want.Base || got.Number != want.Number || !slices.Equal(got.Streams, want.Streams) {
		t.Errorf("remembered %+v, want %+v", got, want)
	}
	if all := texts(got); len(all) != 1 || all[0] != "v=0\r\n" {
		t.Errorf("texts %q", all)
	}
}

func TestAnUnreadableIdentityBeginsAnew(t *testing.T) {
	for name, text := range map[string]string{
		"rubbish": "\x00{", "too many": `{"streams":[{}` + strings.Repeat(",{}", aes67.MaxStreams) + `]}`, "no address": `{"streams":[{"group":"here"}]}`,
	} {
		m := noMemory(t)
		path := m.identities.keeper.Path
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := m.identities.load(); len(got.Streams) != 0 || got.Number != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatIsRememberedIsNotWhatChangesLater(t *testing.T) {
	m := noMemory(t)
	volume := pulse.Volume{Levels: []pulse.Level{7}}
	m.volumes[0].Save(volume)
	volume.Levels[0] = pulse.LevelMax // loud
	identity := bridge.Identity{Streams: []bridge.SessionIdentity{{ID: 7}}}
	m.identities.save(identity)
	identity.Streams[0].ID = 8
	m.flush()
	if got, _ := m.volumes[0].Load(); got.Levels[0] != 7 {
		t.Errorf("volume %+v", got)
	}
	if got := m.identities.load(); got.Streams[0].ID != 7 {
		t.Errorf("identity %+v", got)
	}
}
