package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// clockSetters are the functions of Go's system call packages that can move a
// clock of the computer (clock_settime(2), adjtimex(2), clock_adjtime(2),
// settimeofday(2)).
var clockSetters = regexp.MustCompile(`\b(?:unix|syscall)\.(?:ClockSettime|ClockAdjtime|Adjtimex|Settimeofday|SYS_CLOCK_SETTIME|SYS_CLOCK_SETTIME64|SYS_CLOCK_ADJTIME|SYS_CLOCK_ADJTIME64|SYS_ADJTIMEX|SYS_SETTIMEOFDAY|SYS_STIME)\b`)

// Nothing that can set a clock is linked into the program: whatever goes
// wrong, the computer's date stays.
func TestTheProgramHoldsNothingThatSetsAClock(t *testing.T) {
	program := filepath.Join(t.TempDir(), "aes67-sink")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", program, module+"/cmd/aes67-sink")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build, but with its symbols
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "nm", program).Output()
	if err != nil {
		t.Fatalf("go tool nm: %v", err)
	}
	symbols := string(out)
	if !strings.Contains(symbols, "golang.org/x/sys/unix.ClockGettime") {
		t.Fatal("the symbols do not even show ClockGettime: nothing can be said")
	}
	for line := range strings.Lines(symbols) {
		if clockSetters.MatchString(line) {
			t.Errorf("linked in: %s", strings.TrimSpace(line))
		}
	}
}

// Nor does any source, that of the lab included, name one.
func TestNoSourceSetsAClock(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .TestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := strings.Fields(string(out))
	if len(files) < 100 {
		t.Fatalf("go list names only %d files", len(files))
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range clockSetters.FindAllString(string(text), -1) {
			t.Errorf("%s uses %s", path, name)
		}
	}
}
