package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/health"
)

// speakers are the packages whose sentences become a problem in status, or end
// the program; ptp holds its own to the page.
var speakers = []string{
	"avahi", "bridge", "daemon", "internal/instance", "internal/lifecycle", "internal/rtthread", "netif", "pulse", "rtsp", "sap", "volume",
}

// otherwise are sentences that are no problem of a running bridge: faults of the
// configuration, which `check` names, of single messages and of commands, and
// what goes to the log alone. A key is a part of the sentence.
var otherwise = []string{
	"avahi: ", "netif: ", "sap: ",
	"stays in use until it is down", " (Wi-Fi: expect gaps", // notices
	"default: %d Hz, sink ", "sink %d %s: ", // of a bundle
	"no system D-Bus for Avahi", "Avahi does not run", "forbids asking Avahi", "refuses to look for them", // behind what is not found
	"PTP masters are not heard: ", "speaks PTP version 1, as Dante does: ", // of list
	"is not set to ", "is none of the pair", "there is no pair of speakers; ", "has no address; pair", "whether it is %s is not known", // of the page's forms
	"channels: %d of them: must be", "not a channel name", "must be at most", "not one of", "sink name", "sink id",
	"a backslash", "packet of %d bytes on channel", "stream.address-prefix: ",
	"CSeq: ", "body of %q bytes", "%d streams: more than", "timer slack", "priority %d: limited", "SCHED_FIFO %d: ", "RLIMIT_RTTIME",
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

// TestEverySentenceHasAHeading holds the table of conditions to what the program says,
// and by it the troubleshooting page: who looks for the words that he sees finds them.
func TestEverySentenceHasAHeading(t *testing.T) {
	unused := slices.Clone(otherwise)
	for _, folder := range speakers {
		for _, text := range sentences(t, folder) {
			known := health.Find(text).Code != health.Unknown
			for _, part := range otherwise {
				known = known || strings.Contains(text, part)
			}
			if !known {
				t.Errorf("%s: no condition of health/table.go says %q", folder, text)
			}
			unused = slices.DeleteFunc(unused, func(part string) bool { return strings.Contains(text, part) })
		}
	}
	for _, part := range unused {
		t.Errorf("%q is in no sentence", part)
	}
}

// TestThePageIsTheTable: each condition has its section, in the same order, that ends
// with its code.
func TestThePageIsTheTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var onPage, inTable []string
	for _, section := range strings.Split("\n"+string(page), "\n### ")[1:] {
		section, _, _ = strings.Cut(section, "\n## ")
		heading, text, _ := strings.Cut(section, "\n")
		lines := strings.Split(strings.TrimSpace(text), "\n")
		onPage = append(onPage, heading+" / "+lines[len(lines)-1])
	}
	for _, c := range health.Conditions() {
		inTable = append(inTable, fmt.Sprintf("%s / Code: `%s`", c.Heading, c.Code))
	}
	if diff := cmp.Diff(inTable, onPage); diff != "" {
		t.Errorf("health/table.go and docs/troubleshooting.md (-table +page):\n%s", diff)
	}
}

// TestEveryPhraseIsSaid: what a sentence may have in place of its heading is in some.
func TestEveryPhraseIsSaid(t *testing.T) {
	code := source(t)
	for _, c := range health.Conditions() {
		for _, phrase := range c.Says {
			if !strings.Contains(code, phrase) {
				t.Errorf("%s: no sentence has %q", c.Code, phrase)
			}
		}
	}
}
