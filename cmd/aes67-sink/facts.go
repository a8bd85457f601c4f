package main

import (
	"aes67-sink/config"
	"aes67-sink/daemon"
	"aes67-sink/doctor"
)

// facts are what doctor looks at on this computer, whatever a bridge tells.
func (f *configFlags) facts(version string) *doctor.Facts {
	loaded, faults := f.load()
	if faults != nil {
		loaded.Config = config.Default()
	}
	return daemon.DoctorFacts(loaded.Config, faults, ourUnit, version)
}
