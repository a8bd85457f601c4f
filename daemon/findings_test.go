package daemon

import (
	"strings"
	"testing"

	"aes67-sink/internal/rtthread"
	"aes67-sink/rtpsend"
)

func TestPacketsThatCannotBeSentAreAProblem(t *testing.T) {
	if got := sendProblem(rtpsend.Stats{}, "eno1"); got != "" {
		t.Errorf("problem %q while all is well", got)
	}
	got := sendProblem(rtpsend.Stats{Problem: "operation not permitted"}, "eno1")
	for _, want := range []string{"eno1", "operation not permitted", "firewall"} {
		if !strings.Contains(got, want) {
			t.Errorf("problem %q: does not name %q", got, want)
		}
	}
}

func TestAPriorityThatWasLostIsAProblem(t *testing.T) {
	for _, never := range []rtthread.Grant{
		{Policy: rtthread.PolicyRR, Priority: 20, By: "RealtimeKit"},
		{Policy: rtthread.PolicyOther, Why: "RLIMIT_RTPRIO is 0 for this user"},
	} {
		if got := priorityProblem(never); got != "" {
			t.Errorf("%+v: problem %q", never, got)
		}
	}
	got := priorityProblem(rtthread.Grant{Policy: rtthread.PolicyOther, Lost: true, Why: "RealtimeKit took it away"})
	for _, want := range []string{"late", "RealtimeKit took it away", "asked for again"} {
		if !strings.Contains(got, want) {
			t.Errorf("problem %q: does not name %q", got, want)
		}
	}
}
