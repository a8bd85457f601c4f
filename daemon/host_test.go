package daemon

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestARenamedComputerIsNoticed(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	asked, failed := make(chan struct{}, 10), make(chan error, 1)
	var renamed atomic.Bool
	go func() {
		<-asked
		runtime.LockOSThread() // for ever: the thread ends with its name
		err := unix.Unshare(unix.CLONE_NEWUTS)
		renamed.Store(true)
		if err == nil {
			err = unix.Sethostname([]byte("somebody-else"))
		}
		if err != nil {
			failed <- err
			stop()
		}
	}()
	err := pollUntil(ctx, hostNameFile, func() bool { asked <- struct{}{}; return renamed.Load() })
	select {
	case why := <-failed:
		t.Skip("a name of its own needs root:", why)
	default:
	}
	if err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBePolledIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hostname")
	if err := os.WriteFile(file, []byte("pc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := pollUntil(t.Context(), file, func() bool { return false }); err == nil {
		t.Error("a plain file is polled")
	}
	if err := pollUntil(t.Context(), file, func() bool { return true }); err != nil {
		t.Error("done, and yet", err)
	}
}

func TestTheWatchOfTheNameEnds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- watchHostName(ctx, changed) }()
	<-changed
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
