package pulse

import (
	"bufio"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// capture is a control payload that a real server has sent.
type capture struct {
	server string
	name   string // "reply-" and the struct, or "message-" and the opcode
	bytes  []byte
}

func captures(t testing.TB) []capture {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	var all []capture
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			name, text, ok := strings.Cut(lines.Text(), " ")
			if !ok || name == "#" {
				continue
			}
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatalf("%s: %s: %v", file, name, err)
			}
			all = append(all, capture{strings.TrimSuffix(filepath.Base(file), ".txt"), name, b})
		}
	}
	return all
}
