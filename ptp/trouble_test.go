package ptp

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryTroubleHasAHeading holds the troubleshooting page to the sentences.
func TestEveryTroubleHasAHeading(t *testing.T) {
	page, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := regexp.MustCompile(`(?m)^### ([a-z].+)$`).FindAllStringSubmatch(string(page), -1)
	for kind := noTrouble + 1; kind < troubleKinds; kind++ {
		sentence, found := Trouble{kind: kind, program: "another one"}.String(), false
		for _, heading := range headings {
			found = found || strings.Contains(sentence, heading[1])
		}
		if sentence == "" || !found {
			t.Errorf("no heading of docs/troubleshooting.md is part of %q", sentence)
		}
	}
}
