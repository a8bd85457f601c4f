// Package metrics has what the bridge answers at /metrics read by Prometheus' own
// parser and linter. It is a module of its own: neither is a part of the program.
package metrics

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// answers are the golden answers that package status is held to, and that of a running
// bridge whose address is in AES67_METRICS, such as http://127.0.0.1:6767/metrics.
func answers(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../status/testdata/metrics*.txt")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(text)
	}
	if address := os.Getenv("AES67_METRICS"); address != "" {
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %v", address, answer.Status, err)
		}
		all[address] = string(text)
	}
	return all
}

func TestPrometheusReadsIt(t *testing.T) {
	for name, text := range answers(t) {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for family, read := range families {
			want := dto.MetricType_GAUGE
			if strings.HasSuffix(family, "_total") {
				want = dto.MetricType_COUNTER
			}
			switch {
			case !strings.HasPrefix(family, "aes67_sink_"):
				t.Errorf("%s: %s is not ours", name, family)
			case read.GetType() != want:
				t.Errorf("%s: %s is a %v, want a %v", name, family, read.GetType(), want)
			case read.GetHelp() == "":
				t.Errorf("%s: %s has no help", name, family)
			}
		}
		if len(families) < 10 {
			t.Errorf("%s: only %d families", name, len(families))
		}
	}
}

func TestPrometheusLintsIt(t *testing.T) {
	for name, text := range answers(t) {
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, problem := range problems {
			t.Errorf("%s: %s: %s", name, problem.Metric, problem.Text)
		}
	}
}

func TestForeignTextComesThrough(t *testing.T) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(answers(t)["metrics.txt"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range families["aes67_sink_stream_packets_total"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "stream" && label.GetValue() == "\"a\\b\"\nc\uFFFD ünd" {
				return
			}
		}
	}
	t.Error("the name with quotes, a backslash and a line's end is not there")
}
