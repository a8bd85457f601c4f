package status

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"aes67-sink/recorder"
)

// metricsForm is the text format that Prometheus reads (Exposition Formats, 0.0.4).
const metricsForm = "text/plain; version=0.0.4; charset=utf-8"

// metricPrefix begins the name of each metric.
const metricPrefix = "aes67_sink_"

// The kinds of metrics, in Prometheus' words.
const (
	gauge   = "gauge"
	counter = "counter"
)

// snapshot is what metrics are made of.
type snapshot struct {
	Model
	lateness recorder.Histogram
}

// metric is a family: its name without the prefix, what it is, and its values.
type metric struct {
	name, kind, help string
	tell             func(s *snapshot, say sayer)
}

// sayer tells one value of a metric; labels are names and values in turn. A value that
// is not known is not told.
type sayer func(value float64, labels ...string)

// Metrics returns what Prometheus asks for: what is not known is absent.
func Metrics(m Model, history recorder.History) []byte {
	s := &snapshot{m, history.Lateness}
	var b bytes.Buffer
	for _, metric := range metricTable {
		name, headed := metricPrefix+metric.name, false
		metric.tell(s, func(value float64, labels ...string) {
			if !headed {
				headed = true
				fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, metric.help, metric.kind)
			}
			series := name + labelled(labels)
			if metric.kind == counter {
				metrics.WriteCounterFloat64(&b, series, value)
			} else {
				metrics.WriteGaugeFloat64(&b, series, value)
			}
		})
	}
	return b.Bytes()
}

// labelled writes names and values in turn as the labels of a series.
func labelled(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))+`"`)
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func (s *Server) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	reply(w, metricsForm, Metrics(s.teller.Model(), s.teller.History()), nil)
}

// number is what of a number is known, in units of which so many make one.
func number[T ~int | ~int64 | ~uint64 | ~float64](say sayer, units float64, n *T, labels ...string) {
	if n != nil && !math.IsNaN(float64(*n)) {
		say(float64(*n)/units, labels...)
	}
}

// truth is 1 for yes.
func truth(say sayer, yes bool, labels ...string) {
	value := 0.0
	if yes {
		value = 1
	}
	say(value, labels...)
}

// oneOf tells which of several words holds: 1, and 0 for all others.
func oneOf(say sayer, holds string, all []string, labels ...string) {
	if holds == "" {
		return
	}
	for _, word := range all {
		truth(say, word == holds, append([]string{"state", word}, labels...)...)
	}
}

// level is a level in decibels; silence has one as in status.json.
func level(say sayer, db *Tenths, labels ...string) {
	if db != nil && !math.IsNaN(float64(*db)) {
		say(max(float64(*db), SilenceDB), labels...)
	}
}
