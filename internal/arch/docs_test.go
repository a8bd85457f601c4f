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

// section is a part of the map, from what it begins with to what ends it.
func section(t *testing.T, from, to string) string {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(whole), from)
	part, _, ends := strings.Cut(rest, to)
	if !found || !ends {
		t.Fatalf("ARCHITECTURE.md has no part from %q to %q", from, to)
	}
	return part
}

// place is a path of the map's table, and a name in it behind it.
var place = regexp.MustCompile("`([^`]+)`(?: \\(([A-Za-z]+)\\))?")

func TestTheMapLeads(t *testing.T) {
	places := 0
	for row := range strings.Lines(section(t, "| To change | go to |\n|---|---|\n", "\n\n")) {
		_, to, ok := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		if !ok {
			t.Errorf("no row of two columns: %s", row)
		}
		for _, named := range place.FindAllStringSubmatch(to, -1) {
			places++
			path, name := filepath.Join(root, named[1]), named[2]
			if info, err := os.Stat(path); err != nil || strings.HasSuffix(named[1], "/") && !info.IsDir() {
				t.Errorf("the map leads to %s, which is not there", named[1])
			} else if name != "" && !holds(t, path, name) {
				t.Errorf("the map leads to %s in %s, where it is not", name, named[1])
			}
		}
	}
	if places < 100 {
		t.Errorf("only %d places found: has the table changed its form?", places)
	}
}

// holds reports whether a file has a word.
func holds(t *testing.T, path, word string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\b` + word + `\b`).Match(text)
}

func TestTheMapNamesAllThatIsInternal(t *testing.T) {
	named := section(t, "below `internal`, are the utilities: ", "\n\n")
	entries, err := os.ReadDir(filepath.Join(root, "internal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && !strings.Contains(named, "`"+entry.Name()+"`") {
			t.Errorf("ARCHITECTURE.md does not say what internal/%s is", entry.Name())
		}
	}
}
