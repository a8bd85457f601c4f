package lab

import (
	"math"

	"aes67-sink/aes67"
)

// ToneReport is what there is to say about one recorded channel that should
// hold one tone. Levels: 0 dBFS is a sine that reaches full scale, for peaks
// full scale itself.
type ToneReport struct {
	Seconds   float64 `json:"seconds"` // judged
	ToneHz    float64 `json:"tone_hz"`
	ToneDBFS  float64 `json:"tone_dbfs"`
	PeakDBFS  float64 `json:"peak_dbfs"`
	DC        float64 `json:"dc"`
	SINADdB   float64 `json:"sinad_db"`       // of the whole, ±45 Hz left out
	WorstdB   float64 `json:"sinad_worst_db"` // of the worst second
	WanderRMS float64 `json:"phase_rms_us"`   // of the tone's phase about ToneHz
	Wander    float64 `json:"phase_worst_us"`
	// Of the tone that should not be here: its level, and that against this
	// one's. They see no lower than the noise within ±10 Hz.
	OtherDBFS   float64  `json:"other_dbfs,omitempty"`
	CrosstalkDB float64  `json:"crosstalk_db,omitempty"`
	Defects     []Defect `json:"defects"`
	ZeroRuns    []Run    `json:"zero_runs"`
}

// ToneOptions say what to expect.
type ToneOptions struct {
	NearHz  float64 // 0: the strongest tone
	OtherHz float64 // a tone that should not be here; 0: none
}

const (
	// floorDBFS stands for digital silence, which has no level.
	floorDBFS = -400
	// otherWidth is where a foreign tone's power is gathered: ±500 ppm of
	// 10 kHz, and less than the distance of the test tones' harmonics.
	otherWidth = 10
	// silentGap is how many exact zeros in a row are no tone.
	silentGap = 4
)

// AnalyseTone judges one channel.
func AnalyseTone(x []float64, rate aes67.Hz, options ToneOptions) ToneReport {
	r := ToneReport{Seconds: float64(len(x)) / float64(rate), PeakDBFS: DBFS(Peak(x)), Defects: []Defect{}, ZeroRuns: []Run{}}
	r.ToneDBFS, r.SINADdB, r.WorstdB, r.OtherDBFS = floorDBFS, floorDBFS, floorDBFS, floorDBFS
	if len(x) < int(rate)/5 || Peak(x) == 0 {
		return r
	}
	spectrum := MeasureSpectrum(x, rate)
	pitch := MeasurePitch(x, rate, options.NearHz)
	r.ToneHz, r.WanderRMS, r.Wander = pitch.Hz, pitch.PhaseRMS*1e6, pitch.Worst*1e6
	r.ToneDBFS = max(floorDBFS, spectrum.ToneDBFS(r.ToneHz, guardHz))
	r.SINADdB = clampDB(spectrum.SINAD(r.ToneHz))
	r.WorstdB = clampDB(worstSINAD(x, rate, r.ToneHz))
	for _, v := range x {
		r.DC += v
	}
	r.DC /= float64(len(x))
	if options.OtherHz > 0 {
		r.OtherDBFS = max(floorDBFS, spectrum.ToneDBFS(options.OtherHz, otherWidth))
		r.CrosstalkDB = r.OtherDBFS - r.ToneDBFS
	}
	r.Defects = append(r.Defects, FindDefects(x, rate, r.ToneHz)...)
	r.ZeroRuns = append(r.ZeroRuns, ZeroRuns(x, silentGap)...)
	return r
}

// Steady returns where a signal is past its beginning and before its end: the
// stretch that reaches above a hundredth of the peak, less margin frames on
// either side.
func Steady(x []float64, margin int) (from, to int) {
	limit := Peak(x) / 100
	from, to = 0, len(x)
	for from < to && math.Abs(x[from]) <= limit {
		from++
	}
	for to > from && math.Abs(x[to-1]) <= limit {
		to--
	}
	if to-from <= 2*margin {
		return from, from
	}
	return from + margin, to - margin
}

// Peak returns the largest magnitude.
func Peak(x []float64) (peak float64) {
	for _, v := range x {
		peak = max(peak, math.Abs(v))
	}
	return peak
}

// RMS returns the root of the mean square.
func RMS(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

// DBFS turns an amplitude into decibels; silence gives -400.
func DBFS(amplitude float64) float64 {
	if amplitude <= 0 {
		return floorDBFS
	}
	return max(floorDBFS, 20*math.Log10(amplitude))
}

func clampDB(db float64) float64 {
	if math.IsNaN(db) {
		return floorDBFS
	}
	return max(floorDBFS, min(-floorDBFS, db))
}
