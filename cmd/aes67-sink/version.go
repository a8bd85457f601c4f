package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker (-X main.version=… -X main.commit=…).
var version, commit = "devel", ""

type versionCommand struct{}

// Run prints one line.
func (versionCommand) Run(to streams) error {
	_, err := fmt.Fprintf(to.stdout, "aes67-sink %s (commit %s, %s, %s/%s)\n",
		version, commitKnown(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// commitKnown is what the linker was told, else what the go command recorded.
func commitKnown() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}
