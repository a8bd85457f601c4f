package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// speakers are the packages whose sentences become a problem in status, or end
// the program; ptp holds its own to the page.
var speakers = []string{
	"avahi", "bridge", "daemon", "internal/instance", "internal/lifecycle", "internal/rtthread", "netif", "pulse", "rtsp", "sap",
}

// otherwise are sentences that are no problem of a running bridge: faults of the
// configuration, which `check` names, of single messages and of commands, and
// what goes to the log alone. A key is a part of the sentence.
var otherwise = []string{
	"avahi: ", "netif: ", "sap: ",
	"stays in use until it is down", " (Wi-Fi: expect gaps", // notices
	"default: %d Hz, sink ", "sink %d %s: ", // of a bundle
	"PTP masters are not heard: ", "speaks PTP version 1, as Dante does: ", // of list
	"channels: %d of them: must be", "not a channel name", "must be at most", "not one of", "sink name", "sink id",
	"a backslash", "packet of %d bytes on channel", "stream.address-prefix: ",
	"CSeq: ", "body of %q bytes", "%d streams: more than", "timer slack", "priority %d: limited", "SCHED_FIFO %d: ", "RLIMIT_RTTIME",
}

// under names the heading of a sentence that is made of others.
var under = map[string]string{
	"%w at %v%s: start pipewire-pulse": "no sound server answers",
	"the sound server at %v is gone":   "no sound server answers",
	"made the sink %q at the same":     "is already there and is not ours",
	"SAP: %v, so receivers that need":  "SAP announcements cannot be sent",
	"internal error: ":                 "please report it with the log",
	"took the real-time priority away": "packets may be late",
}

// sentence joins the strings of an expression; what is no string is "…".
func sentence(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return sentence(e.X) + sentence(e.Y)
		}
	case *ast.ParenExpr:
		return sentence(e.X)
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if text, err := strconv.Unquote(e.Value); err == nil {
				return text
			}
		}
	}
	return "…"
}

// sentences are the strings of a package that have a remedy or a reason, and
// that are not the fixed phrase of a log's line.
func sentences(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files (%v)", folder, err)
	}
	var found []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Msg" {
					return false
				}
			}
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text := sentence(e)
			if len(strings.Fields(text)) >= 5 && (strings.Contains(text, ": ") || strings.Contains(text, "; ")) {
				found = append(found, text)
			}
			return text == "…"
		})
	}
	return found
}

// TestEverySentenceHasAHeading holds the troubleshooting page to what the
// program says: who looks for the words that he sees finds them.
func TestEverySentenceHasAHeading(t *testing.T) {
	headings := headings(t)
	for part, heading := range under {
		if !slices.Contains(headings, heading) {
			t.Errorf("%q is to be found under %q, which is no heading", part, heading)
		}
	}
	unused := append(slices.Collect(maps.Keys(under)), otherwise...)
	for _, folder := range speakers {
		for _, text := range sentences(t, folder) {
			known := slices.ContainsFunc(headings, func(heading string) bool { return strings.Contains(text, heading) })
			unused = slices.DeleteFunc(unused, func(part string) bool {
				within := strings.Contains(text, part)
				known = known || within
				return within
			})
			for _, part := range slices.Concat(slices.Collect(maps.Keys(under)), otherwise) {
				known = known || strings.Contains(text, part)
			}
			if !known {
				t.Errorf("%s: no heading of docs/troubleshooting.md is part of %q", folder, text)
			}
		}
	}
	for _, part := range unused {
		t.Errorf("%q is in no sentence", part)
	}
}
