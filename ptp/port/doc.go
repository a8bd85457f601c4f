// Package port is the edge of PTP: the sockets, the kernel's clocks, and the one
// goroutine that drives the engine of package ptp with them. It sets no clock of
// the computer.
//
//	run.go             the service; loop.go: what its one goroutine owns
//	port_linux.go      sockets 319 and 320, and sending
//	receive_linux.go   waiting, receiving, transmit timestamps
//	wallclock_linux.go the kernel's timestamps on CLOCK_MONOTONIC
//	hardware_linux.go  timestamps of the network card; phc.go: its clock
package port
