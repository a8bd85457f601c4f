// Package rtthread is the one home of what a real-time thread needs from the
// kernel: its clocks, an absolute sleep, and a goroutine locked
// to a thread with real-time priority.
//
// It stands beside the path of data, under rtpsend and whoever else must not
// be late. Asking never fails: what the kernel refuses is told in the Grant,
// and the caller runs on with ordinary priority.
//
// Linux only. SCHED_FIFO is asked for directly, with RESET_ON_FORK so that no
// other thread of the process inherits it (sched(7)). An ordinary user seldom may;
// then RealtimeKit is asked over D-Bus. What that gives comes with a limit on
// unbroken running, RLIMIT_RTTIME, that the kernel enforces by killing; before
// it does, all priorities are given back. RealtimeKit may also take it away
// again, so Keep looks and asks anew.
package rtthread
