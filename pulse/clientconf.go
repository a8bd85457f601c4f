package pulse

import (
	"path/filepath"
	"slices"
	"strings"
)

// maxClientConf bounds how much of a client.conf is read, in bytes.
const maxClientConf = 64 << 10

// clientConf is what a client.conf says and this package needs.
type clientConf struct {
	defaultServer string
	cookieFile    string
}

// clientConf reads the first of PULSE_CLIENTCONFIG, the user's client.conf and
// the system's that exists, then the *.conf of the folder named like it with
// ".d", in the order of their names (pulse-client.conf(5)). Unreadable files
// count as absent.
func (s surroundings) clientConf() clientConf {
	files := []string{s.getenv("PULSE_CLIENTCONFIG")}
	if files[0] == "" {
		files = append(s.inConfigHome("client.conf"), "/etc/pulse/client.conf")
	}
	var conf clientConf
	for _, file := range files {
		text, err := s.readFile(file)
		more, _ := s.glob(file + ".d/*.conf")
		if err != nil && len(more) == 0 {
			continue
		}
		conf.parse(text)
		slices.Sort(more)
		for _, each := range more {
			if text, err := s.readFile(each); err == nil {
				conf.parse(text)
			}
		}
		break
	}
	return conf
}

// inConfigHome returns where the user's file of PulseAudio may be.
func (s surroundings) inConfigHome(name string) []string {
	var paths []string
	if xdg := s.getenv("XDG_CONFIG_HOME"); xdg != "" {
		paths = append(paths, filepath.Join(xdg, "pulse", name))
	}
	if home := s.getenv("HOME"); home != "" {
		paths = append(paths, filepath.Join(home, ".config/pulse", name))
	}
	return paths
}

// parse takes over what text sets. Lines are "key = value"; the rest of a line
// after ; or # is a comment. Anything else is passed over.
func (c *clientConf) parse(text []byte) {
	text = text[:min(len(text), maxClientConf)]
	for line := range strings.Lines(string(text)) {
		if comment := strings.IndexAny(line, ";#"); comment >= 0 {
			line = line[:comment]
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "default-server":
			c.defaultServer = value
		case "cookie-file":
			c.cookieFile = value
		}
	}
}
