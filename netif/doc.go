// Package netif knows the machine's network interfaces and decides which one
// the bridge uses.
//
//   - watcher.go: what interfaces there are (rtnetlink), and that they changed
//   - dnssd.go: hears RAVENNA and Dante devices announce themselves; sends nothing
//   - chooser.go: interfaces, signs of AES67, intent and time in; choice out; pure
//
// An installed bridge must not multicast, or serve a clock, on every office
// network that a laptop joins. So without a named interface it first listens,
// goes where a sign of AES67 is, and otherwise sends nothing until a program
// plays into the sink.
//
// Left out: IPv6, bridges and tunnels (unless named), several interfaces at
// once (SMPTE ST 2022-7).
package netif
