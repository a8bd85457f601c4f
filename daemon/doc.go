// Package daemon is the running program: it joins the edges, which know nothing
// of each other, with the core.
//
//	run.go         builds all parts and joins the two paths; the whole wiring
//	edges.go       what the supervisor sees of the edges
//	rooms.go       makes the sinks and joins their sound; seats.go: looks after them
//	sender.go      the sender while it runs; threads.go: real-time priority, the runtime
//	clock.go       the path of time: PTP, or the own clock without its ports
//	filtered.go    where a network keeps PTP from us
//	network.go     which interface is used; ears.go: what is heard of others
//	secondleg.go   the interface of the second leg
//	neighbours.go  what the sessions keep clear of; announcer.go: telling of them
//	plan.go        names, groups and ids of the sessions
//	remember.go    volume and sessions between runs; resume.go: clock and network
//	restart.go     whether another run follows at once, to which something is left
//	findings.go    what the parts say is wrong; judge.go: the verdict on it, and the log
//	desktop.go     what the user's desktop is told, and when
//	model.go       what status shows; survey.go: what list shows
//	speakers.go    what status shows of the pair of speakers
//	flight.go      the flight recorder, and keeping incidents; look.go: what it sees of the bridge
//	recording.go   what is told of it: history, events, incidents
//	listen.go      a daemon without a sink, for list
//	doctor.go      what doctor looks at on this computer
//	bundle.go      what a bug report holds; share.go: whose names are replaced in it
//	notify.go      word to the service manager; relay.go: who wakes whom
//	reload.go      what of the configuration can be changed while it runs
//	sleep.go       off the wire while the computer sleeps
//	host.go        the computer's name; privileges.go: giving them up; confine.go: Landlock
package daemon
