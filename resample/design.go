package resample

import (
	"fmt"
	"slices"

	"aes67-sink/aes67"
)

// band is the quality chosen for a rate: the length of the fixed filter in
// frames of that rate, and the edge up to which it passes. The filter stops
// from rate - pass on.
type band struct {
	rate aes67.Hz
	taps int // a multiple of 8
	pass float64
}

// bands are chosen for more than 150 dB of attenuation and less than 2 ms. At
// the double rates nothing that can be heard lies near the edge, so the
// filters are half as long and their edge is lower in proportion.
var bands = [...]band{
	{rate: 44100, taps: 144, pass: 20450},
	{rate: 48000, taps: 128, pass: 22000},
	{rate: 88200, taps: 64, pass: 36750},
	{rate: 96000, taps: 64, pass: 40000},
}

func bandOf(rate aes67.Hz) (band, error) {
	i := slices.IndexFunc(bands[:], func(b band) bool { return b.rate == rate })
	if i < 0 {
		return band{}, fmt.Errorf("rate %d Hz: not one of %v", rate, aes67.Rates)
	}
	return bands[i], nil
}

// design is the filters of one pair of rates.
type design struct {
	// halve tells the order: false is double, then read between frames (bank);
	// true is read between frames at the input's rate, then halve. Halving is
	// for outputs much slower than the input, which cost less this way.
	halve     bool
	odd, even []float64 // branches of the fixed filter, see branchesOf
	bank      []bankRow
	step      [2]uint64 // rate of the plan at ratio 0, as a fraction
}

// designOf chooses the filters. Their edges are such that images and aliases
// of what lies below the pass edge are stopped, and nothing stronger than the
// stop band falls below it.
func designOf(in, out aes67.Hz) (design, error) {
	from, err := bandOf(in)
	if err != nil {
		return design{}, err
	}
	to, err := bandOf(out)
	if err != nil {
		return design{}, err
	}
	fi, fo := float64(in), float64(out)
	if 2*in > 3*out {
		odd, _ := branchesOf(to.taps, to.pass/fo, 1-to.pass/fo)
		bank := bankOf(to.pass/fi, (min(fi, 2*fo)-to.pass)/fi)
		return design{
			halve: true, odd: odd, bank: bank,
			step: [2]uint64{uint64(in), 2 * uint64(out)},
		}, nil
	}
	pass, stop := from.pass, fi-from.pass
	if out < in {
		// As steep, but lower, so that what lies above half the output's rate
		// folds back only into the transition band.
		pass, stop = (fo-(stop-pass))/2, (fo+(stop-pass))/2
	}
	odd, even := branchesOf(from.taps, pass/fi, stop/fi)
	bank := bankOf(pass/(2*fi), 1-stop/(2*fi))
	return design{
		odd: odd, even: even, bank: bank,
		step: [2]uint64{2 * uint64(in), uint64(out)},
	}, nil
}

// length returns the taps of one branch of the fixed filter, both sides.
func (d *design) length() int { return 2 * len(d.odd) }

// span returns how many input frames the first stage looks at together.
func (d *design) span() int {
	if d.halve {
		return bankTaps
	}
	return d.length()
}

// reads returns how often the bank reads for one output frame.
func (d *design) reads() int {
	if d.halve {
		return 2
	}
	return 1
}
