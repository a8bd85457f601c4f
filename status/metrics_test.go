package status

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aes67-sink/health"
	"aes67-sink/recorder"
)

// everything is a bridge of which each metric tells something.
func everything() (Model, recorder.History) {
	m := example()
	m.Problem = "ill"
	m.Problems = []health.Finding{{Code: "late", Severity: health.Defect}}
	m.Status = &Health{
		Overall: health.PartiallyHealthy, Link: health.Healthy, Transmission: health.PartiallyHealthy,
		ExternalSynchronization: health.Healthy, Essence: health.Inactive, Transitions: map[string]uint64{"overall": 2, "transmission": 2},
	}
	m.Clock.ErrorBoundNS, m.Streams[0].SkippedMS = new(int64(1500)), new(Tenths(62))
	right := m.Streams[0]
	right.Name, right.Channels, right.PeakDBFS = "\"a\\b\"\nc\xff ünd", []string{"front-right", "lfe"}, new(Tenths(math.Inf(-1)))
	m.Streams = append(m.Streams, right)
	return m, recorder.History{Lateness: recorder.Histogram{EdgesUS: recorder.Numbers{50, 1000, 2000}, Counts: []uint64{90, 9, 0, 1}}}
}

func TestMetrics(t *testing.T) {
	m, history := everything()
	text := Metrics(m, history)
	golden(t, "testdata/metrics.txt", text)
	for _, metric := range metricTable {
		if !bytes.Contains(text, []byte("# HELP "+metricPrefix+metric.name+" ")) {
			t.Errorf("%s: nothing is told of it", metric.name)
		}
	}
}

func TestMetricsThatAreNotKnownAreAbsent(t *testing.T) {
	m := Model{Version: "1.0.0", State: WaitingSoundServer, Sink: Sink{Name: "AES67 Speakers", ID: "aes67", RateHz: 48000}}
	golden(t, "testdata/metrics-waiting.txt", Metrics(m, recorder.History{}))
	m.Sink.VolumeDB = new(Tenths(math.NaN()))
	if text := string(Metrics(m, recorder.History{})); strings.Contains(text, "volume") || strings.Contains(text, "NaN") {
		t.Errorf("a volume that is no number is told:\n%s", text)
	}
}

func TestMetricsTellOfEachSink(t *testing.T) {
	m, history := everything()
	kitchen := m.Rooms()[0]
	kitchen.ID, kitchen.VolumeDB, kitchen.Drift.Underruns = "kitchen", new(Tenths(-30)), 7
	m.Sinks = append(m.Rooms(), kitchen)
	text := string(Metrics(m, history))
	for _, want := range []string{`sink_volume_decibels{sink="kitchen"} -30`, `buffer_underruns_total{sink="kitchen"} 7`} {
		if !strings.Contains(text, "\n"+metricPrefix+want+"\n") || strings.Count(text, metricPrefix+strings.SplitN(want, "{", 2)[0]+"{") != 2 {
			t.Errorf("no %s beside that of the other sink in\n%s", want, text)
		}
	}
}

func TestMetricsAreServed(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil)
	exampleServer().page().ServeHTTP(w, r)
	if form := w.Header().Get("Content-Type"); w.Code != http.StatusOK || form != metricsForm {
		t.Errorf("%d, %q", w.Code, form)
	}
	if !strings.Contains(w.Body.String(), `aes67_sink_state{state="sending"} 1`) {
		t.Errorf("it tells\n%s", w.Body)
	}
}

// Made from the table: go test ./status -update.
func TestEveryMetricIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString(metricsIntroduction)
	m, history := everything()
	text := string(Metrics(m, history))
	for _, metric := range metricTable {
		first := regexp.MustCompile(`(?m)^` + metricPrefix + metric.name + `(?:\{([^\n]*)\})? `).FindStringSubmatch(text)
		var labels []string
		if first != nil {
			for _, label := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(first[1], -1) {
				labels = append(labels, label[1])
			}
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", metricPrefix, metric.name, metric.kind, strings.Join(labels, ", "), metric.help)
	}
	golden(t, "../docs/metrics.md", []byte(b.String()))
}

const metricsIntroduction = `# Metrics

At ` + "`status.listen`" + ` the running bridge answers ` + "`/metrics`" + ` in the text format of
[Prometheus](https://prometheus.io/docs/instrumenting/exposition_formats/), which Grafana
Alloy, VictoriaMetrics and Telegraf read, too. A scraper on this computer needs no more
than this:

` + "```yaml" + `
scrape_configs:
  - job_name: aes67-sink
    static_configs:
      - targets: ["127.0.0.1:6767"]
` + "```" + `

[grafana/dashboard.json](grafana/dashboard.json) is a dashboard to import into Grafana,
[grafana/alerts.yml](grafana/alerts.yml) has rules for Prometheus.

What is not known is absent, never 0. Times are in seconds, levels in decibels;
counters begin at 0 with the bridge. All streams leave together, so their figures of
lateness are alike. The label ` + "`channel`" + ` has all channels of a stream, with commas
between; ` + "`sink`" + ` is a sink's id.

| Metric | Kind | Labels | What it tells |
|---|---|---|---|
`

// Prometheus' conventions, as far as they can be seen in a table; test/metrics has the
// whole text read by Prometheus' own parser and linter.
func TestMetricNames(t *testing.T) {
	seen := map[string]bool{}
	for _, metric := range metricTable {
		switch {
		case !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(metric.name):
			t.Errorf("%s: not in small letters", metric.name)
		case strings.HasSuffix(metric.name, "_total") != (metric.kind == counter):
			t.Errorf("%s: a %s", metric.name, metric.kind)
		case !strings.HasSuffix(metric.help, ".") || strings.ContainsAny(metric.help, "\\\n|"):
			t.Errorf("%s: help %q is no sentence", metric.name, metric.help)
		case seen[metric.name]:
			t.Errorf("%s: twice", metric.name)
		}
		seen[metric.name] = true
	}
}

// TestExamplesUseMetricsThatExist reads every metric that dashboard and rules name.
func TestExamplesUseMetricsThatExist(t *testing.T) {
	files, err := filepath.Glob("../docs/grafana/*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(metricPrefix+`[a-z0-9_]+`).FindAllString(string(text), -1)
		if len(named) < 5 {
			t.Errorf("%s names only %v", file, named)
		}
		for _, name := range named {
			if !slices.ContainsFunc(metricTable, func(m metric) bool { return metricPrefix+m.name == name }) {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
	}
}
