// Package rtsp hands out session descriptions the way RAVENNA receivers fetch
// them, and fetches those of others: RTSP 1.0 (RFC 2326) reduced to what a
// multicast stream needs.
//
// It is an edge beside the path of time: what it serves are the texts of
// package sdp. Layers inside the package:
//
//   - message.go: heads of requests and answers, bounded
//   - path.go: which session a URI means
//   - transport.go: what SETUP agrees on
//   - dialogue.go: one connection's requests in, answers and pushes out; pure
//   - conn.go, server.go, listen_linux.go: the server's connections and sockets
//   - watcher.go, client.go: keeps the descriptions of foreign sessions
//
// RAVENNA has no public text for its use of RTSP; three independent
// implementations agree on this:
//
//   - A session has the paths /by-name/NAME, where NAME is the DNS-SD instance,
//     percent-encoded, and /by-id/N.
//   - DESCRIBE is all that they ask for. The connection then stays open, for
//     hours, and a changed description comes as an ANNOUNCE from the server.
//
// Players want SETUP and PLAY too; the answer is always the multicast transport.
// Nothing is kept of them beyond the connection, since nothing is sent on their
// behalf. HTTP GET and HEAD on the same port answer with the same text.
//
// Every connection is bounded in the size of what it sends and in the time that
// it takes to do so, and their number is bounded in all and for each address; of
// those that never asked for anything the oldest makes room.
//
// Left out: RTSP 2.0, interleaved data, unicast, recording, authentication.
package rtsp
