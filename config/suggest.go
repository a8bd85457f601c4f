package config

import (
	"fmt"
	"slices"
	"strings"
)

// maxTypos is how many letters a suggestion may be off.
const maxTypos = 3

func knownTable(name string) bool {
	for _, t := range Tables {
		if t.Name == name {
			return true
		}
	}
	return false
}

// suggestKey is the remedy for a key that is not in the table.
func suggestKey(key string) string {
	table, name, _ := strings.Cut(key, ".")
	best, distance := "", maxTypos+1
	for _, o := range Options {
		if d := typos(key, o.Key); d < distance {
			best, distance = o.Key, d
		}
	}
	// The right key in the wrong table: of several that whose name is most like it.
	distance = maxTypos + 2 // more than any
	for _, o := range named(name) {
		if d := typos(table, o.Table()); d < distance {
			best, distance = o.Key, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "aes67-sink config prints every key there is"
}

// suggestTable is the remedy for a table, or a key outside any table, that
// there is not.
func suggestTable(name string) string {
	if options := named(name); len(options) > 0 {
		tables := make([]string, len(options))
		for i, o := range options {
			tables[i] = "[" + o.Table() + "]"
		}
		return "put it below " + strings.Join(tables, " or ")
	}
	names := make([]string, len(Tables))
	for i, t := range Tables {
		if typos(name, t.Name) <= maxTypos-1 {
			return fmt.Sprintf("did you mean [%s]?", t.Name)
		}
		names[i] = t.Name
	}
	return "the tables are " + strings.Join(names, ", ")
}

// named returns the options of a name, of whichever table.
func named(name string) []Option {
	return slices.DeleteFunc(slices.Clone(Options), func(o Option) bool { return o.Name() != name })
}

// typos is the number of letters to insert, remove or replace to get from a
// to b (Levenshtein), at most maxTypos+1.
func typos(a, b string) int {
	if len(a)-len(b) > maxTypos || len(b)-len(a) > maxTypos {
		return maxTypos + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], maxTypos+1)
}
