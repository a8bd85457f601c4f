package ptp

import (
	"syscall"
	"testing"

	"aes67-sink/health"
)

// TestEveryTroubleHasACondition holds the table of conditions to the sentences.
func TestEveryTroubleHasACondition(t *testing.T) {
	for kind := noTrouble + 1; kind < troubleKinds; kind++ {
		sentence := Trouble{kind: kind, program: "another one", why: syscall.EPERM}.String()
		if found := health.Find(sentence); found.Code == health.Unknown || health.Of(found.Code).Domain != health.ExternalSynchronization {
			t.Errorf("%q is found as %+v", sentence, found)
		}
	}
}
