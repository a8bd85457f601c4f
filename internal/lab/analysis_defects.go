package lab

import (
	"encoding/json"
	"math"
	"slices"

	"aes67-sink/aes67"
)

// Defect is a place where a tone does not go on as it should.
type Defect struct {
	Frame int     // of the first sample that is wrong
	Size  float64 // of the spike in the filtered signal, full scale 1
	// Frames is by how much the tone's phase jumped there, as a time within
	// ±half its period; plus: frames are missing. NaN if it could not be read.
	Frames float64
}

// MarshalJSON leaves out what could not be read.
func (d Defect) MarshalJSON() ([]byte, error) {
	type defect struct {
		Frame    int      `json:"frame"`
		SizeDBFS float64  `json:"size_dbfs"`
		Frames   *float64 `json:"phase_jump_frames,omitempty"`
	}
	out := defect{Frame: d.Frame, SizeDBFS: DBFS(d.Size)}
	if !math.IsNaN(d.Frames) {
		out.Frames = &d.Frames
	}
	return json.Marshal(out)
}

const (
	// defectFloor is the least spike that counts (-80 dBFS): a fade of 5 ms
	// from full scale leaves less, a lost frame of a tone at -40 dBFS more.
	defectFloor = 1e-4
	// defectRatio is how far a spike must stand out of what is around it;
	// Gaussian noise reaches 12 times its median once in 10^15 samples.
	defectRatio = 12
	// defectApart joins the spikes of one event.
	defectApart = 64
	// maxDefects bounds the list: one that is full means "everywhere".
	maxDefects = 1000
	// noiseBlock is the stretch whose median is the surroundings of a spike.
	noiseBlock = 2048
)

// FindDefects lists clicks, missing, repeated and inserted frames in a tone.
// The tone is removed by notches that follow no gradual change of level or
// phase, so that fades and slow pitch do not count, but any step does.
func FindDefects(x []float64, rate aes67.Hz, hz float64) []Defect {
	spikes := notched(x, 2*math.Pi*hz/float64(rate))
	var defects []Defect
	last := -defectApart
	for at := 0; at < len(spikes); at += noiseBlock {
		block := spikes[at:min(at+noiseBlock, len(spikes))]
		if !slices.ContainsFunc(block, func(v float64) bool { return !(math.Abs(v) <= defectFloor) }) {
			continue // as nearly all of a clean tone
		}
		limit := max(defectFloor, defectRatio*medianAbs(block))
		for i, v := range block {
			size := math.Abs(v)
			if size <= limit {
				continue
			}
			if at+i-last < defectApart {
				d := &defects[len(defects)-1]
				d.Size = max(d.Size, size)
			} else if len(defects) < maxDefects {
				defects = append(defects, Defect{Frame: at + i, Size: size})
			}
			last = at + i
		}
	}
	for i := range defects {
		defects[i].Frames = phaseJump(x, rate, hz, defects[i].Frame)
	}
	return defects
}

// notched filters twice with zeros at ±omega; a pure tone leaves nothing.
func notched(x []float64, omega float64) []float64 {
	if len(x) < 5 {
		return nil
	}
	k := 2 * math.Cos(omega)
	// (1 - k·z + z²)²; the result is aligned with its newest sample.
	y := make([]float64, len(x))
	for n := 4; n < len(x); n++ {
		y[n] = x[n] + x[n-4] - 2*k*(x[n-1]+x[n-3]) + (2+k*k)*x[n-2]
	}
	return y
}

func medianAbs(x []float64) float64 {
	a := make([]float64, len(x))
	for i, v := range x {
		a[i] = math.Abs(v)
	}
	slices.Sort(a)
	return a[len(a)/2]
}

// phaseJump compares the tone's phase before and after a frame, over 10 ms
// each.
func phaseJump(x []float64, rate aes67.Hz, hz float64, frame int) float64 {
	length, apart := int(rate)/100, defectApart
	before, after := frame-length-4, frame+apart
	if before < 0 || after+length > len(x) {
		return math.NaN()
	}
	omega := 2 * math.Pi * hz / float64(rate)
	a := fitAt(x[before:before+length], omega, rate)
	b := fitAt(x[after:after+length], omega, rate)
	if min(a.Amplitude, b.Amplitude) < 100*max(a.Residual, b.Residual) {
		return math.NaN() // not the same tone on both sides
	}
	jump := b.Phase - a.Phase - omega*float64(after-before)
	jump -= 2 * math.Pi * math.Round(jump/(2*math.Pi))
	return jump / omega
}

// Run is a stretch of exact zeros.
type Run struct {
	Frame  int `json:"frame"`
	Length int `json:"length"`
}

// ZeroRuns lists every stretch of at least so many zeros: in a tone, a gap that
// was filled with silence. A tone itself is exactly zero at one frame at most.
func ZeroRuns(x []float64, atLeast int) []Run {
	var runs []Run
	start := -1
	for i := 0; i <= len(x); i++ {
		if i < len(x) && x[i] == 0 {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start >= atLeast {
			runs = append(runs, Run{start, i - start})
		}
		start = -1
	}
	return runs
}
