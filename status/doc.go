// Package status tells what the running bridge is doing.
//
// model.go is the picture, with units in the names; handler.go and server.go
// serve it on a control socket of the user (client.go is its other end) and,
// for browsers of this computer, on a TCP port. metrics.go says it to Prometheus,
// bundle.go hands out the zip for a bug report, table.go and trends.go show it in a
// terminal.
//
// Nothing can be changed through the TCP port: it answers GET only. Left out:
// a page for people.
package status
