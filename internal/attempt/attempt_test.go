package attempt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAttemptThatEndsIsItsValue(t *testing.T) {
	if got, err := Do(t.Context(), time.Hour, func(context.Context) int { return 7 }); got != 7 || err != nil {
		t.Errorf("%d, %v; want 7", got, err)
	}
}

func TestACrashIsAnError(t *testing.T) {
	_, err := Do(t.Context(), time.Hour, func(context.Context) int { panic("out of range") })
	crash, is := errors.AsType[*CrashError](err)
	if !is || crash.Cause != "out of range" || !strings.HasPrefix(err.Error(), "internal error: out of range\ngoroutine ") {
		t.Errorf("got %v", err)
	}
}

func TestWhoeverIsLateIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever, began := make(chan struct{}), time.Now()
		defer close(forever)
		_, err := Do(t.Context(), 2*time.Second, func(context.Context) int { <-forever; return 7 })
		late, is := errors.AsType[*LateError](err)
		if took := time.Since(began); !is || late.Within != 2*time.Second || took != 2*time.Second {
			t.Errorf("%v after %v, want a LateError after 2 s", err, took)
		}
	})
}
