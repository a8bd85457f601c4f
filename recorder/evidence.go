package recorder

import "time"

// Thread is what the kernel knows of a thread, for a span of time or since it began
// (Documentation/scheduler/sched-stats.rst; proc_pid_status(5)).
type Thread struct {
	Ran       time.Duration `json:"ran_ns"`
	Waited    time.Duration `json:"waited_ns"` // for a core
	Voluntary uint64        `json:"voluntary_switches"`
	Forced    uint64        `json:"forced_switches"`
}

// Less returns what came since an earlier state of t.
func (t Thread) Less(earlier Thread) Thread {
	return Thread{t.Ran - earlier.Ran, t.Waited - earlier.Waited, t.Voluntary - earlier.Voluntary, t.Forced - earlier.Forced}
}

// Evidence is what was seen beside the records while an incident lasted. Where the
// kernel does not tell, it is zero.
type Evidence struct {
	Span    time.Duration `json:"span_ns"` // that is covered
	Sender  Thread        `json:"sender"`
	Capture Thread        `json:"capture"`
	// Usual is the sender's thread in UsualSpan before.
	Usual     Thread        `json:"usual"`
	UsualSpan time.Duration `json:"usual_span_ns"`
	// StoodStill is for how long nothing of this program ran that was due.
	StoodStill time.Duration `json:"stood_still_ns"`
	// Pressed is for how long somebody on this computer waited for a core
	// (/proc/pressure/cpu, "some").
	Pressed time.Duration `json:"pressed_ns"`
	// Dropped and Errors are packets that the interface did not send.
	Dropped uint64 `json:"dropped"`
	Errors  uint64 `json:"errors"`
	// Slewed is how much faster CLOCK_MONOTONIC ran than CLOCK_MONOTONIC_RAW, in ppm.
	Slewed float64 `json:"slewed_ppm"`
}

// still reports whether a time in which the sender stood still was one of the whole
// program: it began at any time since the last look, so that much of it may not show.
func (e *Evidence) still(length time.Duration) bool {
	return e.StoodStill >= max(length-LookEach-length/16, length/4)
}

// usual returns what the sender's thread would have waited for a core in the span.
func (e *Evidence) usual() time.Duration {
	if e.UsualSpan <= 0 {
		return 0
	}
	return time.Duration(float64(e.Usual.Waited) * float64(e.Span) / float64(e.UsualSpan))
}
