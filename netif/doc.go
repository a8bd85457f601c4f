// Package netif knows the machine's network interfaces and decides which one
// the bridge uses.
//
//   - watcher.go: what interfaces there are (rtnetlink), and that they changed
//   - dnssd.go: hears RAVENNA and Dante devices announce themselves, and asks for them
//   - chooser.go: interfaces, signs of AES67, intent and time in; choice out; pure
//
// An installed bridge must not multicast, or serve a clock, on every office
// network that a laptop joins. So without a named interface it first listens,
// goes where a sign of AES67 is, and otherwise sends nothing but its questions for
// such devices until a program plays into the sink.
//
// Left out: IPv6, tunnels and bridges of several wired ports (unless named).
package netif
