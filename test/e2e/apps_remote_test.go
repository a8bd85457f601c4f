package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// holdMPV holds mpv by its JSON IPC (mpv(1)).
func holdMPV(r *appRoom, a *app) remote {
	socket := filepath.Join(r.server.dir, "mpv")
	p := r.run(a, 0, "", "mpv ", "mpv --idle=yes --no-terminal --input-ipc-server="+socket+" ")
	conn := r.dial(socket)
	say := func(words ...string) {
		fmt.Fprintf(conn, "{\"command\":[%s]}\n", strings.Join(words, ","))
	}
	quoted := func(word string) string { return fmt.Sprintf("%q", word) }
	property := func(name, value string) { say(quoted("set_property"), quoted(name), value) }
	return remote{
		load: func(files ...string) {
			property("pause", "true")
			say(quoted("playlist-clear"))
			for i, file := range files {
				how := "append"
				if i == 0 {
					how = "replace"
				}
				say(quoted("loadfile"), quoted(file), quoted(how))
			}
			pass(settling)
		},
		play:   func() aes67.MonoTime { property("pause", "false"); return rtthread.Now() },
		pause:  func() { property("pause", "true") },
		resume: func() { property("pause", "false") },
		seek: func(to time.Duration) {
			say(quoted("seek"), fmt.Sprint(to.Seconds()), quoted("absolute"))
		},
		next:    func() { say(quoted("playlist-next")) },
		process: p,
	}
}

// holdMPD starts an MPD of the user's and holds it by mpc.
func holdMPD(r *appRoom, a *app) remote {
	home := filepath.Join(r.server.dir, "home")
	socket := filepath.Join(home, "mpd")
	conf := r.server.write("~/.config/mpd/mpd.conf", r.recipe.files["~/.config/mpd/mpd.conf"]+fmt.Sprintf(
		"bind_to_address %q\nmusic_directory %q\nplaylist_directory %q\nstate_file %q\n", socket, r.files, home, filepath.Join(home, "mpd.state")))
	p := start(r.t, a.name, r.env(a), "mpd", "--no-daemon", conf).onTheWay()
	_ = r.dial(socket).Close()
	mpc := func(words ...string) {
		mustOutput(r.t, r.env(a), append([]string{"mpc", "--quiet", "--host=" + socket}, words...)...)
	}
	// The recipe's own words, but for the host.
	words := func(n int) []string { return strings.Fields(strings.TrimPrefix(r.recipe.commands[n], "mpc ")) }
	return remote{
		load: func(files ...string) {
			mpc("clear")
			for _, file := range files {
				mpc(strings.Split(strings.ReplaceAll(strings.Join(words(0), "\n"), "FILE", file), "\n")...)
			}
		},
		play:    func() aes67.MonoTime { at := rtthread.Now(); mpc(words(1)...); return at },
		pause:   func() { mpc("pause") },
		resume:  func() { mpc("play") },
		seek:    func(to time.Duration) { mpc("seek", fmt.Sprintf("%d", int(to.Seconds()))) },
		next:    func() { mpc("next") },
		process: p,
	}
}

// holdVLC holds VLC by its remote control.
func holdVLC(r *appRoom, a *app) remote {
	socket := filepath.Join(r.server.dir, "vlc")
	p := r.run(a, 0, "", "--play-and-exit", "--extraintf=oldrc --rc-fake-tty --rc-unix="+socket)
	conn := r.dial(socket)
	say := func(format string, v ...any) { fmt.Fprintf(conn, format+"\n", v...) }
	return remote{
		load: func(files ...string) {
			say("stop")
			say("clear")
			for _, file := range files {
				say("enqueue %s", file)
			}
			pass(settling)
		},
		play:    func() aes67.MonoTime { at := rtthread.Now(); say("play"); return at },
		pause:   func() { say("pause") },
		resume:  func() { say("pause") },
		seek:    func(to time.Duration) { say("seek %d", int(to.Seconds())) },
		next:    func() { say("next") },
		process: p,
	}
}

// settling is how long a program may take to take in what it was told.
const settling = 200 * time.Millisecond

// dial waits for a program's socket; what it answers is thrown away.
func (r *appRoom) dial(socket string) net.Conn {
	r.t.Helper()
	var conn net.Conn
	eventually(r.t, 15*time.Second, "the program listens at "+socket, func() (ok bool) {
		var err error
		conn, err = net.Dial("unix", socket)
		return err == nil
	})
	r.t.Cleanup(func() { _ = conn.Close() })
	go func() { _, _ = io.Copy(io.Discard, bufio.NewReader(conn)) }()
	return conn
}
