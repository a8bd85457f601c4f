package e2e

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// faultRows are the rows of docs/faults.md that were seen.
var faultRows = faultTable{rows: map[string]string{}}

type faultTable struct {
	mu   sync.Mutex
	rows map[string]string
}

func (f *faultTable) add(name, row string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows[name] = row
	if updateFaults {
		f.write()
	}
}

// updateFaults: the page takes what is seen.
var updateFaults = os.Getenv("FAULTS_UPDATE") == "1"

const faultsBegin, faultsEnd = "<!-- made by make faults -->\n", "<!-- end -->\n"

// document is the page, and the rows in it by name.
func (f *faultTable) document() (before, after string, rows map[string]string) {
	text := string(must(os.ReadFile(filepath.Join(project, "docs", "faults.md"))))
	before, rest, _ := strings.Cut(text, faultsBegin)
	table, after, _ := strings.Cut(rest, faultsEnd)
	rows = map[string]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows[strings.TrimSpace(cells[1])] = strings.TrimSuffix(line, "\n")
		}
	}
	return before, after, rows
}

// compare holds that the page has what was seen.
func (f *faultTable) compare(t *testing.T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _, written := f.document()
	for name, row := range f.rows {
		if written[name] != row {
			t.Errorf("docs/faults.md has\n%s\nseen was\n%s\n(FAULTS_UPDATE=1 make faults writes it)", written[name], row)
		}
	}
}

// write puts what was seen into the page, at once: a run that ends early has been one.
func (f *faultTable) write() {
	before, after, written := f.document()
	table := "| Fault | Status and page | doctor | why | Mend |\n|---|---|---|---|---|\n"
	for _, name := range faultNames() {
		if row := cmp.Or(f.rows[name], written[name]); row != "" {
			table += row + "\n"
		}
	}
	must(0, os.WriteFile(filepath.Join(project, "docs", "faults.md"), []byte(before+faultsBegin+table+faultsEnd+after), 0o644))
}

func faultNames() (names []string) {
	for _, g := range faultGroups {
		for _, f := range g.faults {
			names = append(names, f.name)
		}
	}
	return names
}

// TestFaultsAreDocumented holds that each fault there is a test of is in the table, and
// that there are enough.
func TestFaultsAreDocumented(t *testing.T) {
	_, _, written := faultRows.document()
	names := faultNames()
	for _, name := range names {
		if written[name] == "" {
			t.Errorf("docs/faults.md has no row %q: FAULTS_UPDATE=1 make faults writes it", name)
		}
	}
	for name := range written {
		if name != "Fault" && !strings.HasPrefix(name, "-") && !slices.Contains(names, name) {
			t.Errorf("docs/faults.md has a row %q, and no fault is called so", name)
		}
	}
	if len(names) < 30 {
		t.Errorf("%d faults, want 30", len(names))
	}
}
