package text

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestForeignTextDoesNothingToATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"no \x1b[2Jsound\x07": "no  [2Jsound ",
		"two\nlines\r\n":      "two lines",
		"Bühne 1":             "Bühne 1",
		"\xff\xfe":            "��",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCountAgreesWithItsNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0 steps", 1: "1 step", 2: "2 steps", -1: "-1 steps"} {
		if got := Count(n, "step", "steps"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestWrappedLinesFit(t *testing.T) {
	for _, test := range []struct {
		s             string
		indent, width int
		want          string
	}{
		{"one two three", 0, 0, "one two three"},
		{"one two three", 2, 9, "one two\n  three"},
		{"one two three", 2, 8, "one\n  two\n  three"},
		{"überlänge ist ein wort", 4, 8, "überlänge\n    ist\n    ein\n    wort"},
		{"", 4, 8, ""},
	} {
		if got := Wrap(test.s, test.indent, test.width); got != test.want {
			t.Errorf("Wrap(%q, %d, %d) = %q, want %q", test.s, test.indent, test.width, got, test.want)
		}
	}
}

func TestTheCauseIsWhatTheSystemSaid(t *testing.T) {
	wrapped := fmt.Errorf("listening: %w", &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)})
	if got := Cause(wrapped); !errors.Is(got, syscall.EADDRINUSE) || got.Error() != "address already in use" {
		t.Errorf("Cause(%v) = %v", wrapped, got)
	}
	if own := errors.New("own"); Cause(own) != own {
		t.Error("an error of no system's is another afterwards")
	}
}

func TestUTF8(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment map[string]string
		want        bool
	}{
		{"none", nil, false},
		{"usual", map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{"other spelling", map[string]string{"LANG": "C.utf8"}, true},
		{"the first wins", map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, false},
		{"the second, too", map[string]string{"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, true},
		{"Latin-1", map[string]string{"LANG": "de_DE@euro"}, false},
	} {
		if got := UTF8(func(name string) string { return test.environment[name] }); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
