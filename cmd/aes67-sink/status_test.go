package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aes67-sink/status"
)

// pages is a pager that remembers.
type pages []string

func (p *pages) page(text []byte) error {
	*p = append(*p, string(text))
	return nil
}

func TestWatchLooksEverySecondUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		looks := 0
		look := func(context.Context) ([]byte, error) {
			switch looks++; looks {
			case 1:
				return []byte(`{"state":"idle"}`), nil
			case 3:
				return nil, status.ErrNotRunning
			}
			return []byte(`{"state":"sending"}`), nil
		}
		var seen pages
		began := time.Now()
		if err := watch(ctx, &seen, (&statusCommand{Watch: true}).pages(look)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 3500*time.Millisecond {
			t.Errorf("ended after %v, want 3.5 s", took)
		}
		for i, want := range []string{"idle", "sending", "PROBLEM   no aes67-sink of this user is running; waiting for it\n", "sending"} {
			if i >= len(seen) || !strings.Contains(seen[i], want) {
				t.Fatalf("pages %q, want %q in number %d", seen, want, i)
			}
		}
		if len(seen) != 4 {
			t.Errorf("%d pages, want 4", len(seen))
		}
	})
}

func TestWatchedJSONEndsWithTheBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		look := func(context.Context) ([]byte, error) {
			if looks++; looks > 1 {
				return nil, status.ErrNotRunning
			}
			return []byte("{\n  \"state\": \"idle\"\n}\n"), nil
		}
		var seen pages
		err := watch(t.Context(), &seen, (&statusCommand{Watch: true, JSON: true}).pages(look))
		if !errors.Is(err, status.ErrNotRunning) {
			t.Errorf("got %v, want %v", err, status.ErrNotRunning)
		}
		if len(seen) != 1 || seen[0] != "{\"state\":\"idle\"}\n" {
			t.Errorf("pages %q, want one compact line", seen)
		}
	})
}

func TestTheLastMinuteIsDrawnInATerminal(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	picture := []byte(`{"state":"sending","clock":{"offset_ns":-120},"streams":[{"channels":["front-left"],"peak_dbfs":-30.0}]}`)
	drawing := &statusCommand{Watch: true, trends: &status.Trends{}}
	drawing.page(picture)
	page := string(drawing.page(picture))
	for _, want := range []string{"offset    ▁▁", "level     ██", "-30.0 dBFS, front-left\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if page := string(drawing.page(nil)); !strings.Contains(page, "offset    ▁▁ ") {
		t.Errorf("without the bridge the minute is gone:\n%s", page)
	}
	t.Setenv("LC_ALL", "C")
	if page := string(drawing.page(picture)); !strings.Contains(page, "level     ###") {
		t.Errorf("not in ASCII:\n%s", page)
	}
	if page := string((&statusCommand{Watch: true}).page(picture)); strings.Contains(page, "level") {
		t.Errorf("drawn without a terminal:\n%s", page)
	}
}

func TestScreen(t *testing.T) {
	var b bytes.Buffer
	if err := (screenPager{&b}).page([]byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
