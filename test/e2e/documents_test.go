package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// documents are what a user or a developer reads; the manual pages are made of
// the program's own tables and held to them elsewhere.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "changelog/unreleased/*.md"} {
		all = append(all, must(filepath.Glob(filepath.Join(project, pattern)))...)
	}
	return all
}

var (
	fenced  = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```")
	inline  = regexp.MustCompile("`([^`]+)`")
	command = regexp.MustCompile(`^(aes67-sink|make|sudo|systemctl|rm|apt|apt-get|pactl|wpctl|setcap|ufw|firewall-cmd|journalctl|scripts/\S+|test/lab/\S+) \S`)
	spaces  = regexp.MustCompile(`\s+`)
)

// commandsIn finds the commands of a Markdown text: each line of its shell
// blocks, and what stands between backquotes and begins with a program's name.
func commandsIn(text string) []string {
	var found []string
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		if block[1] != "sh" {
			continue
		}
		for line := range strings.Lines(block[2]) {
			line, _, _ = strings.Cut(line, " #")
			if line = strings.TrimSpace(line); line != "" {
				found = append(found, line)
			}
		}
	}
	for _, span := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		if line := spaces.ReplaceAllString(span[1], " "); command.MatchString(line) {
			found = append(found, strings.ReplaceAll(line, `\|`, "|"))
		}
	}
	return found
}

// elsewhere names the test that runs a command which changes a whole machine.
var elsewhere = map[string]string{
	"sudo apt install ./build/deb/aes67-sink_*_\"$(dpkg --print-architecture)\".deb": "TestPackageInstall",
	"sudo apt install avahi-daemon":                                            "TestPackageInstall",
	"systemctl --user start pipewire-pulse":                                    "TestPackageInstall",
	"systemctl --user restart pipewire-pulse":                                  "TestPackageRepository",
	"systemctl --user restart wireplumber":                                     "TestPackageRepository",
	"systemctl --user restart aes67-sink":                                      "TestPackageRepository",
	"systemctl --user reload aes67-sink":                                       "TestPackageReboot",
	"journalctl --user -u aes67-sink -e":                                       "TestPackageReboot",
	"aes67-sink on":                                                            "TestPackageReboot",
	"aes67-sink off":                                                           "TestPackageReboot",
	"sudo dpkg-statoverride --update --add root audio 750 /usr/bin/aes67-sink": "TestPackageReboot",
	"sudo dpkg-reconfigure aes67-sink":                                         "TestPackageReboot",
	"sudo apt install git make":                                                "TestDocumentedCommands", // make is asked for each target
	"sudo make install":                                                        "TestInstallDoesNotBuild",
	"sudo make uninstall":                                                      "TestInstallDoesNotBuild",
	"scripts/release.sh --build vx.y.z DIR":                                    "TestReleaseMakesAllOrNothing",
	"systemctl --user mask --now aes67-sink":                                   "TestPackageInstall",
	"sudo apt purge aes67-sink":                                                "TestPackageUpgrade",
	"rm -r ~/.local/state/aes67-sink":                                          "TestPackageUpgrade",
	"sudo setcap cap_net_bind_service+ep":                                      "TestNoPrivilegeIsKept",
	"aes67-sink doctor":                                                        "TestDoctor", // its exit code is that of the computer
	"aes67-sink doctor -v":                                                     "TestDoctor",
	"aes67-sink doctor --share":                                                "TestDoctor",
	"aes67-sink doctor [-v] [--json] [--share]":                                "TestDoctor",
	"aes67-sink run":                                                           "TestDocumentedCommands",
	"aes67-sink bundle":                                                        "TestBundle",
	"aes67-sink bundle --share":                                                "TestBundle",
	"aes67-sink bundle [--share] [FILE]":                                       "TestBundle",
	"pactl suspend-sink aes67 0":                                               "TestStandstill",
	"pactl set-sink-volume":                                                    "TestTwoReceiversHearLeftAndRight",
}

// TestDocumentedCommands runs every command of the program that a document
// names, in all its forms, beside a running bridge; asks make for every target;
// and holds every other command to the test that runs it.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	tests := testNames(t)
	var own []string
	for _, path := range documents(t) {
		switch filepath.Base(path) {
		case "faults.md", "programs.md":
			continue // TestFaults and TestApps run what they tell
		}
		for _, line := range commandsIn(string(must(os.ReadFile(path)))) {
			name, rest, _ := strings.Cut(line, " ")
			by, known := elsewhere[line]
			switch {
			case known && slices.Contains(tests, by):
			case known:
				t.Errorf("%q is left to %s, which does not exist", line, by)
			case strings.HasPrefix(line, "aes67-sink speakers") && slices.Contains(tests, "TestSpeakers"):
			case name == "make":
				// It must do nothing: make runs a recipe that calls make even then.
				if _, err := output(os.Environ(), "make", "--directory", project, "--dry-run", strings.Fields(rest)[0]); err != nil {
					t.Errorf("%s: %q: %v", path, line, err)
				}
			case name == "aes67-sink":
				own = append(own, line)
			default:
				t.Errorf("%s: no test runs %q", path, line)
			}
		}
	}
	slices.Sort(own)
	if own = slices.Compact(own); len(own) == 0 {
		t.Fatal("no command of the program was found in any document")
	}

	w := newWire(t)
	startGrandmaster(t, w, 0)
	s := startServer(t, "pipewire")
	b := startBridge(t, w, s)
	b.reaches(30*time.Second, "it sends", func(r report) bool { return r.State == "sending" })
	dir := tempDir(t, "documents")
	for _, line := range own {
		for _, arguments := range formsOf(line, dir) {
			t.Run(strings.Join(arguments, " "), func(t *testing.T) {
				begin := func() *process {
					return start(t, arguments[0], s.env, w.in(pc, s.by(append([]string{program}, arguments...)...)...)...)
				}
				if !slices.Contains(arguments, "--watch") {
					var err error
					well := func() bool { err = begin().wait(20 * time.Second); return err == nil }
					if slices.Contains(arguments, "--check") { // whose exit code tells whether all is well now
						_ = inTheEnd(well)
					} else {
						_ = well()
					}
					if err != nil {
						t.Errorf("ended with %v", err)
					}
					return
				}
				p := begin()
				eventually(t, 10*time.Second, "it tells something", func() bool { return p.output.String() != "" || p.ended() })
				p.signal(syscall.SIGINT)
				if err := p.wait(5 * time.Second); err != nil {
					t.Errorf("after Ctrl-C it ended with %v", err)
				}
			})
		}
	}
}

// formsOf expands a synopsis: "status [--json] [--watch]" is three commands.
func formsOf(synopsis, dir string) [][]string {
	synopsis = strings.TrimPrefix(synopsis, "aes67-sink ")
	optional := regexp.MustCompile(` \[([^\]]+)\]`)
	base := strings.Fields(optional.ReplaceAllString(synopsis, ""))
	forms := [][]string{base}
	for _, option := range optional.FindAllStringSubmatch(synopsis, -1) {
		for choice := range strings.SplitSeq(option[1], "|") {
			choice = strings.NewReplacer("DIR", dir, "N", "1").Replace(choice)
			forms = append(forms, append(slices.Clone(base), strings.Fields(choice)...))
		}
	}
	return forms
}

// testNames are the tests of this package.
func testNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, path := range append(must(filepath.Glob("*_test.go")), must(filepath.Glob("../../packaging/*_test.go"))...) {
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(must(os.ReadFile(path))), -1) {
			names = append(names, match[1])
		}
	}
	return names
}
