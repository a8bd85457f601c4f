// Package resident gives memory back that the program holds and does not need.
package resident

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// span is a part of the address space, from its first byte to the one after its last.
type span struct{ from, to uintptr }

// GiveBackCode takes the pages of the program's own file, its code and constants, out of
// this process and returns how many bytes those parts span. They stay in the kernel's cache
// of files: what is used again is mapped at once, 64 KB a time, in about a microsecond; what
// only a start needs is not.
func GiveBackCode() (bytes int, err error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, fmt.Errorf("the program's own file: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, fmt.Errorf("the program's own memory: %w", err)
	}
	defer maps.Close()
	for _, s := range unwritten(maps, program) {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, unix.MADV_DONTNEED); errno != 0 {
			return bytes, fmt.Errorf("pages at %x: madvise: %w", s.from, errno)
		}
		bytes += int(s.to - s.from)
	}
	return bytes, nil
}

// unwritten returns the parts of a file in /proc/PID/smaps (proc(5)) that nobody can write
// and nobody has written: pages that the linker or a debugger changed, be they swapped out,
// are nowhere else.
func unwritten(smaps io.Reader, file string) (parts []span) {
	var here span // the part that the lines are about; zero: not one of those
	var none bool // of its pages have been written, as far as memory knows
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		line := lines.Text()
		var s span
		var may string
		if n, _ := fmt.Sscanf(line, "%x-%x %4s", &s.from, &s.to, &may); n == 3 {
			if here = (span{}); s.from < s.to && (may == "r--p" || may == "r-xp") && strings.HasSuffix(line, " "+file) {
				here = s
			}
			none = false
			continue
		}
		switch name, size, _ := strings.Cut(line, ":"); {
		case name == "Anonymous":
			none = strings.TrimSpace(size) == "0 kB"
		case name == "Swap" && none && here != (span{}) && strings.TrimSpace(size) == "0 kB":
			parts = append(parts, here)
			here = span{}
		}
	}
	return parts
}
