package speakers

import (
	"errors"
	"fmt"
	"math"
)

// Pair is what is remembered of two speakers that were set up together.
type Pair struct {
	// ReferenceDB is the level, in the speakers' own dB, that is 0 dB of the slider.
	ReferenceDB float64  `json:"reference_db"`
	Speakers    []Member `json:"speakers"` // left, right
}

// Member is a speaker of a pair.
type Member struct {
	Channel string `json:"channel"` // the sink's, that it plays
	Name    string `json:"name"`
	Serial  string `json:"serial"`
	Product string `json:"product"`
	Address string `json:"address"` // with port and zone, where it was last
}

// Check says what keeps p from being a pair.
func (p Pair) Check() error {
	switch {
	case len(p.Speakers) != 2:
		return fmt.Errorf("%d speakers: a pair has two", len(p.Speakers))
	case math.IsNaN(p.ReferenceDB) || p.ReferenceDB <= 0 || p.ReferenceDB > 120:
		return fmt.Errorf("reference level %g dB: must be above 0, and at most 120", p.ReferenceDB)
	case p.Speakers[0].Address == "" || p.Speakers[1].Address == "":
		return errors.New("a speaker has no address")
	}
	return nil
}
