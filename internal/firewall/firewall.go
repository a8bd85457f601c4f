// Package firewall finds out, without any privilege, what keeps a network's
// messages from this computer's programs, and with which command they are let in.
package firewall

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Advice says what filters on an interface, as far as that can be seen, and what to
// do: a clause that follows "is not heard here: ". root is the root of the file
// system.
func Advice(root fs.FS, iface string) string {
	if reversePath(root, iface) {
		return "the kernel drops what comes from another network (rp_filter); `sudo sysctl -w net.ipv4.conf." + strings.ReplaceAll(iface, ".", "/") + ".rp_filter=2`" // sysctl(8)
	}
	if known := program(root); known != "" {
		return known
	}
	return "a firewall of this computer or a switch filters UDP ports 319 and 320"
}

// LocalAdvice is Advice about what this computer keeps from its own programs.
func LocalAdvice(root fs.FS) string {
	if known := program(root); known != "" {
		return known
	}
	return "a firewall of this computer filters UDP ports 319 and 320; let them in"
}

// program is the advice for a program that keeps the firewall, empty: none is seen.
func program(root fs.FS) string {
	switch {
	case holds(root, "etc/ufw/ufw.conf", "ENABLED=yes"):
		return "ufw is on; `sudo ufw allow \"AES67 Speakers\"`"
	case exists(root, "run/firewalld.pid") || exists(root, "run/firewalld"):
		return "firewalld runs; `sudo firewall-cmd --permanent --add-service=aes67-sink && sudo firewall-cmd --reload`"
	}
	return ""
}

// strict is the value of rp_filter by which packets are dropped whose way back would
// be another one (RFC 3704; Linux, ip-sysctl).
const strict = 1

// reversePath reports whether the filter is strict on an interface and has dropped
// something.
func reversePath(root fs.FS, iface string) bool {
	most := 0 // the larger of both counts
	for _, name := range []string{"all", iface} {
		text, err := fs.ReadFile(root, path.Join("proc/sys/net/ipv4/conf", name, "rp_filter"))
		if n, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil {
			most = max(most, n)
		}
	}
	return most == strict && dropped(root) > 0
}

// dropped is how many packets the filter has dropped: netstat has pairs of lines,
// names and numbers (proc(5)).
func dropped(root fs.FS) int {
	text, err := fs.ReadFile(root, "proc/net/netstat")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for i, name := range names {
			if name == "IPReversePathFilter" && i < len(fields) && fields[0] == names[0] {
				if n, err := strconv.Atoi(fields[i]); err == nil {
					return n
				}
			}
		}
		names = fields
	}
	return 0
}

func holds(root fs.FS, name, wanted string) bool {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if strings.EqualFold(strings.TrimSpace(line), wanted) {
			return true
		}
	}
	return false
}

func exists(root fs.FS, name string) bool {
	_, err := fs.Stat(root, name)
	return err == nil
}
