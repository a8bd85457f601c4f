package rtthread

import (
	"time"

	"aes67-sink/aes67"
)

const (
	// askAgain is how long after a first refusal a priority is asked for anew: at
	// login RealtimeKit or the bus may not be there yet. Each refusal doubles it.
	askAgain = 10 * time.Second
	// askMost bounds that: a refusal for good costs a few messages a day.
	askMost = 30 * time.Minute
	// heldLong is a priority that was not taken away because it had been given:
	// RealtimeKit takes those of all programs when the computer is overloaded.
	heldLong = 10 * time.Minute
)

// asking says when a thread's priority is to be asked for: at once, then anew after
// each refusal and each loss. Pure.
type asking struct {
	at   aes67.MonoTime // of the last answer or loss
	wait time.Duration  // from then on
}

// due returns when to ask next.
func (a *asking) due() aes67.MonoTime { return a.at.Add(a.wait) }

// refused notes that it was not given.
func (a *asking) refused(now aes67.MonoTime) {
	a.at, a.wait = now, min(max(askAgain, 2*a.wait), askMost)
}

// granted notes that it was given. The wait stays, for what is soon taken away again.
func (a *asking) granted(now aes67.MonoTime) { a.at = now }

// taken notes that what was given is there no more.
func (a *asking) taken(now aes67.MonoTime) {
	if now.Sub(a.at) < heldLong {
		a.refused(now)
		return
	}
	a.at, a.wait = now, 0
}

// resumed begins anew: before a suspend and behind it are two times.
func (a *asking) resumed(now aes67.MonoTime) { *a = asking{at: now} }
