package page_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"aes67-sink/status"
	"aes67-sink/status/page"
	"aes67-sink/test/page/desk"
)

const (
	lively     = "document.querySelectorAll('.plot canvas').length === 8 && document.querySelector('#lost').hidden"
	verdictsay = "document.querySelector('#verdict [role=status]').innerText.includes(%q)"
	reaction   = 2 * time.Second // from a fault to the verdict, and from its mend
)

// shown opens a page and waits until it lives.
func shown(t *testing.T, url string, l look) *tab {
	t.Helper()
	b := open(t, url, l)
	b.within(patience, lively)
	return b
}

func TestTheVerdictFollowsAFaultAndItsMend(t *testing.T) {
	b := play(t)
	page := shown(t, b.url(), look{})
	page.within(patience, fmt.Sprintf(verdictsay, "Your music is on the network."))
	// A word that did not change is not told again to those who listen.
	eval[bool](page, `window.told = 0, new MutationObserver((m) => { window.told += m.length }).observe(document.querySelector("#verdict [role=status]"), {subtree: true, childList: true, characterData: true}), true`)
	for _, fault := range []struct {
		fault           desk.Fault
		said, title     string
		part, partState string
	}{
		{desk.NoClock, "The network's clock is gone", "▲ The network's clock is gone – AES67 Speakers", "clock", "partially healthy"},
		{desk.NoCable, "No cable in eno1", "▲ No cable in eno1 – AES67 Speakers", "network", "unhealthy"},
		{desk.NoSound, "No sound server answers", "▲ No sound server answers – AES67 Speakers", "sound", "unhealthy"},
		{desk.Late, "Packets leave late", "▲ Packets leave late – AES67 Speakers", "streams", "partially healthy"},
	} {
		b.Suffer(fault.fault)
		took := page.within(reaction, fmt.Sprintf(verdictsay, fault.said))
		if title := eval[string](page, "document.title"); title != fault.title {
			t.Errorf("the title is %q, want %q", title, fault.title)
		}
		if state := eval[string](page, fmt.Sprintf("document.querySelector('[data-s=\"chain.%s.state\"]').dataset.state", fault.part)); state != fault.partState {
			t.Errorf("%s: %s is %s, want %s", fault.said, fault.part, state, fault.partState)
		}
		b.Suffer(desk.Well)
		mended := page.within(reaction, fmt.Sprintf(verdictsay, "Your music is on the network."))
		t.Logf("%s: told after %v, mended after %v", fault.fault, took.Round(time.Millisecond), mended.Round(time.Millisecond))
	}
	page.within(patience, "document.querySelectorAll('.events ol > li').length === 14") // the faults are events
	eval[bool](page, "window.told = 0, true")
	before := page.text("#fill .now")
	page.within(patience, fmt.Sprintf("document.querySelector('#fill .now').innerText !== %q", before))
	if told := eval[int](page, "window.told"); told != 0 {
		t.Errorf("the verdict was written %d times without a change", told)
	}
	page.well(b.url())
}

func TestWithoutJavaScriptTheTextIsWhole(t *testing.T) {
	b := play(t)
	b.Pair()
	b.Suffer(desk.NoClock)
	answer, err := http.Get(b.url())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !strings.Contains(string(text), `<noscript><meta http-equiv="refresh" content="5"></noscript>`) {
		t.Errorf("%v: want a page that renews itself", err)
	}
	page := open(t, b.url(), look{scriptless: true})
	call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false}) // to ask what is shown; the page's own script is not loaded any more
	said := page.text("body")
	for _, want := range []string{
		"The network's clock is gone", "switch it on, or let this computer be the grandmaster", "lost, carried on", "half below", "of 720 frames",
		"Dante receivers drop what is 2 ms late", "the sound server skipped 21 ms", "239.69.10.2:5004", "Stage box 1-8", "AC-DE-48-FF-FE-00-11-22", "Save a bundle", "renews itself",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if eval[bool](page, "[...document.querySelectorAll('button:not([name]), .plot')].some((e) => e.checkVisibility())") {
		t.Error("something is shown that does nothing without JavaScript")
	}
	page.well(b.url())
}

// number finds the numbers of a caption.
var number = regexp.MustCompile(`−?\d+(\.\d+)?`)

func TestPlotsArePaintedAndTheirCaptionsAreTheStatus(t *testing.T) {
	b := play(t)
	for _, window := range []string{"", "#24h"} {
		page := shown(t, b.url()+window, look{})
		for _, id := range []string{"offset", "lateness", "fill", "peak"} {
			for _, kind := range []string{"time", "side"} {
				inked := eval[int](page, fmt.Sprintf(`(() => { const c = document.querySelector("#%s .%s canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && d[i] + 40 < d[i + 2] || d[i] > d[i + 2] + 40) n++; return n; })()`, id, kind))
				if inked < 100 {
					t.Errorf("%s %s %s: %d coloured pixels, want a curve", window, id, kind, inked)
				}
			}
		}
		page.well(b.url())
	}
	page := shown(t, b.url(), look{})
	// The last picture that the page was told, and the captions after it.
	got := eval[struct {
		Status   status.Model
		Captions map[string]string
	}](page, `new Promise((done) => { const s = new EventSource("events"); let m; s.addEventListener("status", (e) => { m = JSON.parse(e.data); }); s.addEventListener("texts", (e) => {
		const all = JSON.parse(e.data).texts; s.close(); done({Status: m, Captions: {offset: all["offset.now"], lateness: all["lateness.now"], fill: all["fill.now"], peak: all["peak.now"]}}); }); })`)
	s := got.Status.Streams
	for id, want := range map[string][]string{
		"offset":   {fmt.Sprintf("%.1f", float64(*got.Status.Clock.OffsetNS)/1e3), fmt.Sprintf("%.1f", float64(*got.Status.Clock.ErrorBoundNS)/1e3)},
		"lateness": {fmt.Sprint(*s[0].LatenessP50US), "99", fmt.Sprint(*s[0].LatenessP99US), fmt.Sprint(*s[0].LatenessMaxUS)},
		"fill":     {fmt.Sprint(*got.Status.Drift.FillFrames), fmt.Sprint(*got.Status.Drift.FillTargetFrames), fmt.Sprintf("%.3f", float64(*got.Status.Drift.RatioPPB)/1e3)},
		"peak":     {fmt.Sprintf("%.1f", *s[0].PeakDBFS), fmt.Sprintf("%.1f", *s[1].PeakDBFS)},
	} {
		for i := range want {
			want[i] = strings.TrimPrefix(strings.Replace(want[i], "-", "−", 1), "−0.0")
			if want[i] == "" {
				want[i] = "0.0"
			}
		}
		numbers := number.FindAllString(got.Captions[id], -1)
		if len(numbers) < len(want) || !slices.Equal(numbers[:len(want)], want) {
			t.Errorf("%s: the caption %q has %q, the status %q", id, got.Captions[id], numbers, want)
		}
	}
	// What stands under the plots is what was told.
	page.within(patience, `(async () => { const s = await (await fetch("status.json")).json(); return document.querySelector("#fill .now").innerText.startsWith(s.drift.fill_frames + " of"); })()`)
}

func TestABridgeThatHasJustBegun(t *testing.T) {
	newborn := desk.Fresh()
	shows := page.New(newborn)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/history.json" {
			_ = json.NewEncoder(w).Encode(newborn.History())
			return
		}
		shows.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	p := shown(t, server.URL+"/", look{})
	p.within(patience, fmt.Sprintf(verdictsay, "Your music is on the network.")+" && document.body.innerText.includes('Nothing worth telling in 24 h.')")
	p.well(server.URL + "/")
}

// The window of 24 h of a bridge that began today is not an empty one.
func TestTheDayOfAYoungBridge(t *testing.T) {
	young := desk.New(time.Now())
	shows := page.New(young)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/history.json" {
			h := young.History()
			const minutes = 10
			h.Slow.UnixS = h.Slow.UnixS[len(h.Slow.UnixS)-minutes:]
			for name, all := range h.Slow.Series {
				h.Slow.Series[name] = all[len(all)-minutes:]
			}
			_ = json.NewEncoder(w).Encode(h)
			return
		}
		shows.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	p := shown(t, server.URL+"/#24h", look{})
	// 35 s before the newest minute: of an hour that is 1 %, of a day 0.04 %.
	p.within(patience, "[...document.querySelectorAll('#strip a')].some((a) => a.title.includes('skipped 21 ms') && parseFloat(a.style.left) < 99.5)")
	p.well(server.URL + "/")
}

func TestARestartHealsByItself(t *testing.T) {
	b := play(t)
	page := shown(t, b.url(), look{})
	page.mu.Lock()
	page.restarting = true
	page.mu.Unlock()
	b.end()
	page.within(patience, "!document.querySelector('#lost').hidden && document.title.includes('not connected')")
	b.Suffer(desk.NoCable)
	b.start(t)
	took := page.within(patience, fmt.Sprintf(verdictsay, "No cable in eno1"))
	page.within(patience, lively)
	t.Logf("healed after %v", took.Round(time.Millisecond))
}

// TestATabThatIsHiddenAndShownAtOnceListensOnce: also while it still asks for the
// history.
func TestATabThatIsHiddenAndShownAtOnceListensOnce(t *testing.T) {
	b := play(t)
	page := shown(t, b.url(), look{})
	if streams := eval[int](page, `(async () => {
		const made = [], answers = [], Real = EventSource, ask = fetch;
		window.EventSource = class extends Real { constructor(url) { super(url); made.push(this); } };
		window.fetch = (url) => { const answer = ask(url); answers.push(answer); return answer; };
		let hidden = false;
		Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
		for (hidden of [true, false, true, false]) document.dispatchEvent(new Event("visibilitychange"));
		await Promise.all(answers);
		await new Promise((done) => setTimeout(done, 500));
		return made.filter((s) => s.readyState !== Real.CLOSED).length;
	})()`); streams != 1 {
		t.Errorf("it listens to %d streams, want 1", streams)
	}
	page.within(patience, lively)
}

// proxied is the address of a bridge below a path of a proxy.
func proxied(t *testing.T, b *bridge) (origin, path string) {
	t.Helper()
	to, err := url.Parse(b.url())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to) // its Host too
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/deep/down")
	}}
	mux := http.NewServeMux()
	mux.Handle("/deep/down/", proxy)
	server := httptest.NewServer(mux)
	t.Cleanup(server.CloseClientConnections) // of streams that a tab still has
	return server.URL + "/", "deep/down/"
}

// TestTheFormsOfSpeakers presses them as people do: with the script, without it, and
// through a proxy, whose origin is another than the bridge's.
func TestTheFormsOfSpeakers(t *testing.T) {
	b := play(t)
	b.Pair()
	origin, path := proxied(t, b)
	for i, way := range []struct {
		origin, path string
		look
	}{{b.url(), "", look{}}, {b.url(), "", look{scriptless: true}}, {origin, path, look{language: "de"}}} {
		page := open(t, way.origin+way.path, way.look)
		if way.scriptless { // to press a button; the page's own script is not loaded any more
			call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
		}
		press := func(id string, done func(muted, shows [2]bool) bool) {
			t.Helper()
			page.within(patience, fmt.Sprintf("document.getElementById(%q)?.checkVisibility()", id))
			eval[bool](page, fmt.Sprintf("setTimeout(() => document.getElementById(%q).click()), true", id))
			for deadline := time.Now().Add(patience); !done(b.Set()); {
				if time.Now().After(deadline) {
					muted, shows := b.Set()
					t.Fatalf("way %d: %s is pressed, and set are %v %v; complaints %q", i, id, muted, shows, page.complaints)
				}
			}
			page.landed(way.origin + way.path + "#speakers")
		}
		word := map[bool]string{false: "yes", true: "ja"}[way.language == "de"]
		press("mute-on-2", func(muted, _ [2]bool) bool { return muted == [2]bool{false, true} })
		page.within(patience, fmt.Sprintf("document.querySelector('[data-t=\"speaker.2.mute\"]')?.innerText === %q", word))
		press("identify-on-1", func(_, shows [2]bool) bool { return shows == [2]bool{true, false} })
		press("identify-off-1", func(_, shows [2]bool) bool { return shows == [2]bool{} })
		press("mute-off-2", func(muted, _ [2]bool) bool { return muted == [2]bool{} })
		page.well(way.origin)
		page.shut()
	}
}

func TestBelowAPathOfAProxy(t *testing.T) {
	b := play(t)
	origin, path := proxied(t, b)
	page := shown(t, origin+path, look{})
	b.Suffer(desk.NoClock)
	page.within(reaction, fmt.Sprintf(verdictsay, "The network's clock is gone"))
	page.well(origin)
	for _, asked := range page.asked {
		if !strings.HasPrefix(asked, origin+path) {
			t.Errorf("it asks %s, outside of its path", asked)
		}
	}
}

func TestAxeFindsNothing(t *testing.T) {
	axe, err := os.ReadFile("../../build/axe/package/axe.min.js")
	if err != nil {
		t.Fatalf("%v: make page-test fetches it", err)
	}
	b := play(t)
	b.Pair()
	for _, eyes := range []struct {
		look
		fault desk.Fault
	}{
		{look{}, desk.Well}, {look{}, desk.NoClock}, {look{dark: true}, desk.Late}, {look{dark: true, language: "de", width: 390, height: 844}, desk.NoCable},
	} {
		b.Suffer(eyes.fault)
		page := shown(t, b.url(), eyes.look)
		eval[bool](page, "document.querySelectorAll('details').forEach((d) => { d.open = true; }), true")
		eval[any](page, string(axe)+"; undefined")
		violations := eval[json.RawMessage](page, `axe.run().then((r) => r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 160) + " " + n.failureSummary)})))`)
		if string(violations) != "[]" {
			t.Errorf("%+v: %s", eyes, violations)
		}
		page.shut()
	}
}

func TestNothingIsWiderThanTheWindow(t *testing.T) {
	b := play(t)
	b.Pair()
	b.Suffer(desk.NoClock)
	for _, l := range []look{{width: 320, height: 640}, {width: 640, height: 450, scale: 2}, {width: 320, height: 640, language: "de"}} { // 200 % of 1280
		page := shown(t, b.url(), l)
		eval[bool](page, "document.querySelectorAll('details').forEach((d) => { d.open = true; }), true")
		wide := eval[[]string](page, `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".wide, .hidden, .skip, svg") && e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 120))`)
		if scroll := eval[int](page, "document.documentElement.scrollWidth"); scroll > int(l.width) || len(wide) > 0 {
			t.Errorf("%d wide at %d: %q", scroll, l.width, wide)
		}
		page.well(b.url())
	}
}

func TestTheHandsOfAReader(t *testing.T) {
	b := play(t)
	page := shown(t, b.url(), look{})
	eval[bool](page, `Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}}), document.querySelector("[data-copy='sdp.2']").click(), true`)
	page.within(patience, "window.copied?.startsWith('v=0') && window.copied.includes('s=studio-pc Right')")
	eval[bool](page, `document.querySelector("#strip a.ill").click(), true`)
	page.within(patience, "document.querySelector('.events details[open]')?.innerText.includes('The sound server skipped 21 ms: a gap was heard') && document.activeElement.matches('summary')")
	// What is open stays open when rows come.
	b.Suffer(desk.NoClock)
	page.within(patience, "document.querySelectorAll('.events ol > li').length === 7 && document.querySelectorAll('.events details[open]').length === 1 && document.activeElement.matches('summary')")
	eval[bool](page, `document.querySelector("[data-window=slow]").click(), true`)
	page.within(patience, "location.hash === '#24h' && document.querySelector('[data-window=slow]').getAttribute('aria-pressed') === 'true' && document.querySelectorAll('#strip a').length > 3")
	eval[bool](page, `document.querySelector("[data-window=slow]").focus(), document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true})), true`)
	page.within(patience, "[...document.querySelectorAll('.time .u-legend')].every((l) => /\\d/.test(l.querySelectorAll('.u-value')[1].textContent + l.querySelectorAll('.u-value')[3]?.textContent))")
	page.well(b.url())
}

func TestTheHeapIsFlat(t *testing.T) {
	minutes := 1
	if os.Getenv("LAB_FULL") != "" {
		minutes = 10
	}
	b := play(t)
	page := shown(t, b.url(), look{})
	heap := func() float64 { return eval[float64](page, "gc(), performance.memory.usedJSHeapSize / 1e6") }
	settle := func(d time.Duration) {
		for until := time.Now().Add(d); time.Now().Before(until); {
			from := eval[float64](page, "performance.now()")
			page.within(patience, fmt.Sprintf("performance.now() > %f", from+5000))
		}
	}
	settle(10 * time.Second)
	first := heap()
	settle(time.Duration(minutes)*time.Minute - 10*time.Second)
	last := heap()
	t.Logf("heap %.2f MB, after %d min %.2f MB", first, minutes, last)
	if last > first+1 {
		t.Errorf("heap %.2f MB, after %d min %.2f MB: want at most 1 MB more", first, minutes, last)
	}
	page.well(b.url())
}
