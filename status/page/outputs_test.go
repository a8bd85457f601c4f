package page

import (
	"slices"
	"strings"
	"testing"

	"aes67-sink/health"
)

// TestOfSeveralSinksEachIsShown, and of one none is beside the rest of the page.
func TestOfSeveralSinksEachIsShown(t *testing.T) {
	if page := get(t, New(lively()), "/", "en").Body.String(); strings.Contains(page, `id="outputs"`) {
		t.Error("a single sink has a table")
	}
	m := rooms().model
	said := texts(english, &picture{model: m})
	for id, want := range map[string]string{
		"output.1.volume": "−12.2\u202fdB", "output.1.into": "Living <room>", "output.1.state": string(health.Healthy),
		"output.2.volume": "muted", "output.2.buffer": "settling", "output.2.state": string(health.PartiallyHealthy),
		"output.3.volume": absent, "output.3.into": "Living <room>, Kitchen",
	} {
		if said[id] != want {
			t.Errorf("%s: %q, want %q", id, said[id], want)
		}
	}
	if got, want := peakNames(english, &m), []string{"Living <room> Left", "Living <room> Right", "Kitchen Mono"}; !slices.Equal(got, want) {
		t.Errorf("the peaks are those of %q, want %q", got, want)
	}
	if !strings.Contains(said["fill.note"], count(12345+5)) {
		t.Errorf("of all buffers it says %q", said["fill.note"])
	}
	chained := chain(english, &m)
	if chained[0].State != health.PartiallyHealthy || chained[1].State != health.PartiallyHealthy {
		t.Errorf("the chain shows %v and %v, not the worst sink", chained[0], chained[1])
	}
}
