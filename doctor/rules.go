package doctor

import (
	"cmp"
	"slices"
	"strings"

	"aes67-sink/health"
)

// This file is pure: it makes what is told of what was found.

// Item is what is told of one check.
type Item struct {
	Code     health.Code     `json:"code"`
	Title    string          `json:"title"`
	Outcome  Outcome         `json:"outcome"`
	Severity health.Severity `json:"severity,omitempty"` // of what is ill
	Sentence string          `json:"sentence"`
	Command  string          `json:"command,omitempty"`
	// HiddenBy is the ill one that this follows from, if it is ill or not known.
	HiddenBy health.Code `json:"hidden_by,omitempty"`

	place health.Code // of the check for which this stands in; empty: Code
}

// judge makes items of results: what the running bridge has measured stands in for what
// was looked up, effects are hidden, and the worst comes first.
func judge(checks []Check, results []Result) []Item {
	var items, measured []Item
	for i, r := range results {
		c := &checks[i]
		if len(r.Findings) == 0 {
			item := Item{Code: c.Code, Title: c.Title, Outcome: r.Outcome, Sentence: r.Sentence, Command: r.Command}
			if r.Outcome == Ill {
				item.Severity = c.Severity
			}
			items = append(items, item)
			continue
		}
		for _, f := range r.Findings {
			measured = append(measured, Item{Code: f.Code, Title: f.Title, Outcome: Ill, Severity: f.Severity, Sentence: f.Sentence, Command: f.Command})
		}
	}
	for i := range measured {
		items = replace(items, &measured[i], checks)
	}
	hide(items, checks)
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(rank(&a), rank(&b)) })
	return items
}

// replace puts what was measured in the place of what was looked up of the same
// condition, whose command it takes if it has none; else in front.
func replace(items []Item, measured *Item, checks []Check) []Item {
	for i := range checks {
		same := func(item Item) bool { return item.Code == checks[i].Code }
		says := func(part string) bool { return strings.Contains(measured.Sentence, part) }
		if at := slices.IndexFunc(items, same); at >= 0 && (same(*measured) || slices.ContainsFunc(checks[i].Says, says)) {
			if looked := &items[at]; looked.Outcome == Ill {
				measured.Command = cmp.Or(measured.Command, looked.Command)
			}
			measured.place = checks[i].Code
			items[at] = *measured
			return items
		}
	}
	return slices.Insert(items, 0, *measured)
}

// hide marks what follows from something else that is ill, be it over several steps.
func hide(items []Item, checks []Check) {
	sick := map[health.Code]bool{}
	told := map[health.Code]health.Code{} // as what a check is told
	for i := range items {
		at := items[i].at()
		sick[at] = sick[at] || items[i].Outcome == Ill
		told[at] = items[i].Code
	}
	depends := map[health.Code][]health.Code{}
	for i := range checks {
		depends[checks[i].Code] = checks[i].DependsOn
	}
	var cause func(health.Code, int) health.Code
	cause = func(code health.Code, steps int) health.Code {
		for _, on := range depends[code] {
			if steps > len(checks) { // a ring: a fault of the table, which a test finds
				return ""
			}
			if first := cause(on, steps+1); first != "" {
				return first
			}
			if sick[on] {
				return told[on]
			}
		}
		return ""
	}
	for i := range items {
		if items[i].Outcome == Ill || items[i].Outcome == Unknown {
			items[i].HiddenBy = cause(items[i].at(), 0)
		}
	}
}

// rank orders items: what is ill by how much it matters, then all others.
func rank(item *Item) int {
	const none = 3 // behind all severities
	switch at := item.Severity.Rank(); {
	case !item.told():
		return none + 1
	case at < 0:
		return none
	default:
		return at
	}
}

// at is the check that an item is of.
func (i *Item) at() health.Code { return cmp.Or(i.place, i.Code) }

// told reports whether an item is a cause that is to be mended.
func (i *Item) told() bool { return i.Outcome == Ill && i.HiddenBy == "" }
