package page

import (
	"strconv"
	"strings"
)

// language is one of those the page speaks, an index into a row of words.
type language int

const (
	english language = iota
	german
	languages
)

// tag is the language's name (BCP 47).
func (l language) tag() string { return [...]string{"en", "de"}[l] }

// preferred chooses by an Accept-Language (RFC 9110, 12.5.4) the language that is
// wanted most; where none of ours is wanted, English.
func preferred(accept string) language {
	best, most := english, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, parameter, _ := strings.Cut(part, ";")
		quality := 1.0
		if q, told := strings.CutPrefix(strings.TrimSpace(parameter), "q="); told {
			quality, _ = strconv.ParseFloat(q, 64) // none that is readable: not wanted
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
		for l := range languages {
			if primary == l.tag() && quality > most {
				best, most = l, quality
			}
		}
	}
	return best
}
