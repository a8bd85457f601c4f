// Package speakers is what is done with the speakers of a desk: finding them, showing
// them, and setting them by what each tells of itself.
package speakers

import (
	"path/filepath"

	"aes67-sink/internal/state"
)

// Identity is a speaker that is remembered: the serial number tells it apart, the name
// is for people.
type Identity struct {
	Serial string `json:"serial"`
	Name   string `json:"name"`
}

// Pair is which speaker plays which stream. The zero value is none.
type Pair struct {
	Left  Identity `json:"left"`
	Right Identity `json:"right"`
}

// Complete reports whether both sides are known.
func (p Pair) Complete() bool { return p.Left.Serial != "" && p.Right.Serial != "" }

// pairFile is its name in the directory of states.
const pairFile = "speakers.json"

// PairFile is where the pair is remembered, below the directory of states.
func PairFile(dir string) state.File[Pair] {
	return state.File[Pair]{Path: filepath.Join(dir, pairFile)}
}
