// Package mcast is what listeners of multicast have in common: a socket that hears groups
// on chosen interfaces, which package net reads (Conn: sap, netif, doctor) or whose
// messages are waited for with the kernel's timestamps (Socket: ptp/port), and the
// memberships of it, which follow what is wanted while links come and go.
package mcast
