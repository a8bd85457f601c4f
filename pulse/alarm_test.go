package pulse

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAlarmIsNotPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a := newAlarm(time.Second)
		defer a.Stop()
		for range 9 {
			time.Sleep(100 * time.Millisecond)
			a.within(time.Second)
		}
		<-a.C
		a.rang()
		if took := time.Since(began); took != time.Second {
			t.Errorf("went off after %v, want 1s", took)
		}
		a.within(time.Minute)
		a.within(time.Second)
		<-a.C
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("went off after %v, want 2s", took)
		}
	})
}
