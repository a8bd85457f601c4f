package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/pulse"
)

func TestVolumeIsRememberedBetweenRuns(t *testing.T) {
	file := volumeFile{path: filepath.Join(t.TempDir(), "state", "aes67-sink", "volume.json"), log: zerolog.Nop()}
	if _, known := file.Load(); known {
		t.Fatal("a volume is known before the first run")
	}
	want := pulse.Volume{Levels: []pulse.Level{pulse.LevelOf(-20), pulse.LevelOf(-23.5)}, Muted: true}
	file.Save(want)
	if got, known := file.Load(); !known || !reflect.DeepEqual(got, want) {
		t.Errorf("Load = %+v, %v; want %+v", got, known, want)
	}
	entries, err := os.ReadDir(filepath.Dir(file.path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v; want the one file", entries, err)
	}
}

func TestAnUnreadableVolumeCountsAsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volume.json")
	for _, text := range []string{"", "{", `{"levels": "loud"}`, `{"levels": [-1]}`, `{"levels": [4294967295]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, known := (volumeFile{path: path, log: zerolog.Nop()}).Load(); known {
			t.Errorf("%q gives %+v", text, got)
		}
	}
}
