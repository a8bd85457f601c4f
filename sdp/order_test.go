package sdp

import (
	"strings"
	"testing"
)

func TestChannelOrder(t *testing.T) {
	for positions, want := range map[string]string{
		"front-left front-right": "ST",
		"front-left front-right front-center lfe rear-left rear-right":                      "51",
		"front-left front-right front-center lfe side-left side-right":                      "51",
		"front-left front-right front-center lfe side-left side-right rear-left rear-right": "71",
		"front-left front-right rear-left rear-right front-center lfe":                      "ST,U04",
		"front-left front-right front-left front-right":                                     "ST,ST",
		"aux0 aux1 aux2 mono front-right":                                                   "U03,M,U01",
		"front-right front-left":                                                            "U02",
		"front-left":                                                                        "U01",
	} {
		if got := ChannelOrder(strings.Fields(positions)); got != "SMPTE2110.("+want+")" {
			t.Errorf("%s: got %s, want %s", positions, got, want)
		}
	}
}
