package ptp

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

// This file joins Delay_Req and Delay_Resp, and tells what is wrong with the
// answers.

const (
	// pendingRequests bounds how many may be under way at once.
	pendingRequests = 16
	// unicastRequests in a row without an answer are asked by unicast too, every
	// other one: hybrid mode, as Dante's masters and linuxptp's hybrid_e2e have it.
	unicastRequests = 3
	// deafRequests, over deafTime at least, tell a master that does not answer.
	deafRequests = 4
	deafTime     = 3 * time.Second
	// stoppedRequests, over stoppedTime at least, tell one that did and no longer
	// does: where nine of ten are lost that is a false alarm once in five times.
	stoppedRequests = 16
	stoppedTime     = 15 * time.Second
	// unstampedAnswers in a row to requests without a transmit timestamp tell a
	// driver that gives none.
	unstampedAnswers = 3
	// absurdTrip is the time to the master and back from which an answer is none;
	// absurdAnswers of them in a row are told.
	absurdTrip    = time.Second
	absurdAnswers = 3
	// recentTime is how long an answer tells that the delay is known: the longest
	// window of the estimate, and some.
	recentTime = 64 * time.Second
)

// request is a Delay_Req under way.
type request struct {
	sequence       uint16
	used           bool
	unicast        bool
	sent, answered bool
	heard, done    bool          // the answer is one; it was used, or never will be
	handed         aes67.RawTime // over to the kernel, some 10 µs before t3
	t3             aes67.RawTime
	t4             aes67.PTPTime // less the correction
}

// answers is how it stands with the Delay_Resp of one master.
type answers struct {
	asked     int                         // Delay_Req sent since the last answer
	firstAsk  aes67.RawTime               // the first of those
	unicast   bool                        // the last answer was to one by unicast
	unstamped int                         // answers in a row without T3
	absurd    int                         // impossible ones in a row
	useful    [readyReplies]aes67.RawTime // T3 of the latest that were measurements
	measured  int                         // how many were
}

// request notes that a Delay_Req is handed over and returns its sequence number,
// and whether it is to go by unicast.
func (x *exchange) request(now aes67.RawTime) (sequence uint16, unicast bool) {
	sequence = x.sequence
	x.sequence++
	if last := &x.requests[(sequence-1)%pendingRequests]; last.used && last.answered && !last.sent {
		x.unstamped++
	}
	if x.asked == 0 {
		x.firstAsk = now
	}
	if unicast = x.unicast; x.asked >= unicastRequests {
		unicast = sequence%2 == 0
	}
	x.asked++
	x.requests[sequence%pendingRequests] = request{sequence: sequence, used: true, unicast: unicast, handed: now}
	return sequence, unicast
}

// sent takes T3. It may come after the answer.
func (x *exchange) sent(sequence uint16, t3 aes67.RawTime) (track.Sample, bool) {
	r := &x.requests[sequence%pendingRequests]
	if !r.used || r.sequence != sequence || r.sent {
		return track.Sample{}, false
	}
	r.sent, r.t3 = true, t3
	x.unstamped = 0
	return x.settle(r)
}

// response takes a Delay_Resp to one of our requests.
func (x *exchange) response(m *wire.Message) (track.Sample, bool) {
	r := &x.requests[m.Sequence%pendingRequests]
	if !r.used || r.sequence != m.Sequence || r.answered {
		return track.Sample{}, false
	}
	r.answered, r.t4 = true, m.Time.Add(-m.Correction)
	if m.Time == 0 {
		return x.refuse(r)
	}
	return x.settle(r)
}

// settle makes a measurement of a request whose T3 and T4 are known, or whose T3
// never will be. What the master's clock showed is known from its Syncs: until
// one came, answers wait.
func (x *exchange) settle(r *request) (track.Sample, bool) {
	if r.done || !r.answered || !x.heardSync {
		return track.Sample{}, false
	}
	if trip := time.Duration(x.offset - (int64(r.handed) - int64(r.t4))); trip.Abs() >= absurdTrip {
		return x.refuse(r)
	}
	if !r.heard {
		r.heard = true
		x.asked, x.absurd, x.unicast = 0, 0, r.unicast
	}
	t3 := r.t3
	if !r.sent {
		if !x.handsOver() {
			return track.Sample{}, false
		}
		t3 = r.handed
	}
	r.done = true
	x.useful[x.measured%readyReplies] = t3
	x.measured++
	return track.Sample{At: t3, Offset: int64(t3) - int64(r.t4)}, true
}

func (x *exchange) refuse(r *request) (track.Sample, bool) {
	r.done = true
	x.absurd++
	return track.Sample{}, false
}

// handsOver reports that the instant of handing a Delay_Req over stands for T3.
func (x *exchange) handsOver() bool { return x.unstamped >= unstampedAnswers }

// recent returns how many of the latest readyReplies answers are no older than
// any measurement may be.
func (x *exchange) recent(now aes67.RawTime) (n int) {
	for _, at := range x.useful[:min(x.measured, readyReplies)] {
		if now.Sub(at) <= recentTime {
			n++
		}
	}
	return n
}

// unanswered reports whether the master does not answer: enough requests, over
// long enough, and not one Delay_Resp.
func (x *exchange) unanswered(now aes67.RawTime) bool {
	return x.asked >= deafRequests && now.Sub(x.firstAsk) >= deafTime
}

// stopped reports whether a master that has answered does so no longer.
func (x *exchange) stopped(now aes67.RawTime) bool {
	return x.measured > 0 && x.asked >= stoppedRequests && now.Sub(x.firstAsk) >= stoppedTime
}
