package wire

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// capture is one message of a real exchange.
type capture struct {
	name  string
	bytes []byte
}

// captured reads testdata: lines of a name and bytes in hexadecimal.
func captured(t testing.TB) (list []capture) {
	t.Helper()
	f, err := os.Open("testdata/linuxptp-3.1.1.hex")
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
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, capture{name, b})
	}
	return list
}

func capturedOf(t testing.TB, name string) []byte {
	t.Helper()
	for _, c := range captured(t) {
		if c.name == name {
			return c.bytes
		}
	}
	t.Fatalf("no captured %s", name)
	return nil
}
