package page

import (
	"strings"
	"testing"
)

// TestWithoutAPairNothingIsShown of speakers, in both languages.
func TestWithoutAPairNothingIsShown(t *testing.T) {
	for l, word := range map[string]string{"en": "Loudspeakers", "de": "Lautsprecher"} {
		if page := get(t, New(lively()), "/", l).Body.String(); strings.Contains(page, word) || strings.Contains(page, "<form") {
			t.Errorf("%s: the page has speakers without a pair", l)
		}
		if page := get(t, New(paired()), "/", l).Body.String(); !strings.Contains(page, word) || strings.Count(page, "<form") != 2 {
			t.Errorf("%s: the page has not the two speakers", l)
		}
	}
	bare, two := texts(english, &picture{model: lively().model}), texts(english, &picture{model: paired().model})
	if shape(bare, nil) == shape(two, nil) {
		t.Error("the page is not laid out anew when there is a pair")
	}
}
