package status

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// bundleTimeout is for all of a bundle: its slowest part, and the way to who asks.
const bundleTimeout = 40 * time.Second

// bundleShare is the key of a query that asks for a bundle for anybody to read: 1.
const bundleShare = "share"

// serveBundle answers /bundle.zip and /bundle.zip?share=1 over the control socket.
func (s *Server) serveBundle(w http.ResponseWriter, r *http.Request) {
	share, err := strconv.ParseBool(r.FormValue(bundleShare))
	switch {
	case err != nil && r.FormValue(bundleShare) != "":
		http.Error(w, bundleShare+": must be 0 or 1", http.StatusBadRequest)
	case share:
		s.serveSharedBundle(w, r)
	default:
		s.sendBundle(w, r, s.teller.Bundle)
	}
}

// serveSharedBundle answers /bundle.zip to anybody who reaches status.listen: other users
// of this computer, and all that a proxy lets in, have its own address too.
func (s *Server) serveSharedBundle(w http.ResponseWriter, r *http.Request) {
	s.sendBundle(w, r, s.teller.SharedBundle)
}

func (s *Server) sendBundle(w http.ResponseWriter, r *http.Request, write func(context.Context, io.Writer) error) {
	if !s.bundling.TryLock() {
		http.Error(w, "another bundle is being made; ask again when it is done", http.StatusServiceUnavailable)
		return
	}
	defer s.bundling.Unlock()
	// What records, as in tests, has no deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bundleTimeout))
	header := w.Header()
	header.Set("Content-Type", "application/zip")
	header.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="aes67-sink-%s.zip"`, time.Now().Format("2006-01-02-150405")))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	began := &counted{w: w}
	if err := write(r.Context(), began); err != nil {
		if began.n == 0 {
			header.Del("Content-Disposition")
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		panic(http.ErrAbortHandler) // the half of a zip must not look whole
	}
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int
}

func (c *counted) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // it would begin the answer
	}
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}

// Bundle writes the bridge's bundle into w; share: one for anybody to read. It may have
// written a part of it when it fails.
func (c *Client) Bundle(ctx context.Context, w io.Writer, share bool) error {
	path := "/bundle.zip"
	if share {
		path += "?" + bundleShare + "=1"
	}
	patient := *c.http
	patient.Timeout = bundleTimeout
	return c.receive(ctx, &patient, http.MethodGet, path, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}
