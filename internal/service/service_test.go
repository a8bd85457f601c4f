package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manager plays systemctl, which writes down what it is told and refuses the verbs
// in refuses.
type manager struct{ home string }

func newManager(t *testing.T, refuses string) manager {
	t.Helper()
	m := manager{t.TempDir()}
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(m.home, "config"))
	t.Setenv("PATH", filepath.Join(m.home, "bin")+":"+os.Getenv("PATH"))
	m.write(t, "run/systemd/system/x", "")
	m.write(t, "bin/systemctl", `#!/bin/sh
echo "$2" >>`+m.home+`/asked
case " `+refuses+` " in *" $2 "*) echo "Failed to $2 unit: no bus"; exit 1;; esac
`)
	return m
}

func (m manager) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(m.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (m manager) asked() string {
	text, _ := os.ReadFile(filepath.Join(m.home, "asked"))
	return strings.Join(strings.Fields(string(text)), " ")
}

const installed, users = "usr/lib/systemd/user/" + Name, "config/systemd/user/" + Name

func TestSwitching(t *testing.T) {
	for _, test := range []struct {
		name, file, refuses string
		off, on             string // what is asked
		offErr, onErr       string
	}{
		{"installed for everybody", installed, "", "mask", "unmask is-enabled start is-active", "", ""},
		{"made by hand", "usr/local/lib/systemd/user/" + Name, "is-enabled", "mask", "unmask is-enabled enable start is-active", "", ""},
		{"the user's own", users, "is-enabled", "disable is-enabled", "unmask is-enabled enable start is-active", "", ""},
		{
			"the user's own, and everybody's", users, "", "disable is-enabled", "unmask is-enabled start is-active",
			"it has ended, and starts again when you log in: HOME/config/systemd/user/aes67-sink.service is a file of yours, and the unit is enabled for everybody; move that file away and say aes67-sink off again", "",
		},
		{"left out by its condition", installed, "is-active", "mask", "unmask is-enabled start is-active", "", "switched on, but it does not run; see systemctl --user status aes67-sink"},
		{
			"no session", installed, "mask unmask", "mask", "unmask",
			"systemctl --user mask --now aes67-sink.service: Failed to mask unit: no bus", "systemctl --user unmask aes67-sink.service: Failed to unmask unit: no bus",
		},
		{"not installed", "run/x", "", "", "", ErrNone.Error(), ErrNone.Error()},
	} {
		for verb, want := range map[string]struct{ asked, err string }{"off": {test.off, test.offErr}, "on": {test.on, test.onErr}} {
			t.Run(test.name+", "+verb, func(t *testing.T) {
				m := newManager(t, test.refuses)
				m.write(t, test.file, "")
				turn := Unit{m.home}.On
				if verb == "off" {
					turn = Unit{m.home}.Off
				}
				said := ""
				if err := turn(t.Context()); err != nil {
					said = strings.ReplaceAll(err.Error(), m.home, "HOME")
				}
				if said != want.err || m.asked() != want.asked {
					t.Errorf("asked %q, error %q; want %q, %q", m.asked(), said, want.asked, want.err)
				}
			})
		}
	}
}

func TestCommands(t *testing.T) {
	m := newManager(t, "")
	u := Unit{m.home}
	look := func(what, start, restart string) {
		t.Helper()
		if u.StartCommand() != start || u.RestartCommand() != restart {
			t.Errorf("%s: %q, %q; want %q, %q", what, u.StartCommand(), u.RestartCommand(), start, restart)
		}
	}
	look("not installed", "aes67-sink run", "end it and start it with aes67-sink run")
	m.write(t, installed, "")
	look("installed", "systemctl --user start aes67-sink", "restart it with systemctl --user restart aes67-sink")
	m.write(t, users, "")
	mask := filepath.Join(m.home, users)
	if err := os.Remove(mask); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(maskTarget, mask); err != nil {
		t.Fatal(err)
	}
	look("masked", "aes67-sink on", "restart it with systemctl --user restart aes67-sink")
	if err := os.RemoveAll(filepath.Join(m.home, "run")); err != nil {
		t.Fatal(err)
	}
	look("without systemd", "aes67-sink run", "end it and start it with aes67-sink run")
}

func TestJournal(t *testing.T) {
	m := newManager(t, "")
	m.write(t, "bin/journalctl", "#!/bin/sh\necho \"$*\"\n[ ! -e "+m.home+"/ill ]\n")
	said, err := Journal(t.Context())
	if want := "--user --unit aes67-sink.service --lines 500 "; err != nil || !strings.HasPrefix(string(said), want) {
		t.Errorf("it is asked %q (%v), want %q", said, err, want)
	}
	m.write(t, "ill", "")
	if said, err := Journal(t.Context()); len(said) == 0 || err == nil || !strings.Contains(err.Error(), "journalctl --user: exit status 1") {
		t.Errorf("it fails: %q, %v", said, err)
	}
}
