package ptp

import (
	"cmp"

	"aes67-sink/ptp/wire"
)

// This file is the best master clock algorithm (IEEE 1588-2008, 9.3): which of
// two data sets is better (figures 27 and 28), and what an ordinary clock's
// only port does about the best one (figure 26).

// dataset is what is compared: a grandmaster, the port that tells of it, and
// the port that heard so.
type dataset struct {
	wire.Properties
	sender   wire.PortIdentity
	receiver wire.PortIdentity
}

// compare returns a negative number if a is better than b, a positive one if b
// is better, and 0 if they are one and the same.
func compare(a, b *dataset) int {
	if a.Identity == b.Identity {
		return compareTopology(a, b)
	}
	return cmp.Or(
		cmp.Compare(a.Priority1, b.Priority1),
		cmp.Compare(a.Class, b.Class),
		cmp.Compare(a.Accuracy, b.Accuracy),
		cmp.Compare(a.Variance, b.Variance),
		cmp.Compare(a.Priority2, b.Priority2),
		wire.CompareIdentities(a.Identity, b.Identity),
	)
}

// compareTopology is figure 28: two ways to one grandmaster. The figure's
// "better" and "better by topology" differ only for a clock with several
// ports, and its errors are echoes of our own messages, which never get here.
func compareTopology(a, b *dataset) int {
	return cmp.Or(
		cmp.Compare(a.StepsRemoved, b.StepsRemoved),
		a.sender.Compare(b.sender),
		a.receiver.Compare(b.receiver),
	)
}

// decision is what the port ought to be.
type decision uint8

const (
	stay   decision = iota // nothing is known yet: go on as before
	follow                 // S1: be a follower of the best master
	serve                  // M1, M2: be the grandmaster
)

// situation is what a decision rests on.
type situation struct {
	own      *dataset
	best     *dataset // nil: no qualified master
	pending  bool     // a master was heard that may yet qualify
	silent   bool     // the announce timeout has passed with nothing heard
	serving  bool     // we are the grandmaster now
	mayServe bool     // false: follower only
	compete  bool     // take over from a worse master that is there
}

// choose is figure 26 for an ordinary clock, with two rules of our own: a
// clock that is only a stopgap (compete false) does not push aside a master
// that is there, however bad, and a master that is about to qualify is waited
// for rather than started against.
func choose(s *situation) decision {
	if s.best == nil {
		switch {
		case s.serving:
			return serve
		case s.mayServe && s.silent && !s.pending:
			return serve
		}
		return stay
	}
	if s.mayServe && compare(s.own, s.best) < 0 && (s.compete || s.serving) {
		return serve
	}
	return follow
}
