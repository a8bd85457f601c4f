// Package httphost tells questions that were meant for this computer from those
// that a page from elsewhere led here by a name of its own, to read the answer (DNS
// rebinding).
package httphost

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// Ours reports whether the Host of a request is an address, localhost, or a name of
// this computer, which nobody else's DNS can be made to tell: NAME and NAME.local.
// Without a Host, as in HTTP/1.0, it is no browser that asks.
func Ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	own, err := os.Hostname()
	own, _, _ = strings.Cut(own, ".")
	return err == nil && own != "" && (strings.EqualFold(host, own) || strings.EqualFold(host, own+".local"))
}
