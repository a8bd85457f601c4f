package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sharer takes personal data out of texts: each name, address and MAC becomes a word
// that stands for the same one everywhere. Its zero value knows no names. It is for one
// goroutine.
type Sharer struct {
	names []alias
	given map[string]string // what was replaced so far
	count map[string]int    // by kind
}

type alias struct{ kind, name string }

// Name has a name replaced wherever it stands as a word; kind, such as "host", is part
// of what stands in for it. Names that name nobody are left.
func (s *Sharer) Name(kind, name string) {
	if len(name) < 2 || slices.Contains([]string{"root", "localhost", "aes67-sink", "aes67"}, name) {
		return
	}
	s.names = append(s.names, alias{kind, name})
	slices.SortStableFunc(s.names, func(a, b alias) int { return cmp.Compare(len(b.name), len(a.name)) }) // "pc.local" before "pc"
}

var (
	// identities are MAC addresses and clock identities, which are made of them.
	identities = regexp.MustCompile(`\b[0-9A-Fa-f]{2}(?:[-:][0-9A-Fa-f]{2}){5,7}\b`)
	addresses4 = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`)
	addresses6 = regexp.MustCompile(`\b[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){2,7}\b`)
	homes      = regexp.MustCompile(`/home/[^/\s]+`)
	locals     = regexp.MustCompile(`\b[\w-]+\.local\b`)
)

// Text returns s without them. Multicast groups, loopback and link-local networks are
// nobody's.
func (s *Sharer) Text(text string) string {
	text = homes.ReplaceAllString(text, "~")
	for _, n := range s.names {
		text = replaceWord(text, n.name, func() string { return s.alias(n.kind, n.name) })
	}
	text = locals.ReplaceAllStringFunc(text, func(name string) string { return s.alias("host", name) })
	text = identities.ReplaceAllStringFunc(text, func(id string) string { return s.alias("mac", strings.ToUpper(id)) })
	replace := func(found string) string {
		a, err := netip.ParseAddr(found)
		if err != nil || a.IsMulticast() || a.IsLoopback() || a.IsUnspecified() {
			return found
		}
		return s.alias("address", found)
	}
	return addresses6.ReplaceAllStringFunc(addresses4.ReplaceAllStringFunc(text, replace), replace)
}

// alias returns what stands in for a name.
func (s *Sharer) alias(kind, name string) string {
	if s.given == nil {
		s.given, s.count = map[string]string{}, map[string]int{}
	}
	if s.given[name] == "" {
		s.count[kind]++
		s.given[name] = fmt.Sprintf("%s-%d", kind, s.count[kind])
	}
	return s.given[name]
}

// replaceWord replaces a name where no letter, digit or hyphen is beside it.
func replaceWord(text, name string, by func() string) string {
	var b strings.Builder
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return b.String() + text[from:]
		}
		begin, end := from+at, from+at+len(name)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		b.WriteString(text[from:begin])
		if within(before) || within(after) {
			b.WriteString(name)
		} else {
			b.WriteString(by())
		}
		from = end
	}
}

func within(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' }

// Shared returns the report without personal data.
func (r Report) Shared(s *Sharer) Report {
	r.Items = slices.Clone(r.Items)
	for i := range r.Items {
		r.Items[i].Sentence, r.Items[i].Command = s.Text(r.Items[i].Sentence), s.Text(r.Items[i].Command)
	}
	return r
}
