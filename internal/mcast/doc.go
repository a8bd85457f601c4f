// Package mcast is what listeners of multicast have in common (sap, netif): a socket
// that hears groups on chosen interfaces and tells where each datagram came in, and
// the memberships of it, which follow what is wanted while links come and go.
//
// PTP's sockets are not among them (ptp/port): they are waited for with the kernel's
// timestamps, which package net does not know.
package mcast
