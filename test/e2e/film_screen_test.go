package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// screenWide and screenHigh are the screen's, in pixels: the film's picture fills it.
const screenWide, screenHigh = 160, 120

// screenEvery is how often the screen is looked at.
const screenEvery = 500 * time.Microsecond

// screen is an X server whose picture lies in a file that is mapped here: what it shows is
// seen without asking a player or a library.
type screen struct {
	display string

	mu     sync.Mutex
	whites []aes67.MonoTime // when it turned white
}

// startScreen runs one and watches the middle of it.
func startScreen(t testing.TB, s *server) *screen {
	t.Helper()
	dir := tempDir(t, "screen")
	x := start(t, "Xvfb", s.env, "Xvfb", "-displayfd", "1", "-fbdir", dir, "-screen", "0", fmt.Sprintf("%dx%dx24", screenWide, screenHigh),
		"-nocursor", "-nolisten", "tcp")
	eventually(t, 10*time.Second, "the screen is there", func() bool { return strings.Contains(x.output.String(), "\n") })
	number, _, _ := strings.Cut(x.output.String(), "\n")
	file, err := os.Open(filepath.Join(dir, "Xvfb_screen0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	picture, err := unix.Mmap(int(file.Fd()), 0, int(must(file.Stat()).Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(picture) })
	at, err := middleOf(picture)
	if err != nil {
		t.Fatal(err)
	}
	screen := &screen{display: ":" + number}
	beside(t, "screen", func(ctx context.Context) error { screen.watch(ctx, &picture[at]); return nil })
	return screen
}

// middleOf tells where in a screen's file the middle one of its bytes of brightness is. The
// file has the form of xwd (XWDFile.h): words of 32 bits, big-endian.
func middleOf(picture []byte) (at int, err error) {
	const header, version, high, bits, line, colours = 0, 1, 5, 11, 12, 19
	word := func(n int) int { return int(binary.BigEndian.Uint32(picture[4*n:])) }
	if len(picture) < 100 || word(version) != 7 || word(high) != screenHigh || word(bits) != 32 {
		return 0, fmt.Errorf("the screen's file is not one of %d lines of 32 bits a pixel", screenHigh)
	}
	at = word(header) + 12*word(colours) + screenHigh/2*word(line) + screenWide/2*4
	if at >= len(picture) {
		return 0, fmt.Errorf("the screen's file ends before its middle")
	}
	return at, nil
}

// watch notes when a pixel turns white; a flash is shorter than half a second.
func (s *screen) watch(ctx context.Context, pixel *byte) {
	for was := false; ctx.Err() == nil; time.Sleep(screenEvery) {
		white := *pixel > 127
		if white && !was {
			s.mu.Lock()
			s.whites = append(s.whites, rtthread.Now())
			s.mu.Unlock()
		}
		was = white
	}
}

// since returns when it turned white from an instant on.
func (s *screen) since(from aes67.MonoTime) []aes67.MonoTime {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, _ := slices.BinarySearch(s.whites, from)
	return slices.Clone(s.whites[first:])
}
