package daemon

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/internal/resident"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/wake"
)

// senderPriority is the SCHED_FIFO priority asked for: the most that RealtimeKit
// gives (its MaxRealtimePriority), so that both ways end alike. Capture is one
// below it.
const (
	senderPriority  = 20
	capturePriority = senderPriority - 1
)

// The names of the threads that must not be late (rtthread.Each): the sender's is
// rtpsend's.
const (
	senderThread = "sender"
	captureName  = "capture"
)

// runtimeSlack is by how much the sleeps of the Go runtime's monitor may be longer than
// asked for (rtthread.Relax).
const runtimeSlack = 20 * time.Millisecond

// Relax lets the runtime's monitor wake up less often. It is to be called first,
// before files are read, which may be pipes, and ports opened.
func Relax() error { return rtthread.Relax(runtimeSlack) }

// spareProcessors are more of the Go scheduler's processors than the machine
// has. A real-time thread that wakes up needs a free one; without spares it may
// wait for an ordinary thread that holds one while the kernel runs somebody
// else, for as long as the machine is busy.
const spareProcessors = 8

// garbageShare is how much garbage there may be, in percent of what is in use, which is
// some 6 MB, stacks among it. Even so the collector, whose pauses are the one thing that
// real-time threads cannot escape, runs but some times a minute; each two minutes it does
// in any case (forcegcperiod in runtime/proc.go).
const garbageShare = 10

// tuneRuntime prepares the Go runtime for real-time threads.
func tuneRuntime() {
	runtime.GOMAXPROCS(runtime.NumCPU() + spareProcessors)
	debug.SetGCPercent(garbageShare)
	runtime.MemProfileRate = 0 // nobody asks for that profile, which takes a megabyte in an hour
}

// startTakes is after how long all that a start does once is over.
const startTakes = 10 * time.Second

// giveBackStart gives back the memory that only the start needed: garbage, and pages of code.
func giveBackStart(log zerolog.Logger) {
	debug.FreeOSMemory()
	if _, err := resident.GiveBackCode(); err != nil {
		log.Debug().Err(err).Msg("the start's code stays in memory")
	}
}

// captureThread asks for real-time priority on the thread that reads the sound
// server.
func captureThread(log zerolog.Logger) func() (end func()) {
	return func() func() {
		thread := rtthread.Lock(captureName, capturePriority)
		grant := thread.Grant()
		log.Info().Str("policy", grant.Policy).Int("priority", grant.Priority).Str("why", grant.Why).Msg("capture thread")
		return thread.End
	}
}

// keepRealTime looks after the real-time threads until ctx is done.
func keepRealTime(ctx context.Context, trouble chan<- struct{}, log zerolog.Logger) error {
	rtthread.Keep(ctx, func(t *rtthread.Thread, g rtthread.Grant, err error) {
		event := log.Info()
		if g.Lost || err != nil {
			event = log.Warn().Err(err)
		}
		event.Str("thread", t.Name()).Str("policy", g.Policy).Int("priority", g.Priority).Str("by", g.By).Str("why", g.Why).
			Msg("real-time priority changed")
		wake.Signal(trouble)
	})
	return nil
}
