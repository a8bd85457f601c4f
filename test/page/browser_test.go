// Package page_test looks at the page in a browser, as people do.
package page_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"aes67-sink/status"
	"aes67-sink/status/page"
	"aes67-sink/test/page/desk"
)

// patience is for what has no limit of its own.
const patience = 60 * time.Second

// browsers is the one browser, and its tabs' parent.
var browsers context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	program := ""
	for _, name := range []string{"chromium-headless-shell", "chromium"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		fmt.Fprintln(os.Stderr, "no Chromium: scripts/install-packages.sh page")
		return 1
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("enable-precise-memory-info", true),
		chromedp.Flag("js-flags", "--expose-gc"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	browser, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "the browser does not start:", err)
		return 1
	}
	browsers = browser
	return m.Run()
}

// bridge is one that plays itself, and serves its page.
type bridge struct {
	*desk.Desk
	address string
	end     func()
}

func play(t *testing.T) *bridge {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{Desk: desk.New(time.Now()), address: l.Addr().String()}
	_ = l.Close()
	b.start(t)
	t.Cleanup(func() { b.end() })
	return b
}

// start serves the page, until end.
func (b *bridge) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = status.NewServer(b.Desk).With(page.New(b.Desk)).Setting(b.Desk).RunTCP(ctx, b.address, func(err error) { t.Log(err) })
	}()
	b.end = func() { cancel(); <-ended }
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", b.address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func (b *bridge) url() string { return "http://" + b.address + "/" }

// tab is a page that is open; what it complains of, and whom it asks, is kept.
type tab struct {
	context.Context
	t    *testing.T
	shut func() // a browser has six connections to a server: seven tabs are one too many

	mu         sync.Mutex
	complaints []string
	asked      []string
	restarting bool // of the bridge: failed requests are no fault
}

// look is how a tab looks at pages.
type look struct {
	language      string
	dark, calm    bool
	width, height int64
	scriptless    bool
	scale         float64
}

func open(t *testing.T, url string, l look) *tab {
	t.Helper()
	ctx, shut := chromedp.NewContext(browsers)
	t.Cleanup(shut)
	b := &tab{Context: ctx, t: t, shut: shut}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if l.width == 0 {
		l.width, l.height = 1280, 900
	}
	if l.scale == 0 {
		l.scale = 1
	}
	if l.language == "" {
		l.language = "en"
	}
	scheme, motion := "light", "no-preference"
	if l.dark {
		scheme = "dark"
	}
	if l.calm {
		motion = "reduce"
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": l.language}})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: l.scale})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
	}})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.scriptless})
	do(b, chromedp.Navigate(url))
	return b
}

// hear keeps what a page must not do.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	complain := func(text string) {
		if !b.restarting {
			b.complaints = append(b.complaints, text)
		}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *runtime.EventExceptionThrown:
		complain(fmt.Sprintf("exception: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		complain(fmt.Sprintf("console.%s %s", e.Type, e.Args[0].Value))
	case *log.EventEntryAdded: // reports of the content policy too
		complain(fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// well fails where the page complained, or asked anybody but its bridge.
func (b *tab) well(origin string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Error(c)
	}
	for _, asked := range b.asked {
		if u, err := url.Parse(asked); err != nil || u.Scheme != "blob" && "http://"+u.Host+"/" != origin {
			b.t.Errorf("it asks %s, which is not of %s", asked, origin)
		}
	}
}

func do[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.Context, patience)
	defer stop()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.Context, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// eval runs an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return do(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// within waits until an expression is true, and returns how long that took.
func (b *tab) within(limit time.Duration, expression string) time.Duration {
	b.t.Helper()
	began := time.Now()
	ctx, stop := context.WithTimeout(b.Context, limit)
	defer stop()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0))); err != nil {
		b.t.Fatalf("not within %v: %s: %v; verdict %q; complaints %q", limit, expression, err, b.text("#verdict"), b.complaints)
	}
	return time.Since(began)
}

// landed waits until a form has led to an address: while a page is left, it answers
// nothing, and that is no fault.
func (b *tab) landed(address string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.Context, patience)
	defer stop()
	for {
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf("location.href === %q && document.readyState === 'complete'", address), chromedp.EvalAwaitPromise))
		if err == nil && there {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("not within %v at %s: %v", patience, address, err)
		}
	}
}

// text is what people read of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector)))
}
