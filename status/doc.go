// Package status tells what the running bridge is doing.
//
// model.go is the picture, with units in the names; handler.go and server.go
// serve it on a control socket of the user (client.go is its other end) and,
// for browsers of this computer, on a TCP port.
//
// Nothing can be changed through this package: it answers GET only. Left out:
// a page for people and metrics.
package status
