package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// appRow is a line of the table: what a program does on a server.
type appRow struct {
	program, server string
	cells           []string
	failed          bool // what failed is no fact of the program's
}

// appColumns are the table's, behind program and server.
var appColumns = []string{"44.1 kHz", "48 kHz", "96 kHz", "Channels", "First sound", "Pause, seek, next", "Moved"}

// column names where a file belongs, and what it is called there.
func (c clip) column() (column, what string) {
	if c.channels != 2 {
		return "Channels", layouts[c.channels].name
	}
	return fmt.Sprintf("%g kHz", float64(c.rate)/1e3), fmt.Sprintf("%d bit", c.bits)
}

// put adds to the cell of a column.
func (row *appRow) put(column, text string) {
	for len(row.cells) < len(appColumns) {
		row.cells = append(row.cells, "")
	}
	at := slices.Index(appColumns, column)
	if row.cells[at] != "" {
		row.cells[at] += ", "
	}
	row.cells[at] += text
}

// judge puts a verdict into a column, and fails the test where it is not what the
// program is known for.
func (row *appRow) judge(t testing.TB, a *app, kind, column, what string, out outcome) {
	t.Helper()
	why, faults := cmp.Or(a.why(what, kind), a.why(column, kind)), out.faults
	switch {
	case len(faults) == 0 && why == "":
		row.put(column, what)
	case len(faults) == 0:
		t.Errorf("%s: it can, which the list of programs says it cannot: %s", what, why)
		row.put(column, what)
	case why != "":
		row.put(column, "not "+what+": "+why)
	case out.spoilt && !everyApp:
		figures.not(t, column+", "+what, "the machine stood still in every try: "+faults[0])
	default:
		row.failed = true
		t.Errorf("%s, %s: %s", column, what, strings.Join(faults, "; "))
		row.put(column, "not "+what+": "+faults[0])
	}
}

func (row *appRow) clip(t testing.TB, a *app, kind string, c clip, out outcome) {
	t.Helper()
	column, what := c.column()
	row.judge(t, a, kind, column, what, out)
}

// cell is a column with one verdict.
func (row *appRow) cell(t testing.TB, a *app, kind, column string, out outcome) {
	t.Helper()
	var short appRow
	short.judge(t, a, kind, column, strings.ToLower(column), out)
	row.failed = row.failed || short.failed
	text := strings.Join(slices.DeleteFunc(short.cells, func(s string) bool { return s == "" }), "")
	if len(out.faults) == 0 {
		text = "yes"
	}
	row.put(column, text)
}

// first judges how soon there was sound, in seconds: on the wire, and of that behind the
// monitor. The soonest counts, for a busy computer starts programs late.
func (row *appRow) first(t testing.TB, a *app, kind string, all []outcome) {
	t.Helper()
	var wire, ours []float64
	for _, out := range all {
		wire, ours = append(wire, out.first.Seconds()), append(ours, out.ours.Seconds())
	}
	if len(wire) == 0 {
		row.failed = true
		t.Error("it was never heard")
		return
	}
	why, soonest := a.why("First sound", kind), slices.Min(wire)
	text := fmt.Sprintf("%.2f to %.2f s (%.2f s)", soonest, median(wire), median(ours))
	switch {
	case slices.Min(ours) > oursWithin.Seconds():
		row.failed = true
		t.Errorf("first sound: %s, and the bridge may take %v", text, oursWithin)
	case soonest > firstWithin.Seconds() && why == "":
		row.failed = true
		t.Errorf("first sound after %s, want %v", text, firstWithin)
	}
	if soonest > firstWithin.Seconds() && why != "" {
		text += ": " + why
	}
	row.put("First sound", text)
}

// mixed is the line of two programs at once.
func (row *appRow) mixed(t testing.TB, out outcome) {
	t.Helper()
	text := "mixed, each at its level"
	if len(out.faults) > 0 {
		text, row.failed = "not mixed: "+out.faults[0], true
		t.Error(strings.Join(out.faults, "; "))
	}
	for _, column := range appColumns {
		row.put(column, "–")
	}
	row.cells[0] = text
}

// cannot is the line of a program that cannot play to the server at all.
func (row *appRow) cannot(why string) {
	for _, column := range appColumns {
		row.put(column, "–")
	}
	row.cells[0] = why
}

// appRows are the rows of docs/programs.md that were seen.
var appRows appTable

type appTable struct {
	mu   sync.Mutex
	rows map[string]appRow
}

// updateApps: the page takes what is seen.
var updateApps = os.Getenv("APPS_UPDATE") == "1"

const appsBegin, appsEnd = "<!-- made by make apps -->\n", "<!-- end -->\n"

func (row appRow) line() string {
	return "| " + strings.Join(append([]string{row.program, row.server}, row.cells...), " | ") + " |"
}

func (f *appTable) add(row appRow) {
	if row.failed {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rows == nil {
		f.rows = map[string]appRow{}
	}
	f.rows[row.program+"|"+row.server] = row
	if updateApps {
		f.write()
	}
}

// document is the page, and the lines in it by program and server.
func (f *appTable) document() (before, after string, lines map[string]string) {
	text := string(must(os.ReadFile(filepath.Join(project, "docs", "programs.md"))))
	before, rest, _ := strings.Cut(text, appsBegin)
	table, after, _ := strings.Cut(rest, appsEnd)
	lines = map[string]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) > 2 && cells[0] != "| Program" {
			lines[strings.TrimPrefix(cells[0], "| ")+"|"+cells[1]] = strings.TrimSuffix(line, "\n")
		}
	}
	return before, after, lines
}

// appServers are those of the table, Debian 12's and 13's.
var appServers = []string{"PipeWire 0.3.65", "PipeWire 1.4.2", "PulseAudio 16.1", "PulseAudio 17.0"}

// appKeys are the lines that there must be, in order.
func appKeys() (keys []string) {
	names := []string{}
	for _, a := range apps {
		names = append(names, a.name)
	}
	for _, name := range append(names, "paplay and aplay at once") {
		for _, server := range appServers {
			keys = append(keys, name+"|"+server)
		}
	}
	return keys
}

// write puts what was seen into the page, at once: a run that ends early has been one.
func (f *appTable) write() {
	before, after, written := f.document()
	table := "| Program | Server | " + strings.Join(appColumns, " | ") + " |\n|" + strings.Repeat("---|", 2+len(appColumns)) + "\n"
	for _, key := range appKeys() {
		line := written[key]
		if row, seen := f.rows[key]; seen {
			line = row.line()
		}
		if line != "" {
			table += line + "\n"
		}
	}
	must(0, os.WriteFile(filepath.Join(project, "docs", "programs.md"), []byte(before+appsBegin+table+appsEnd+after), 0o644))
}

// times are what differs from run to run.
var times = regexp.MustCompile(`\d+\.\d+ to \d+\.\d+ s \(-?\d+\.\d+ s\)`)

// compare holds that the page has what was seen, but for the time of the first sound.
func (f *appTable) compare(t *testing.T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _, written := f.document()
	for key, row := range f.rows {
		if line := written[key]; slices.Contains(appKeys(), key) && times.ReplaceAllString(line, "") != times.ReplaceAllString(row.line(), "") {
			t.Errorf("docs/programs.md has\n%s\nseen was\n%s\n(APPS_UPDATE=1 make apps writes it)", cmp.Or(line, "nothing"), row.line())
		}
	}
}

// TestAppsAreDocumented holds that each program has a recipe, and the table no line of
// what there is not. Which lines it must have tells a run of all (compare).
func TestAppsAreDocumented(t *testing.T) {
	_, _, written := appRows.document()
	for key := range written {
		if !slices.Contains(appKeys(), key) {
			t.Errorf("docs/programs.md has a line %q, and no program or server is called so", key)
		}
	}
	for _, a := range apps {
		if len(recipeOf(t, a.name).commands) == 0 {
			t.Errorf("%s has no recipe", a.name)
		}
	}
}
