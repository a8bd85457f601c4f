// Package health turns what may be wrong into one verdict. Pure: the time is an
// argument.
//
//	table.go    the conditions: each with its code, title, severity and causes
//	find.go     which of them a sentence tells of, and the command in it
//	tracker.go  which findings are visible, and what has changed
//	status.go   the words of AMWA BCP-008-02 for a sender
//
// A sentence is made where the fault is seen, since its values are known there alone;
// so is the command, which stands in `backquotes`. Here it gets its place.
//
// # A finding
//
//	absent ──found──▶ waits ──VisibleAfter──▶ visible ──mended──▶ absent
//	                  │   ▲                    │
//	     a cause is ill   cause mended         a cause is ill
//	                  ▼   │ (2 s at least)     │
//	                  hidden ◀─────────────────┘
//
// A cause hides its effects from the moment at which it is found, though it be waited
// for itself. What waits or is hidden goes without a word when it is mended.
//
// # A status
//
// A domain is as bad as its worst visible finding: silence makes it unhealthy, a defect
// partially healthy, a notice nothing. Transmission is unhealthy also where nothing is
// sent, for whatever reason; external synchronization without a grandmaster, and
// partially healthy in holdover. From status to status (rows) by what is seen:
//
//	              inactive      better               equal      worse
//	inactive      -             at once              -          at once, after 3 s *
//	healthy       at once       -                    -          at once, counted *
//	partially     at once       after 3 s of it      message    at once, counted
//	unhealthy     at once       after 3 s of it      message    -
//
// * within 3 s of an activation, which is the end of a rest, it stays healthy.
// Inactive are transmission and essence at rest, link without an interface, and
// synchronization where there is no use for it, as on the grandmaster itself
// (BCP-008-02 says NotUsed). Overall is inactive at rest and otherwise the worst of all.
//
// Left out of BCP-008-02: delays that can be set, resetting counters, and the passing
// partial health at a change of grandmaster.
package health
