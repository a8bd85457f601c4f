package page_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"aes67-sink/test/page/desk"
)

// TestPictures leaves pictures of the page in build/page, to be looked at.
func TestPictures(t *testing.T) {
	folder := "../../build/page"
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b := play(t)
	for _, shot := range []struct {
		name  string
		look  look
		hash  string
		fault desk.Fault
		open  string
		at    string // seen in the window, instead of the whole page
	}{
		{name: "light", look: look{}},
		{name: "dark-24h-german", look: look{dark: true, language: "de"}, hash: "#24h"},
		{name: "phone", look: look{width: 390, height: 1500}, at: "#plots"},
		{name: "phone-dark-fault", look: look{width: 390, height: 1500, dark: true}, fault: desk.NoClock, at: "body"},
		{name: "phone-end", look: look{width: 390, height: 1500, dark: true}, fault: desk.NoClock, at: ".events"},
		{name: "why", look: look{}, at: ".events", open: "#why-3,#numbers-lateness_us,#numbers-peak_dbfs_0,#sdp-1"},
		{name: "fault-german", look: look{language: "de"}, fault: desk.NoSound},
		{name: "scriptless", look: look{scriptless: true}},
	} {
		t.Run(shot.name, func(t *testing.T) {
			b.Suffer(shot.fault)
			tab := open(t, b.url()+shot.hash, shot.look)
			if !shot.look.scriptless {
				tab.within(patience, "document.querySelectorAll('.plot canvas').length === 8")
				if shot.open != "" {
					eval[bool](tab, "document.querySelectorAll('"+shot.open+"').forEach((d) => { d.open = true; }), true")
				}
				before := eval[float64](tab, "performance.now()")
				tab.within(patience, fmt.Sprintf("performance.now() > %f", before+1200))
			}
			shoot := chromedp.FullScreenshot(100)
			if shot.at != "" {
				eval[bool](tab, fmt.Sprintf("document.querySelector(%q).scrollIntoView(), true", shot.at))
				shoot = chromedp.CaptureScreenshot()
			}
			picture := do(tab, shoot)
			if err := os.WriteFile(filepath.Join(folder, shot.name+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
			tab.shut()
		})
	}
}
