package daemon

import (
	"fmt"
	"slices"
	"testing"

	"aes67-sink/bridge"
	"aes67-sink/ptp"
	"aes67-sink/pulse"
	"aes67-sink/sap"
	"aes67-sink/status"
)

// TestOneVocabularyOfStates holds the words of core and clock to those that
// status has for people, in both directions.
func TestOneVocabularyOfStates(t *testing.T) {
	for _, test := range []struct {
		what  string
		last  fmt.Stringer
		word  func(i int) string
		known []string
	}{
		{"bridge", bridge.Failed, func(i int) string { return bridge.State(i).String() }, status.States()},
		{"clock", ptp.Holdover, func(i int) string { return ptp.State(i).String() }, status.ClockStates()},
		{"role", ptp.RoleGrandmaster, func(i int) string { return ptp.Role(i).String() }, status.ClockRoles()},
	} {
		var words []string
		for i := 0; ; i++ {
			words = append(words, test.word(i))
			if words[i] == test.last.String() {
				break
			}
		}
		slices.Sort(words)
		if known := slices.Sorted(slices.Values(test.known)); !slices.Equal(words, known) {
			t.Errorf("%s: says %v, status knows %v", test.what, words, known)
		}
	}
	words := []string{sap.StateOff, sap.StateFailed, sap.StateListening, sap.StateAnnouncing}
	if known := status.SAPStates(); !slices.Equal(words, known) {
		t.Errorf("SAP: says %v, status knows %v", words, known)
	}
	for _, state := range status.States() {
		if status.Words(state) == state && state != status.Sending {
			t.Errorf("state %q has no words for people", state)
		}
	}
}

// TestTheRatesWordsAreTheSoundServers: status and its table say what package pulse does.
func TestTheRatesWordsAreTheSoundServers(t *testing.T) {
	for does, said := range map[pulse.Follows]string{pulse.FollowsPlayed: status.RateFollows, pulse.FollowsUnable: status.RateUnable, pulse.FollowsKept: status.RateKept} {
		if string(does) != said {
			t.Errorf("status says %q of %q", said, does)
		}
	}
}
