// Package sap announces the bridge's sessions by the Session Announcement
// Protocol (RFC 2974) and hears those of others.
//
// It is an edge beside the path of time: what it announces are the texts of
// package sdp. Layers inside the package:
//
//   - packet.go: one message, pure
//   - schedule.go: what is to be sent when, pure
//   - table.go: who else is there, pure and bounded
//   - service.go: the two joined with the sockets of socket_linux.go
//
// The rules, where RFC 2974 leaves them open or practice differs:
//
//   - One announcement each 30 s, spread by a tenth either way, not the RFC's
//     300 s and more: receivers in the field forget after 90 s.
//   - A new or changed text is announced at once and again after 1 s. Each
//     time the text it takes the place of is deleted right before, so that of
//     the two only one is ever alive, also for receivers that tell sessions by
//     their o= line alone.
//   - What is withdrawn is deleted three times, 100 ms apart; after a change of
//     the address the new announcement waits for that, if the old address
//     still works.
//   - A foreign session is forgotten after ten of the longest gaps seen between
//     its announcements, at least 10 minutes, at most 1 h; or at once by a
//     deletion that comes from the same sender and names the same source and
//     hash.
//
// Left out: encryption, compression, authentication (refused or skipped),
// IPv6 transport, the directory of several scopes.
package sap
