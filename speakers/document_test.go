package speakers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aes67-sink/internal/speakersim"
)

// TestEachDocumentedCommandRuns runs every command that docs/speakers.md has, against a
// pair of the model that knows them all.
func TestEachDocumentedCommandRuns(t *testing.T) {
	document, err := os.ReadFile("../docs/speakers.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile("`aes67-sink speakers ?([^`]*)`").FindAllStringSubmatch(string(document), -1)
	if len(said) < 20 {
		t.Fatalf("%d commands are documented", len(said))
	}
	d := newDesk(t, speakersim.Config{Profile: speakersim.KH80, Name: "Left"}, speakersim.Config{Profile: speakersim.KH80, Name: "Right"})
	file := filepath.Join(t.TempDir(), "kh.json")
	run := map[string]bool{}
	for _, one := range said {
		var c Command
		words := strings.Fields(one[1])
		for len(words) > 0 {
			word := words[0]
			words = words[1:]
			switch {
			case word == "--on":
				c.On, words = words[0], words[1:]
			case word == "--comment":
				c.Comment, words = words[0], words[1:]
			case word == "--json":
				c.JSON = true
			case word == "--dry-run":
				c.DryRun = true
			case strings.HasPrefix(word, "--"):
				t.Errorf("%s: no flag %s", one[0], word)
			case c.Verb == "":
				c.Verb = word
			default:
				c.Value = strings.ReplaceAll(word, "kh.json", file)
			}
		}
		if c.Verb == "pair" { // TestPairHearsWhichSpeakerPlaysWhat
			run[c.Verb] = true
			continue
		}
		if c.Verb == "name" {
			c.On = "Left"
		}
		out, err := d.run(c.Verb, c.Value, func(to *Command) { to.On, to.JSON, to.DryRun, to.Comment = c.On, c.JSON, c.DryRun, c.Comment })
		if err != nil || out == "" {
			t.Errorf("%s: %v\n%s", one[0], err, out)
		}
		run[c.Verb] = true
	}
	for _, verb := range Verbs() {
		if !run[verb] {
			t.Errorf("%s has no row in docs/speakers.md", verb)
		}
	}
}
