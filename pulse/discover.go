package pulse

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// defaultPort is the TCP port of the native protocol (PulseAudio,
// native-common.h, PA_NATIVE_DEFAULT_PORT).
const defaultPort = "4713"

// address is where a server may listen, in the words of package net.
type address struct {
	network string // unix, tcp, tcp4, tcp6
	target  string // a path, or host:port
}

// String returns the address as messages show it.
func (a address) String() string {
	if a.network == "unix" {
		return a.target
	}
	return a.network + ":" + a.target
}

// surroundings is what discovery reads of its process and machine; tests
// replace it.
type surroundings struct {
	getenv   func(string) string
	readFile func(string) ([]byte, error)
	glob     func(string) ([]string, error)
	uid      int
	hosts    []string // machine id and host name: what "{…}" may name
}

// thisProcess returns the surroundings of the running process.
func thisProcess() surroundings {
	s := surroundings{getenv: os.Getenv, readFile: os.ReadFile, glob: filepath.Glob, uid: os.Getuid()}
	for _, file := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
			s.hosts = append(s.hosts, strings.TrimSpace(string(b)))
		}
	}
	if name, err := os.Hostname(); err == nil {
		s.hosts = append(s.hosts, name)
	}
	return s
}

// servers lists where a server may be, in the order to try: what PULSE_SERVER
// names, else what client.conf names, else the socket of the user's own. A
// private runtime directory is not left for another one, so that a private
// server that is down is never mistaken for the desktop's.
func (s surroundings) servers(conf clientConf) []address {
	for _, list := range []string{s.getenv("PULSE_SERVER"), conf.defaultServer} {
		if strings.TrimSpace(list) != "" {
			return parseServers(list, s.hosts)
		}
	}
	dir := "/run/user/" + strconv.Itoa(s.uid) + "/pulse"
	if xdg := s.getenv("XDG_RUNTIME_DIR"); xdg != "" {
		dir = filepath.Join(xdg, "pulse")
	}
	if own := s.getenv("PULSE_RUNTIME_PATH"); own != "" {
		dir = own
	}
	return []address{{"unix", filepath.Join(dir, "native")}}
}

// parseServers reads a server string: a list, separated by spaces, of paths,
// "unix:PATH", "tcp:", "tcp4:" or "tcp6:" with HOST[:PORT], or bare host names.
// An entry that begins with "{HOST}" counts only on that host. Entries that
// make no sense are left out (PulseAudio, "Server Strings").
func parseServers(list string, hosts []string) []address {
	var found []address
	for _, entry := range strings.Fields(list) {
		if strings.HasPrefix(entry, "{") {
			host, rest, closed := strings.Cut(entry[1:], "}")
			if !closed || !contains(hosts, host) {
				continue
			}
			entry = rest
		}
		if a, ok := parseServer(entry); ok {
			found = append(found, a)
		}
	}
	return found
}

func parseServer(entry string) (address, bool) {
	if strings.HasPrefix(entry, "/") {
		return address{"unix", entry}, true
	}
	network, target := "tcp", entry
	for _, known := range [...]string{"unix", "tcp", "tcp4", "tcp6"} {
		if rest, ok := strings.CutPrefix(entry, known+":"); ok {
			network, target = known, rest
		}
	}
	if network == "unix" {
		return address{network, target}, filepath.IsAbs(target)
	}
	target, ok := hostPort(target)
	return address{network, target}, ok
}

// hostPort completes HOST, HOST:PORT, [V6] and [V6]:PORT.
func hostPort(s string) (string, bool) {
	host, port := s, defaultPort
	if inner, ok := strings.CutPrefix(s, "["); ok {
		h, rest, closed := strings.Cut(inner, "]")
		if !closed {
			return "", false
		}
		host = h
		if rest != "" {
			p, isPort := strings.CutPrefix(rest, ":")
			if !isPort {
				return "", false
			}
			port = p
		}
	} else if h, p, ok := strings.Cut(s, ":"); ok {
		host, port = h, p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, "[]") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

func contains(list []string, s string) bool {
	for _, each := range list {
		if each == s {
			return true
		}
	}
	return false
}
