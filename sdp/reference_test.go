package sdp_test

import (
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

func TestAReferenceIsReadAsItIsWritten(t *testing.T) {
	want := sdp.Reference{Grandmaster: aes67.ClockIdentity{0, 0x1B, 0x21, 0xFF, 0xFE, 1, 2, 3}, Domain: 5}
	if got, ok := sdp.ParseReference(want.String()); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	for text, ok := range map[string]bool{
		"ptp=IEEE1588-2008:00-1B-21-FF-FE-01-02-03":     true, // RAVENNA devices leave the domain out
		"ptp=IEEE1588-2008:00-1B-21-FF-FE-01-02-03:0":   true,
		"ptp=IEEE1588-2008:00-1B-21-FF-FE-01-02-03:128": false,
		"ptp=IEEE1588-2008:00-1B-21-FF-FE-01-02-03:-1":  false,
		"ptp=IEEE1588-2008:00-00-00-00-00-00-00-00:0":   false,
		"ptp=IEEE1588-2008:traceable":                   false,
		"ptp=IEEE1588-2019:00-1B-21-FF-FE-01-02-03:0":   false,
		"localmac=00-1B-21-01-02-03":                    false,
		"":                                              false,
	} {
		if _, got := sdp.ParseReference(text); got != ok {
			t.Errorf("%q: %v, want %v", text, got, ok)
		}
	}
}
