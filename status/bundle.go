package status

import (
	"net/http"
	"time"
)

// serveBundle sends the zip for a bug report. One that breaks off breaks the
// connection off, so that nobody takes a part for the whole.
func (s *Server) serveBundle(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bundleTimeout))
	header := w.Header()
	header.Set("Content-Type", "application/zip")
	header.Set("Content-Disposition", `attachment; filename="aes67-sink.zip"`)
	header.Set("Cache-Control", "no-store")
	if s.teller.Bundle(r.Context(), w) != nil {
		panic(http.ErrAbortHandler)
	}
}
