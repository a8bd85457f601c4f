package e2e

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// films asks for the measurement of sound against picture.
var films = os.Getenv("FILM") != ""

// filmStep is how far picture and sound may be apart, in ms, in the median.
const filmStep = 10.0

// TestFilmsAreInStep plays a film with mpv in which a white picture and a click coincide,
// and compares when the screen turns white with when the click is on the wire, the
// loudspeaker's latency later.
func TestFilmsAreInStep(t *testing.T) {
	if !films {
		t.Skip("takes 7 minutes: said by 'make film'")
	}
	need(t, "mpv", "Xvfb", "ffmpeg")
	film := newFilm(50 * time.Second)
	file := film.write(t)
	for _, c := range []struct {
		place appPlace
		ao    string // mpv's, of --ao
	}{
		{appPlace{"pipewire", true}, "pulse"},
		{appPlace{"pipewire", true}, "pipewire"},
		{appPlace{"pipewire", false}, "pulse"},
		{appPlace{"pulseaudio", false}, "pulse"},
	} {
		t.Run(c.place.String()+", "+c.ao, func(t *testing.T) {
			measured(t, func(t *attempt) {
				off, told := playFilm(t, c.place, c.ao, film, file)
				if len(off) == 0 {
					t.Fatalf("of %d flashes none was seen and heard", len(film.peaks))
				}
				if len(off) < 30 {
					t.spoilt(ofSound(10*time.Second), fmt.Sprintf("of %d flashes %d were seen and heard", len(film.peaks), len(off)))
				}
				t.Logf("%s: sound after picture by %.1f ms (1st to 9th decile %.1f to %.1f, %d of them)",
					told, median(off), quantile(off, 0.1), quantile(off, 0.9), len(off))
				figures.atMost(t, "sound against picture", math.Abs(median(off)), filmStep, "ms")
			})
		})
	}
}

// playFilm returns by how many ms each click was heard after its flash was seen, and how
// the player came to know the latency.
func playFilm(t *attempt, place appPlace, ao string, film film, file string) (off []float64, told string) {
	t.Helper()
	w := newWire(t)
	startGrandmaster(t, w, 50_000)
	s := newServer(t, place.kind)
	if place.tree {
		s.env = append(s.env, "LAB_CHROOT="+trixieTree(t))
	}
	s.do("start", place.kind)
	b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", fmt.Sprintf("stream.receiver-latency=%dms", earMS))
	b.loud(15 * time.Second)
	b.follows(40 * time.Second)
	s.realtime()
	l := listenMarks(t, w, subscriptionOf(t, b.descriptions()[0]))
	screen := startScreen(t, s)
	play := func(options ...string) {
		command := append([]string{"mpv", "--no-config", "--no-terminal", "--vo=x11", "--no-border", "--geometry=+0+0", "--ao=" + ao, "--audio-device=" + ao + "/aes67", file}, options...)
		player := start(t, "mpv", append(s.env, "DISPLAY="+screen.display), command...).onTheWay()
		if err := player.wait(film.length() + 30*time.Second); err != nil {
			t.Fatalf("mpv: %v: %s", err, tail(player.output.String(), 5))
		}
	}
	play(fmt.Sprintf("--length=%g", filmLearns.Seconds()))
	from, option := rtthread.Now(), toldFor(t, s)
	if option == "" {
		told = "told by the server"
		play()
	} else {
		told = "mpv " + option
		play(option)
	}
	l.heardUntil(t, rtthread.Now())
	var clicks []aes67.MonoTime
	for _, m := range l.Marks() {
		if m.At > from {
			clicks = append(clicks, m.At)
		}
	}
	flashes := screen.since(from)
	seen, heard := film.placed(flashes), film.placed(clicks)
	for n, at := range seen {
		if click, ok := heard[n]; ok && film.at(n) > filmBegins {
			off = append(off, click.Sub(at).Seconds()*1e3+earMS)
		}
	}
	t.Logf("of %d flashes %d have a place, of %d clicks %d; latency %+v", len(flashes), len(seen), len(clicks), len(heard), *b.sends(5 * time.Second).LatencyMS)
	return off, told
}

const (
	// filmLearns is how long the film is played before: the bridge's buffer learns what the
	// player needs.
	filmLearns = 12 * time.Second
	// filmBegins is when it is judged from: a player starts its sound before it knows the
	// server's latency well.
	filmBegins = 5 * time.Second
)

var delayOption = regexp.MustCompile(`--audio-delay=-[0-9.]+`)

// toldFor is the option that status says for mpv; empty: the server tells players.
func toldFor(t testing.TB, s *server) string {
	t.Helper()
	text := mustOutput(t, s.env, program, "status")
	option := delayOption.FindString(text)
	if option == "" && (!strings.Contains(text, "told to players") || strings.Contains(text, "not told")) {
		t.Fatalf("status says neither that players are told nor what to tell mpv:\n%s", text)
	}
	return option
}

// film has a white picture and a click at instants without a pattern, so that the place of
// each in the film is known by those around it alone.
type film struct{ peaks []int } // the first white frame of each

const (
	filmFPS   = 50
	filmRate  = 48000
	filmWhite = 3 // frames
)

func newFilm(length time.Duration) (f film) {
	random := rand.New(rand.NewPCG(17, 2))
	for at := filmFPS; at < int(length.Seconds())*filmFPS; at += int(0.7*filmFPS) + random.IntN(int(0.6*filmFPS)) {
		f.peaks = append(f.peaks, at)
	}
	return f
}

// at is when the nth flash is, from the film's beginning.
func (f film) at(n int) time.Duration { return aes67.Frames(f.peaks[n]).Duration(filmFPS) }

func (f film) length() time.Duration { return f.at(len(f.peaks)-1) + time.Second }

// write makes the film with ffmpeg and returns its path.
func (f film) write(t testing.TB) string {
	t.Helper()
	const wide, high = 32, 24
	pictures, sound := int(f.length().Seconds()*filmFPS), lab.WAV{Rate: filmRate, Channels: make([][]float64, 2)}
	const each = filmRate / filmFPS
	white := slices.Repeat([]byte{255}, wide*high)
	raw, x := make([]byte, pictures*wide*high), make([]float64, pictures*each)
	next := 0
	for i := range x {
		if next < len(f.peaks)-1 && i > (f.peaks[next]+1)*each {
			next++
		}
		x[i] = lab.MarkAround(aes67.Frames(i), aes67.Frames(f.peaks[next]*each), 1)
	}
	for _, peak := range f.peaks {
		for n := range filmWhite {
			copy(raw[(peak+n)*wide*high:], white)
		}
	}
	sound.Channels[0], sound.Channels[1] = x, x
	dir := tempDir(t, "film")
	var wav bytes.Buffer
	err := sound.Write(&wav, lab.WAVInt24)
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string][]byte{"sound.wav": wav.Bytes(), "pictures": raw} {
		if err == nil {
			err = os.WriteFile(in(name), content, 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	mustOutput(t, os.Environ(), "ffmpeg", "-nostdin", "-loglevel", "error",
		"-f", "rawvideo", "-pixel_format", "gray", "-video_size", fmt.Sprintf("%dx%d", wide, high), "-framerate", fmt.Sprint(filmFPS), "-i", in("pictures"),
		"-i", in("sound.wav"), "-vf", fmt.Sprintf("scale=%d:%d:flags=neighbor", screenWide, screenHigh),
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-c:a", "flac", in("film.mkv"))
	return in("film.mkv")
}

// placed finds out which of the film's flashes or clicks each instant is, whenever the
// film began: most of them fit.
func (f film) placed(instants []aes67.MonoTime) (best map[int]aes67.MonoTime) {
	const near = 100 * time.Millisecond // an underrun sets all that follows back
	for _, instant := range instants {
		for first := range f.peaks {
			began, found := instant.Add(-f.at(first)), map[int]aes67.MonoTime{}
			for n := range f.peaks {
				due := began.Add(f.at(n))
				for _, at := range instants {
					if at.Sub(due).Abs() < near {
						found[n] = at
						break
					}
				}
			}
			if len(found) > len(best) {
				best = found
			}
		}
	}
	return best
}
