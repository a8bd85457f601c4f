package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// playerPage is a page with one element that plays; it asks what to do, and tells.
const playerPage = `<!doctype html><meta charset="utf-8"><title>player</title><body><script>
let m = null
const say = word => fetch('/said?' + encodeURIComponent(word))
const ill = error => say('error: ' + error)
const todo = {
  load: c => {
    if (m) { m.pause(); m.removeAttribute('src'); m.load(); m.remove() }
    m = document.createElement(c.element)
    m.preload = 'auto'
    m.oncanplaythrough = () => { m.oncanplaythrough = null; say('ready') }
    m.onerror = () => ill(m.error.code + ' ' + m.error.message)
    m.src = c.file
    document.body.append(m)
  },
  play: () => { say('play'); m.play().catch(ill) },
  pause: () => m.pause(),
  seek: c => { m.currentTime = c.to },
  next: c => { m.src = c.file; m.play().catch(ill) },
}
;(async () => {
  for (;;) {
    const c = await (await fetch('/next')).json()
    if (todo[c.verb]) todo[c.verb](c)
  }
})()
</script>`

// told is what the page is told.
type told struct {
	Verb    string  `json:"verb"`
	File    string  `json:"file"`
	Element string  `json:"element"`
	To      float64 `json:"to"` // s
}

// said is what the page tells, and when that came.
type said struct {
	word string
	at   aes67.MonoTime
}

// player serves the page and what it plays.
type player struct {
	r       *appRoom
	address string
	orders  chan told
	said    chan said
	files   []string
}

func (r *appRoom) servePlayer() *player {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	p := &player{r: r, address: "http://" + l.Addr().String() + "/", orders: make(chan told, 4), said: make(chan said, 64)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(playerPage))
	})
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(r.files))))
	mux.HandleFunc("/next", func(w http.ResponseWriter, request *http.Request) {
		select {
		case order := <-p.orders:
			_ = json.NewEncoder(w).Encode(order)
		case <-time.After(20 * time.Second):
			_, _ = w.Write([]byte("{}"))
		case <-request.Context().Done():
		}
	})
	mux.HandleFunc("/said", func(_ http.ResponseWriter, request *http.Request) {
		p.said <- said{request.URL.RawQuery, rtthread.Now()}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	r.t.Cleanup(func() { _ = server.Close() })
	return p
}

// hears waits until the page says a word, and returns when it did.
func (p *player) hears(word string) aes67.MonoTime {
	p.r.t.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case s := <-p.said:
			if strings.HasPrefix(s.word, "error") {
				p.r.t.Fatalf("the page: %s", s.word)
			}
			if s.word == word {
				return s.at
			}
		case <-late:
			p.r.t.Fatalf("the page does not say %q", word)
		}
	}
}

// remote holds the page's element.
func (p *player) remote(browser *process, element string) remote {
	p.r.t.Helper()
	order := func(verb string) { p.orders <- told{Verb: verb} }
	url := func(file string) string {
		if element == "video" {
			file = p.r.video(file)
		}
		return "/files/" + filepath.Base(file)
	}
	return remote{
		load: func(files ...string) {
			p.files = files
			p.orders <- told{Verb: "load", File: url(files[0]), Element: element}
			p.hears("ready")
		},
		play:    func() aes67.MonoTime { order("play"); return p.hears("play") },
		pause:   func() { order("pause") },
		resume:  func() { order("play") },
		seek:    func(to time.Duration) { p.orders <- told{Verb: "seek", To: to.Seconds()} },
		next:    func() { p.orders <- told{Verb: "next", File: url(p.files[len(p.files)-1])} },
		process: browser,
	}
}

// video puts a picture to a sound file, which stays as it is (FLAC in MP4).
func (r *appRoom) video(file string) string {
	r.t.Helper()
	path := strings.TrimSuffix(file, ".wav") + ".mp4"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	mustOutput(r.t, os.Environ(), "ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-i", file,
		"-shortest", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-c:a", "flac", "-strict", "experimental", "-movflags", "+faststart", "-y", path)
	return path
}

func holdChromium(element string) func(*appRoom, *app) remote {
	return func(r *appRoom, a *app) remote {
		p := r.servePlayer()
		browser := r.run(a, 0, p.address, "chromium ", "chromium --headless=new --no-sandbox --disable-gpu --no-first-run --disable-extensions "+
			"--autoplay-policy=no-user-gesture-required --user-data-dir="+filepath.Join(r.server.dir, "home/chromium")+" ")
		return p.remote(browser, element)
	}
}

func holdFirefox(element string) func(*appRoom, *app) remote {
	return func(r *appRoom, a *app) remote {
		p := r.servePlayer()
		prefs := r.server.write("~/firefox/user.js", `user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
`)
		browser := r.run(a, 0, p.address, "firefox ", "firefox --headless --no-remote --profile "+filepath.Dir(prefs)+" ")
		return p.remote(browser, element)
	}
}
