package recorder

import (
	"math"
	"strconv"
)

// Numbers are a series; NaN is what was not known, and null in JSON.
type Numbers []float64

// decimals is ten to the decimal places that are written: enough for times to 0.1 ms.
const decimals = 1e4

// MarshalJSON writes the series with at most four decimal places.
func (n Numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, math.Round(x*decimals)/decimals, 'f', -1, 64)
	}
	return append(b, ']'), nil
}

// The names of the series of a Track. There is one with PeakPrefix for each channel,
// told by its number from 0. A slow track has one with MinSuffix and one with MaxSuffix
// beside each, which is the median.
const (
	OffsetNS     = "offset_ns"
	BoundNS      = "bound_ns" // of the error of the offset
	LatenessUS   = "lateness_us"
	FillFrames   = "fill_frames"
	TargetFrames = "target_frames"
	RatioPPB     = "ratio_ppb"
	LimitedDB    = "limited_db"
	PeakPrefix   = "peak_dbfs_"
	MinSuffix    = ".min"
	MaxSuffix    = ".max"
)

// Track is several series on one time axis.
type Track struct {
	StepS  float64            `json:"step_s"` // between points
	UnixS  Numbers            `json:"unix_s"` // of each point
	Series map[string]Numbers `json:"series"` // by name, as long as UnixS
}

// Histogram counts values; Counts[i] are those up to Edges[i], the last count those
// above all edges.
type Histogram struct {
	EdgesUS Numbers  `json:"edges_us"`
	Counts  []uint64 `json:"counts"`
}

// History is what the plots show.
type History struct {
	Fast     Track     `json:"fast"`     // the last 2 min, 4 a second
	Slow     Track     `json:"slow"`     // the last 24 h, 1 a minute: median, and min and max
	Lateness Histogram `json:"lateness"` // of packets, in the last 24 h
}
