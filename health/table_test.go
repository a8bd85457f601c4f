package health

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheTableIsSound(t *testing.T) {
	codes, titles := map[Code]bool{Unknown: true}, map[string]bool{}
	for _, c := range Conditions() {
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(string(c.Code)) || codes[c.Code] {
			t.Errorf("code %q: not of words, or there twice", c.Code)
		}
		if c.Title == "" || titles[c.Title] || len(c.Title) > 50 || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: title %q: empty, there twice, or too long", c.Code, c.Title)
		}
		codes[c.Code], titles[c.Title] = true, true
		if c.Severity.Rank() < 0 || !slices.Contains(Domains(), c.Domain) {
			t.Errorf("%s: severity %q, domain %q", c.Code, c.Severity, c.Domain)
		}
		if c.Heading == "" || c.Advice && (c.Says != nil || c.Pastes || c.Command != "") {
			t.Errorf("%s: has no heading, or is advice and says something", c.Code)
		}
		if c.VisibleAfter < 0 || c.VisibleAfter > clock {
			t.Errorf("%s: visible after %v", c.Code, c.VisibleAfter)
		}
	}
}

// TestCausesExistAndHaveNoCircle: nothing is the cause of itself, by whatever others.
func TestCausesExistAndHaveNoCircle(t *testing.T) {
	var follow func(code Code, way []Code)
	follow = func(code Code, way []Code) {
		if slices.Contains(way, code) {
			t.Fatalf("%v leads to itself by %v", code, way)
		}
		c := Of(code)
		if c.Code != code || c.Advice && len(way) > 0 {
			t.Fatalf("%v is a cause by %v, and no condition that is ever found", code, way)
		}
		for _, cause := range c.DependsOn {
			follow(cause, append(slices.Clone(way), code))
		}
	}
	for _, c := range Conditions() {
		follow(c.Code, nil)
	}
}

// TestEachPhraseIsOfOneCondition: which condition a phrase tells of does not depend on
// what stands beside it.
func TestEachPhraseIsOfOneCondition(t *testing.T) {
	for _, c := range Conditions() {
		if c.Advice {
			continue
		}
		for _, phrase := range append([]string{c.Heading}, c.Says...) {
			if got := Find("eno1: " + phrase + "; and more"); got.Code != c.Code {
				t.Errorf("%q of %s is found as %s", phrase, c.Code, got.Code)
			}
		}
	}
}
