package bridge

import "strings"

// remix returns the share of each channel of one layout, named by PulseAudio
// positions, in each of another: shares[out][in], at most 1 a row in sum, so that
// no sound gets louder by it. It is that of PulseAudio 17 with its defaults
// (src/pulsecore/resampler.c, setup_remap), where LFE is neither made nor mixed in,
// and what a PipeWire desktop does but for its filters.
func remix(out, in []string) (shares [][]float64) {
	shares = make([][]float64, len(out))
	for o := range out {
		shares[o] = make([]float64, len(in))
	}
	connected := make([]bool, len(in))
	for o, name := range out {
		for i, other := range in {
			switch {
			case len(in) == 1 && other == "mono":
				shares[o][i], connected[i] = 1, true
			case len(out) == 1 && name == "mono":
				shares[o][i], connected[i] = 1/float64(len(in)), true
			case name == other:
				shares[o][i], connected[i] = 1, true
			}
		}
	}
	for o, name := range out {
		if sum(shares[o]) == 0 {
			fill(shares[o], in, name, connected)
		}
	}
	for _, s := range []side{left, right} {
		join(shares, out, in, connected, s, s, 0.1)
	}
	if !join(shares, out, in, connected, center, center, 0.1) {
		// A centre that has no loudspeaker is heard from both.
		join(shares, out, in, connected, center, left, centerShare)
		join(shares, out, in, connected, center, right, centerShare)
	}
	return shares
}

// centerShare is a centre's share where left and right are all there is.
const centerShare = 0.375

// side is where a position is heard from.
type side uint8

const (
	elsewhere side = iota // aux, lfe
	left
	right
	center
)

func sideOf(position string) side {
	switch {
	case strings.Contains(position, "left"):
		return left
	case strings.Contains(position, "right"):
		return right
	case strings.Contains(position, "center"), position == "mono":
		return center
	}
	return elsewhere
}

// fill gives a channel that has none of its name the mean of those of its side; the
// centre, where there is none, that of left and right.
func fill(row []float64, in []string, name string, connected []bool) {
	from := func(sides ...side) bool {
		var of []int
		for i, other := range in {
			for _, s := range sides {
				if sideOf(other) == s {
					of = append(of, i)
				}
			}
		}
		for _, i := range of {
			row[i], connected[i] = 1/float64(len(of)), true
		}
		return len(of) > 0
	}
	switch s := sideOf(name); {
	case s == elsewhere, from(s):
	case s == center:
		from(left, right)
	}
}

// join mixes those channels of a side that nobody has into the loudspeakers of a side,
// with a share of their mean. It reports whether there are such loudspeakers, or
// nothing to mix.
func join(shares [][]float64, out, in []string, connected []bool, from, to side, share float64) bool {
	var lost []int
	for i, name := range in {
		if sideOf(name) == from && !connected[i] {
			lost = append(lost, i)
		}
	}
	there := len(lost) == 0
	for o, name := range out {
		if len(lost) == 0 || sideOf(name) != to {
			continue
		}
		there = true
		if sum(shares[o]) > 0 {
			for i := range in {
				shares[o][i] *= 1 - share
			}
		}
		for _, i := range lost {
			shares[o][i] = share / float64(len(lost))
		}
	}
	return there
}

func sum(row []float64) (total float64) {
	for _, x := range row {
		total += x
	}
	return total
}
