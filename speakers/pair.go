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
	Serial  string `json:"serial"`
	Name    string `json:"name"`
	Product string `json:"product,omitempty"` // its model
	Address string `json:"address,omitempty"` // where it was last, with port and zone
}

// Pair is which speaker plays which stream. The zero value is none.
type Pair struct {
	Left  Identity `json:"left"`
	Right Identity `json:"right"`
	// ReferenceDB is the level, in the speakers' own dB, that is 0 dB of the desktop's
	// slider; 0: not known.
	ReferenceDB float64 `json:"reference_db,omitempty"`
}

// Complete reports whether both sides are known.
func (p Pair) Complete() bool { return p.Left.Serial != "" && p.Right.Serial != "" }

// pairFile is its name in the directory of states.
const pairFile = "speakers.json"

// PairFile is where the pair is remembered, below the directory of states.
func PairFile(dir string) state.File[Pair] {
	return state.File[Pair]{Path: filepath.Join(dir, pairFile)}
}
