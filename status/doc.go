// Package status tells what the running bridge is doing.
//
// model.go is the picture, with units in the names; handler.go and server.go
// serve it on a control socket of the user (client.go is its other end) and,
// for browsers of this computer, on a TCP port. directory.go finds the private
// directory of the socket, and lock_linux.go makes sure that there is one
// bridge a user and one owner of the network side a machine.
//
// Nothing can be changed through this package: it answers GET only. Left out:
// a page for people and metrics.
package status
