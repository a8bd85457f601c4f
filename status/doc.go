// Package status tells what the running bridge is doing.
//
// model.go is the picture, with units in the names; handler.go and server.go
// serve it on a control socket of the user (client.go is its other end) and,
// for browsers of this computer, on a TCP port. metrics.go says it to Prometheus,
// bundle.go hands out the zip for a bug report, table.go and trends.go show it in a
// terminal.
//
// Browsers are answered GET only, but for the forms of speakers (hand.go): they are all
// that can be changed. Package page makes what people see.
package status
