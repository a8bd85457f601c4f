package rtthread

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLiftRaisesOrdinaryThreadsOnly(t *testing.T) {
	refused := make(chan error, 1)
	go func() {
		defer close(refused)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		tid := unix.Gettid()
		if err := lift(tid); errors.Is(err, unix.EPERM) {
			refused <- err
			return
		} else if err != nil {
			t.Errorf("lift: %v", err)
			return
		}
		if attr, err := unix.SchedGetAttr(tid, 0); err != nil || attr.Policy != unix.SCHED_RR || attr.Priority != othersPriority {
			t.Errorf("an ordinary thread became %+v, %v", attr, err)
		}
		if err := setFIFO(7); err != nil {
			t.Error(err)
		}
		if err := lift(tid); err != nil {
			t.Error(err)
		}
		if attr, err := unix.SchedGetAttr(tid, 0); err != nil || attr.Policy != unix.SCHED_FIFO || attr.Priority != 7 {
			t.Errorf("a real-time thread became %+v, %v", attr, err)
		}
	}()
	if err := <-refused; err != nil {
		t.Skipf("needs leave for real-time priority (root or RLIMIT_RTPRIO): %v", err)
	}
}

func TestAThreadThatHasEndedIsNoError(t *testing.T) {
	if err := lift(1 << 22); err != nil { // above any pid_max
		t.Error(err)
	}
}
