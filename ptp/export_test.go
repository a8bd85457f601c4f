package ptp

import "aes67-sink/aes67"

// CardLine is a network card's clock as the ports map it, for simulations.
type CardLine struct{ line phcMap }

// Read takes a reading of the card's clock, which took so many ns.
func (c *CardLine) Read(mono aes67.MonoTime, took, phc int64) {
	c.line.observe(phcReading{mono: mono, took: took, phc: phc})
}

// At converts a timestamp of the card.
func (c *CardLine) At(phc int64) aes67.MonoTime { return c.line.at(phc) }
