package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// source returns the text of all Go files that are not tests, without health, which has
// the words of others.
func source(t *testing.T) string {
	t.Helper()
	return text(t, func(path string) bool {
		return strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && folder(path) != "health"
	})
}

// folder is the name of the one that a file is in.
func folder(path string) string { return filepath.Base(filepath.Dir(path)) }

// text joins the files of the tree that are wanted.
func text(t *testing.T, wanted func(path string) bool) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "build"):
			return filepath.SkipDir
		case wanted(path):
			b, err := os.ReadFile(path)
			text.Write(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// headings are those of the troubleshooting page.
func headings(t *testing.T) (all []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(string(page), -1) {
		all = append(all, heading[1])
	}
	return all
}

// Headings of the troubleshooting page that start with a small letter are
// messages as printed.
func TestEveryListedMessageIsStillPrinted(t *testing.T) {
	code := source(t)
	found := 0
	for _, message := range headings(t) {
		if message[0] < 'a' || message[0] > 'z' {
			continue
		}
		found++
		if !strings.Contains(code, message) {
			t.Errorf("docs/troubleshooting.md lists %q, which no code prints", message)
		}
	}
	if found < 5 {
		t.Errorf("only %d messages found: has the page changed its form?", found)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// documents calls f with each document and its text.
func documents(t *testing.T, f func(file, text string)) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f(file, string(text))
		}
	}
}

func TestLinksInDocumentsLead(t *testing.T) {
	documents(t, func(file, text string) {
		for _, target := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target[1])); err != nil {
				t.Errorf("%s: link to %s: %v", file, target[1], err)
			}
		}
	})
}

var goFile = regexp.MustCompile("`([a-z0-9/_-]+/[a-z0-9_]+\\.go)`")

func TestFilesThatDocumentsNameAreThere(t *testing.T) {
	documents(t, func(file, text string) {
		for _, named := range goFile.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, named[1])); err != nil {
				t.Errorf("%s names %s: %v", file, named[1], err)
			}
		}
	})
}
