// Package daemon is the running program: it joins the edges, which know nothing
// of each other, with the core.
//
//	run.go         builds all parts and joins the two paths; the whole wiring
//	edges.go       what the supervisor sees of the edges
//	sender.go      the sender while it runs; threads.go: real-time priority
//	clock.go       the path of time: PTP, or the own clock without its ports
//	network.go     which interface is used; ears.go: what is heard of others
//	neighbours.go  what the sessions keep clear of; announcer.go: telling of them
//	plan.go        names, groups and ids of the sessions
//	remember.go    volume and sessions between runs; resume.go: clock and network
//	model.go       what status shows; survey.go: what list shows
//	listen.go      a daemon without a sink, for list
//	bundle.go      what a bug report holds
//	notify.go      word to the service manager; relay.go: who wakes whom
//	reload.go      what of the configuration can be changed while it runs
//	sleep.go       off the wire while the computer sleeps
//	host.go        the computer's name; privileges.go: giving them up; confine.go: Landlock
package daemon
