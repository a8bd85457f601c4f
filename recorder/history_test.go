package recorder

import (
	"encoding/json"
	"math"
	"testing"
)

func TestNumbersKeepQuarterSecondsAndFourDecimalPlaces(t *testing.T) {
	got, err := json.Marshal(Numbers{1795949486.25, 1795949486.5, -0.12345678, 49870, math.NaN(), math.Inf(1), 0})
	if err != nil {
		t.Fatal(err)
	}
	var back []*float64
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1795949486.25, 1795949486.5, -0.1235, 49870} {
		if back[i] == nil || *back[i] != want {
			t.Errorf("number %d of %s, want %v", i, got, want)
		}
	}
	if back[4] != nil || back[5] != nil || back[6] == nil {
		t.Errorf("got %s, want null for what is not known alone", got)
	}
}
