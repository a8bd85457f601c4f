package page

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

// file is one of those that the page is made of.
type file struct {
	form string // its media type
	tag  string // an entity tag (RFC 9110, 8.8.3)
	text []byte
}

var forms = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".LICENSE": "text/plain; charset=utf-8",
}

// load reads the files into memory, by their names.
func load(all embed.FS) map[string]file {
	files := map[string]file{}
	names, _ := fs.Glob(all, "assets/*") // the pattern is a good one
	for _, name := range names {
		text, _ := all.ReadFile(name) // of this program itself
		files[path.Base(name)] = file{forms[path.Ext(name)], fmt.Sprintf(`"%.8x"`, sha256.Sum256(text)), text}
	}
	return files
}

// serve answers with the file, or that the asker has it already.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("ETag", f.tag)
	header.Set("Cache-Control", "no-cache") // asked for anew each time, sent only when it is another
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.form)
	_, _ = w.Write(f.text) // a reader that went away is no fault of ours
}
