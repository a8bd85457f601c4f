package status

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// bundler is a teller whose bundle is slow, or fails.
type bundler struct {
	fixed
	asked, goOn chan struct{} // nil: at once
	half        string
	err         error
}

func (b bundler) Bundle(_ context.Context, w io.Writer) error {
	if b.asked != nil {
		b.asked <- struct{}{}
		<-b.goOn
	}
	_, _ = io.WriteString(w, b.half)
	return b.err
}

func (b bundler) SharedBundle(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "shared")
	return err
}

// TestBundlesAreServed: over TCP they tell no names, whoever asks.
func TestBundlesAreServed(t *testing.T) {
	for _, test := range []struct {
		query, control, page string
		code                 int
	}{
		{query: "", control: "whole", page: "shared", code: http.StatusOK},
		{query: "?share=0", control: "whole", page: "shared", code: http.StatusOK},
		{query: "?share=1", control: "shared", page: "shared", code: http.StatusOK},
		{query: "?share=perhaps", control: "share: must be 0 or 1\n", page: "shared", code: http.StatusBadRequest},
	} {
		server := NewServer(bundler{half: "whole"})
		for _, side := range []struct {
			name, body string
			handler    http.Handler
			code       int
		}{{"page", test.page, server.page(), http.StatusOK}, {"control", test.control, server.control(), test.code}} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/bundle.zip"+test.query, nil)
			r.RemoteAddr = "127.0.0.1:4000"
			side.handler.ServeHTTP(w, r)
			if w.Code != side.code || w.Body.String() != side.body {
				t.Errorf("%q of %s: %d %q, want %d %q", test.query, side.name, w.Code, w.Body, side.code, side.body)
			}
			if kept := w.Header().Get("Content-Disposition"); (side.code == http.StatusOK) != strings.HasPrefix(kept, `attachment; filename="aes67-sink-`) {
				t.Errorf("%q: kept as %q", test.query, kept)
			}
		}
	}
}

func TestHalfABundleIsNone(t *testing.T) {
	privateRuntime(t)
	for _, half := range []string{"", "half", strings.Repeat("half", 1<<16)} {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		server := NewServer(bundler{half: half, err: errors.New("broken")})
		go func() { ended <- server.RunControl(ctx) }()
		client := NewClient()
		eventually(t, "it answers", func() bool { _, err := client.Status(ctx); return err == nil })
		var got bytes.Buffer
		err := client.Bundle(ctx, &got, false)
		if err == nil || half == "" && !strings.Contains(err.Error(), "broken") {
			t.Errorf("of %d bytes there are %d and %v", len(half), got.Len(), err)
		}
		got.Reset()
		if err := client.Bundle(ctx, &got, true); err != nil || got.String() != "shared" {
			t.Errorf("shared: %q, %v", got.String(), err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestOneBundleAtATime(t *testing.T) {
	teller := bundler{asked: make(chan struct{}), goOn: make(chan struct{}), half: "whole"}
	handler := NewServer(teller).control()
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/bundle.zip", nil)
		handler.ServeHTTP(w, r)
		return w
	}
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- ask() }()
	<-teller.asked
	if second := ask(); second.Code != http.StatusServiceUnavailable {
		t.Errorf("a second one meanwhile: %d, want %d", second.Code, http.StatusServiceUnavailable)
	}
	close(teller.goOn)
	if w := <-first; w.Code != http.StatusOK || w.Body.String() != "whole" {
		t.Errorf("the first: %d %q", w.Code, w.Body)
	}
	go func() { <-teller.asked }()
	if third := ask(); third.Code != http.StatusOK {
		t.Errorf("one afterwards: %d", third.Code)
	}
}
