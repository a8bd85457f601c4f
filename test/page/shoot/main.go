// Command shoot takes a picture of the page of a running bridge.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const (
	patience = time.Minute
	// settled is how long the page is looked at before: it draws 4 times a second.
	settled = 2 * time.Second
)

// look is how the page is looked at.
type look struct {
	url, out, language, until, opened string
	dark                              bool
	width                             int64 // px
}

func main() {
	var l look
	flag.StringVar(&l.url, "url", "http://127.0.0.1:6767/", "of the page; #24h for its other window")
	flag.StringVar(&l.out, "out", "page.png", "`file` to write")
	flag.StringVar(&l.language, "language", "en", "that the browser asks for")
	flag.StringVar(&l.until, "until", "body", "`selector` of the last element in the picture")
	flag.StringVar(&l.opened, "open", "", "`selector` of details to open")
	flag.BoolVar(&l.dark, "dark", false, "dark colours")
	flag.Int64Var(&l.width, "width", 1280, "of the window, `px`")
	flag.Parse()
	if err := l.shoot(); err != nil {
		fmt.Fprintln(os.Stderr, "shoot:", err)
		os.Exit(1)
	}
}

func (l look) shoot() error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium-headless-shell"), chromedp.NoSandbox)
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	tab, shut := chromedp.NewContext(allocator)
	defer shut()
	if err := chromedp.Do(tab); err != nil {
		return fmt.Errorf("the browser does not start: %w", err)
	}
	for _, prepare := range []func() error{
		call(tab, network.Enable, network.EnableParams{}),
		call(tab, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": l.language}}),
		call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: 900, DeviceScaleFactor: 1}),
		call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: map[bool]string{false: "light", true: "dark"}[l.dark]},
		}}),
	} {
		if err := prepare(); err != nil {
			return err
		}
	}
	if _, err := chromedp.Run(tab, chromedp.Navigate(l.url)); err != nil {
		return err
	}
	if _, err := chromedp.Run(tab, chromedp.Poll[bool]("document.querySelectorAll('.plot canvas').length === 8")); err != nil {
		return err
	}
	if l.opened != "" {
		open := fmt.Sprintf("document.querySelectorAll(%q).forEach((d) => { d.open = true; }), true", l.opened)
		if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](open)); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settled):
	}
	height, err := chromedp.Run(tab, chromedp.Evaluate[float64](fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().bottom + 16", l.until)))
	if err != nil {
		return err
	}
	beyond := true
	picture, err := chromedp.Call(tab, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, FromSurface: &beyond,
		Clip: &page.Viewport{Width: float64(l.width), Height: height, Scale: 1},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(l.out, picture.Data, 0o644)
}

// call makes a command of the browser that waits to be given.
func call[P, R any](tab context.Context, command cdp.Command[P, R], params P) func() error {
	return func() error {
		_, err := chromedp.Call(tab, command, params)
		return err
	}
}
