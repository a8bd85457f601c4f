// Package config is what the user may choose: one table of options
// (options.go) from which defaults, TOML reading, --set, checking, the printed
// configuration and docs/configuration.md all come.
//
// Order of reading: the table's defaults, then at most one file, then the
// overrides of --set. Every step names all its faults, not only the first;
// unknown keys are faults. The typed result is Config, in the units and words
// of package aes67. A reload (daemon/reload.go) reads all of that once more.
//
// The package reads files and nothing else; it starts nothing and logs nothing.
// Format: TOML 1.0.
package config
