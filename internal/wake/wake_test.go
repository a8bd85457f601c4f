package wake

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !Pause(t.Context(), time.Minute) || time.Since(start) != time.Minute {
			t.Errorf("a pause of a minute took %v", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if Pause(ctx, time.Minute) || time.Since(start) != time.Second {
			t.Errorf("a pause whose context ended after 1 s took %v", time.Since(start))
		}
		if Pause(ctx, 0) {
			t.Error("a pause in a context that has ended says that it lasts")
		}
	})
}

func TestSignalsThatNobodySawAreOne(t *testing.T) {
	c := make(chan struct{}, 1)
	Signal(c)
	Signal(c)
	<-c
	select {
	case <-c:
		t.Error("woken twice")
	default:
	}
	Signal(nil) // nobody waits
}
