package page

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"aes67-sink/recorder"
	"aes67-sink/status"
)

// danteLimitUS is the lateness beyond which Dante receivers drop AES67 packets, as
// their users report; no document of their maker says it.
const danteLimitUS = 2000

// quantiles are the levels below which 1, 50 and 99 % of the values are.
type quantiles [3]float64

// spread is how the values of the plots are spread.
type spread struct {
	fast, slow map[string]quantiles // by series of recorder
	lateness   recorder.Histogram
}

// tabled are the series that have a table, with so many channels.
func tabled(channels int) []string {
	all := []string{recorder.OffsetNS, recorder.LatenessUS, recorder.FillFrames, recorder.RatioPPB}
	for c := range channels {
		all = append(all, peakSeries(c))
	}
	return all
}

// peakSeries names that of a channel, by its number from 0.
func peakSeries(channel int) string { return recorder.PeakPrefix + strconv.Itoa(channel) }

// measure takes the spread of a history. That of 24 h is of each minute's lowest,
// median and highest value.
func measure(h recorder.History) spread {
	s := spread{fast: map[string]quantiles{}, slow: map[string]quantiles{}, lateness: h.Lateness}
	fast, slow := h.Fast.Series, h.Slow.Series
	channels := 0
	for fast[peakSeries(channels)] != nil {
		channels++
	}
	for _, name := range tabled(channels) {
		s.fast[name] = quantiles{quantile(fast[name], 0.01), quantile(fast[name], 0.5), quantile(fast[name], 0.99)}
		s.slow[name] = quantiles{
			quantile(slow[name+recorder.MinSuffix], 0.01), quantile(slow[name], 0.5), quantile(slow[name+recorder.MaxSuffix], 0.99),
		}
	}
	return s
}

// quantile returns the value below which a share of the known ones is; NaN of none.
func quantile(all recorder.Numbers, share float64) float64 {
	known := slices.DeleteFunc(slices.Clone(all), math.IsNaN)
	if len(known) == 0 {
		return math.NaN()
	}
	slices.Sort(known)
	return known[int(math.Round(share*float64(len(known)-1)))]
}

// beyond counts what is above a limit; not known where the limit is no edge.
func beyond(h recorder.Histogram, limitUS float64) (n uint64, known bool) {
	at := slices.Index(h.EdgesUS, limitUS)
	if at < 0 || len(h.Counts) != len(h.EdgesUS)+1 {
		return 0, false
	}
	for _, c := range h.Counts[at+1:] {
		n += c
	}
	return n, true
}

// texts are the cells of the tables.
func (s spread) texts(l language, channels int, all map[string]string) {
	for window, of := range map[string]map[string]quantiles{"fast": s.fast, "slow": s.slow} {
		for _, name := range tabled(channels) {
			values, known := of[name]
			for i, column := range []string{"p1", "p50", "p99"} {
				cell := absent
				if x := values[i]; known && !math.IsNaN(x) {
					cell = l.quantity(name, x)
				}
				all["table."+name+"."+window+"."+column] = cell
			}
		}
	}
}

// quantity writes a value of a series with its unit.
func (l language) quantity(series string, x float64) string {
	switch series {
	case recorder.OffsetNS:
		return l.microseconds(int64(math.Round(x)))
	case recorder.LatenessUS:
		return late(l, int64(math.Round(x)))
	case recorder.RatioPPB:
		return l.ppm(int64(math.Round(x)))
	}
	if strings.HasPrefix(series, recorder.PeakPrefix) {
		return l.decibels(status.Tenths(x), "dBFS")
	}
	return frames(int64(math.Round(x)))
}
