// Package avahi publishes the bridge's sessions by DNS-SD, as RAVENNA receivers
// look for them, and finds those of others. It speaks to avahi-daemon over
// D-Bus, for the machine has one responder and it is that one.
//
// It is an edge beside the path of time. Layers inside the package:
//
//   - link.go: a connection, and the lives of the daemon on it
//   - server.go: go-avahi for one life, and what it takes to be safe from it
//   - entrygroup.go: one service's entry group, made, watched and freed
//   - publisher.go, book.go: which of them there are
//   - browser.go: who else is there
//
// Each session is a service _rtsp._tcp with the subtype _ravenna_session, on one
// interface, IPv4, without text records (three RAVENNA implementations agree).
//
// A life is the time from when the daemon is found to when it ends or the
// connection does. Each has a connection of its own: what it made on the daemon
// ends with the connection, and the object paths of one life, which the next
// uses again, cannot be mixed up. Between lives the daemon is waited for, by the
// bus's word, and the bus by looking twice a second.
//
// Names that somebody else has are not changed here: they are reported, because
// a session's name stands in other places too.
//
// Publishing is go-avahi's, browsing is made with godbus directly
// (docs/adr/0006-go-avahi-publishes.md says why). A call that is not answered in
// time ends the life. A daemon may establish a service where nobody hears of it,
// on an interface that it was told to leave out; so it is asked for this
// computer's address there before a service counts as established.
//
// Left out: IPv6, other domains than .local, publishing without Avahi.
package avahi
