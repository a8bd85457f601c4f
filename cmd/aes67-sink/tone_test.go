package main

import (
	"math"
	"testing"
)

func TestTheLoudestToneAllowedIsQuiet(t *testing.T) {
	c := toneCommand{Channel: "both", Freq: 440, Level: maxToneDBFS, Seconds: 1}
	if err := c.validate(); err != nil {
		t.Error(err)
	}
	for _, level := range []float64{math.Nextafter(maxToneDBFS, 0), 0, math.Inf(1), math.NaN()} {
		if c.Level = level; c.validate() == nil {
			t.Errorf("level %v was taken", level)
		}
	}
}
