package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// app is a program that people play with, as docs/programs.md has it.
type app struct {
	name  string // of its section there
	needs []string
	short string                      // in the short form, too, on this kind of sound server
	only  string                      // the kind of sound server that it speaks to; empty: both
	hold  func(*appRoom, *app) remote // how it is held in hand; nil: it plays a file and ends
	// served: it is held all the time; else it is started anew for each file.
	served bool
	// tones: it makes its own, one side after the other.
	tones bool
	// leavesOut: it leaves out what it is late for.
	leavesOut bool
	// cannot tells what of the table it cannot, and why, by the name of a column or of what
	// is in it; "…, SERVER" on one kind of server alone.
	cannot map[string]string
	// as is the command that the recipe is run by.
	as []string
}

// remote is a program in hand.
type remote struct {
	// load makes files ready, play starts the first; play returns when it was told to.
	load    func(files ...string)
	play    func() aes67.MonoTime
	pause   func()
	resume  func()
	seek    func(to time.Duration)
	next    func() // nil: it knows one file alone
	process *process
}

var apps = []app{
	{name: "paplay", needs: []string{"paplay"}, short: "pulseaudio"},
	{name: "pw-play", needs: []string{"pw-play"}, only: "pipewire", cannot: map[string]string{
		"server": "it speaks to PipeWire alone",
	}},
	{name: "aplay", needs: []string{"aplay"}, short: "pipewire", cannot: map[string]string{
		"5.1": alsaOrder, "7.1": alsaOrder,
	}},
	{name: "speaker-test", needs: []string{"speaker-test"}, tones: true},
	{name: "sox", needs: []string{"sox"}, cannot: map[string]string{
		"5.1": "sox names no channels, and PulseAudio's library then takes them in AIFF's order",
		"7.1": "sox names no channels, and PulseAudio's library knows no order for eight",
	}},
	{name: "ffmpeg", needs: []string{"ffmpeg"}},
	{name: "GStreamer", needs: []string{"gst-launch-1.0"}},
	{name: "mpv", needs: []string{"mpv"}, hold: holdMPV},
	{name: "MPD", needs: []string{"mpd", "mpc"}, hold: holdMPD, served: true},
	{name: "VLC", needs: []string{"cvlc", "unshare"}, hold: holdVLC, as: asSomebody, leavesOut: true},
	{name: "Chromium", needs: []string{"chromium"}, hold: holdChromium("audio"), served: true},
	{name: "Chromium, video", needs: []string{"chromium", "ffmpeg"}, hold: holdChromium("video"), served: true},
	{name: "Firefox", needs: []string{"firefox"}, hold: holdFirefox("audio"), served: true, cannot: map[string]string{
		"5.1": "of a WAV with six channels of 24 bits it mixes the channels up, of 16 bits it does not",
	}},
	{name: "Firefox, video", needs: []string{"firefox", "ffmpeg"}, hold: holdFirefox("video"), served: true, cannot: map[string]string{
		// https://github.com/mozilla/mp4parse-rust/pull/454
		"96 kHz": "it takes the rate of FLAC in MP4 from a field that ends at 65,535 Hz",
	}},
}

const alsaOrder = "aplay hands the file's channels over as they come, and ALSA's order is another"

// asSomebody makes a program that refuses to be root's believe that it is not.
var asSomebody = []string{"unshare", "--user", "--map-user=1000", "--map-group=1000", "--"}

// why tells why a program cannot have a column's cell, on a kind of server.
func (a *app) why(column, kind string) string {
	if why := a.cannot[column+", "+kind]; why != "" {
		return why
	}
	return a.cannot[column]
}

// recipe is a program's section of docs/programs.md: commands, and what stands in
// files of the home directory.
type recipe struct {
	commands []string
	files    map[string]string // by path, "~/…"
}

var codeBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```\n")

// recipeOf reads the section of a program.
func recipeOf(t testing.TB, name string) recipe {
	t.Helper()
	name, _, _ = strings.Cut(name, ",")
	page := string(must(os.ReadFile(filepath.Join(project, "docs", "programs.md"))))
	_, section, found := strings.Cut(page, "\n## "+name+"\n")
	if !found {
		t.Fatalf("docs/programs.md has no section %q", name)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	r := recipe{files: map[string]string{}}
	if strings.Contains(section, "With the same `~/.asoundrc`") {
		r.files = recipeOf(t, "aplay").files
	}
	for _, at := range codeBlock.FindAllStringSubmatchIndex(section, -1) {
		kind, text := section[at[2]:at[3]], section[at[4]:at[5]]
		if kind == "sh" {
			r.commands = append(r.commands, strings.Split(strings.TrimSpace(text), "\n")...)
			continue
		}
		paths := regexp.MustCompile("`(~/[^`]+)`").FindAllStringSubmatch(section[:at[0]], -1)
		if len(paths) == 0 {
			t.Fatalf("docs/programs.md: %s: in which file is\n%s", name, text)
		}
		r.files[paths[len(paths)-1][1]] = text
	}
	if len(r.commands) == 0 {
		t.Fatalf("docs/programs.md has no command for %s", name)
	}
	return r
}

// install writes the recipe's files into a server's home.
func (s *server) install(r recipe) {
	s.t.Helper()
	for path, text := range r.files {
		s.write(path, text)
	}
}

// write makes a file of the home directory, "~/…", and returns its path.
func (s *server) write(path, text string) string {
	s.t.Helper()
	path = filepath.Join(s.dir, "home", strings.TrimPrefix(path, "~/"))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return path
}

// run starts the nth command of the program's recipe with a file to play, and with
// changes to its words in pairs.
func (r *appRoom) run(a *app, n int, file string, changes ...string) *process {
	r.t.Helper()
	line := strings.NewReplacer(append([]string{"FILE", file}, changes...)...).Replace(r.recipe.commands[n])
	command := append(append([]string{}, a.as...), "sh", "-c", "exec env "+line)
	return start(r.t, a.name, r.env(a), command...).onTheWay()
}

// env is what the program finds.
func (r *appRoom) env(a *app) []string {
	env := append([]string{}, r.server.env...)
	if a.name == "GStreamer" {
		for _, variable := range gstreamerEnv() {
			if strings.HasPrefix(variable, "GST_REGISTRY=") {
				env = append(env, variable)
			}
		}
	}
	return env
}
