package pulse

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elsewhere is a process with the given variables and files.
func elsewhere(env, files map[string]string) surroundings {
	return surroundings{
		getenv: func(name string) string { return env[name] },
		readFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			if text == "unreadable" {
				return nil, fs.ErrPermission
			}
			return []byte(text), nil
		},
		glob: func(pattern string) ([]string, error) {
			var found []string
			for name := range files {
				if ok, _ := filepath.Match(pattern, name); ok {
					found = append(found, name)
				}
			}
			slices.Sort(found)
			slices.Reverse(found) // the order must not matter
			return found, nil
		},
		uid:   1000,
		hosts: []string{"0123abcd", "studio-pc"},
	}
}

func TestServersAreSoughtInOrder(t *testing.T) {
	type set = map[string]string
	for _, c := range []struct {
		name  string
		env   set
		files set
		want  string
	}{
		{"nothing is set", nil, nil, "/run/user/1000/pulse/native"},
		{"a session's runtime directory", set{"XDG_RUNTIME_DIR": "/run/x"}, nil, "/run/x/pulse/native"},
		{"a runtime path of PulseAudio's own wins", set{"XDG_RUNTIME_DIR": "/run/x", "PULSE_RUNTIME_PATH": "/run/p"}, nil, "/run/p/native"},
		{"PULSE_SERVER wins over all", set{"PULSE_SERVER": "/s", "PULSE_RUNTIME_PATH": "/run/p", "HOME": "/h"}, set{"/h/.config/pulse/client.conf": "default-server=/c"}, "/s"},
		{"an empty PULSE_SERVER is none", set{"PULSE_SERVER": " "}, nil, "/run/user/1000/pulse/native"},
		{"the user's client.conf", set{"HOME": "/h"}, set{"/h/.config/pulse/client.conf": " default-server = unix:/c ; mine\n"}, "/c"},
		{"XDG_CONFIG_HOME before HOME", set{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, set{"/h/.config/pulse/client.conf": "default-server=/c", "/x/pulse/client.conf": "default-server=/d"}, "/d"},
		{"the user's file hides the system's", set{"HOME": "/h"}, set{"/h/.config/pulse/client.conf": "autospawn=no", "/etc/pulse/client.conf": "default-server=/e"}, "/run/user/1000/pulse/native"},
		{"the system's client.conf", set{"HOME": "/h"}, set{"/etc/pulse/client.conf": "default-server=/e"}, "/e"},
		{"a folder of parts, last one wins", nil, set{"/etc/pulse/client.conf": "default-server=/e", "/etc/pulse/client.conf.d/01.conf": "default-server=/1", "/etc/pulse/client.conf.d/02.conf": "default-server=/2"}, "/2"},
		{"a folder of parts without the file", nil, set{"/etc/pulse/client.conf.d/01.conf": "default-server=/1"}, "/1"},
		{"PULSE_CLIENTCONFIG alone is read", set{"PULSE_CLIENTCONFIG": "/f", "HOME": "/h"}, set{"/f": "", "/h/.config/pulse/client.conf": "default-server=/c"}, "/run/user/1000/pulse/native"},
		{"an unreadable client.conf is absent", set{"HOME": "/h"}, set{"/h/.config/pulse/client.conf": "unreadable", "/etc/pulse/client.conf": "default-server=/e"}, "/e"},
		{"a list", set{"PULSE_SERVER": "unix:/a tcp:host /b"}, nil, "/a tcp:host:4713 /b"},
		{"this machine by its id", set{"PULSE_SERVER": "{0123abcd}unix:/a {feedbeef}unix:/b"}, nil, "/a"},
		{"this machine by its name", set{"PULSE_SERVER": "{studio-pc}/a"}, nil, "/a"},
		{"a brace that is not closed", set{"PULSE_SERVER": "{0123abcd /a"}, nil, "/a"},
		{"only nonsense", set{"PULSE_SERVER": "unix:relative tcp: [x"}, nil, ""},
		{"a bare host", set{"PULSE_SERVER": "studio"}, nil, "tcp:studio:4713"},
		{"a port", set{"PULSE_SERVER": "tcp4:studio:99"}, nil, "tcp4:studio:99"},
		{"a port that is none", set{"PULSE_SERVER": "tcp4:studio:99999"}, nil, ""},
		{"version 6", set{"PULSE_SERVER": "tcp6:[::1]:99 [fe80::1]"}, nil, "tcp6:[::1]:99 tcp:[fe80::1]:4713"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := elsewhere(c.env, c.files)
			var got []string
			for _, a := range s.servers(s.clientConf()) {
				got = append(got, a.String())
			}
			if diff := cmp.Diff(strings.Join(got, " "), c.want); diff != "" {
				t.Errorf("servers (-got +want):\n%s", diff)
			}
		})
	}
}

func TestCookieIsTheFirstReadable(t *testing.T) {
	full := func(b byte) string { return strings.Repeat(string(b), cookieSize) }
	type set = map[string]string
	home := set{"HOME": "/h"}
	for _, c := range []struct {
		name  string
		env   set
		files set
		conf  clientConf
		want  byte
	}{
		{"none at all", home, nil, clientConf{}, 0},
		{"at home", home, set{"/h/.config/pulse/cookie": full('a')}, clientConf{}, 'a'},
		{"the old place", home, set{"/h/.pulse-cookie": full('b')}, clientConf{}, 'b'},
		{"the new place before the old", home, set{"/h/.pulse-cookie": full('b'), "/h/.config/pulse/cookie": full('a')}, clientConf{}, 'a'},
		{"an unreadable one is passed over", home, set{"/h/.pulse-cookie": full('b'), "/h/.config/pulse/cookie": "unreadable"}, clientConf{}, 'b'},
		{"one of another length is none", home, set{"/h/.config/pulse/cookie": "short"}, clientConf{}, 0},
		{"PULSE_COOKIE wins", set{"HOME": "/h", "PULSE_COOKIE": "/c"}, set{"/c": full('c'), "/h/.config/pulse/cookie": full('a')}, clientConf{}, 'c'},
		{"PULSE_COOKIE without a file", set{"HOME": "/h", "PULSE_COOKIE": "/c"}, set{"/h/.config/pulse/cookie": full('a')}, clientConf{}, 'a'},
		{"client.conf, relative", home, set{"/h/.config/pulse/mine": full('m')}, clientConf{cookieFile: "mine"}, 'm'},
		{"XDG_CONFIG_HOME", set{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, set{"/x/pulse/cookie": full('x'), "/h/.config/pulse/cookie": full('a')}, clientConf{}, 'x'},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := elsewhere(c.env, c.files).cookie(c.conf)
			if len(got) != cookieSize || got[0] != c.want {
				t.Errorf("cookie %q of %d bytes, want %q", got[0], len(got), c.want)
			}
		})
	}
}

func FuzzParseServers(f *testing.F) {
	for _, seed := range []string{
		"{0123abcd}unix:/run/user/1000/pulse/native", "unix:/tmp/pulse-socket tcp:localhost:4713", "tcp6:[::1]:4713",
		"{", "{}", "{a", "[", "[]:", "a:b:c", "tcp:", "unix:",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		for _, a := range parseServers(list, []string{"0123abcd"}) {
			again := parseServers(a.String(), nil)
			if len(again) != 1 || again[0] != a {
				t.Fatalf("%q: %v reads back as %v", list, a, again)
			}
		}
	})
}

func FuzzClientConf(f *testing.F) {
	f.Add([]byte("# comment\n; comment\n; default-sink =\ndefault-server = unix:/a\ncookie-file=/c # x\n"))
	f.Add([]byte("=\n==\ndefault-server"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var conf clientConf
		conf.parse(text)
		for _, value := range []string{conf.defaultServer, conf.cookieFile} {
			if strings.ContainsAny(value, ";#\n") || strings.TrimSpace(value) != value {
				t.Fatalf("value %q of %q", value, text)
			}
			if !strings.Contains(string(text), value) {
				t.Fatalf("value %q is not in %q", value, text)
			}
		}
	})
}
