package arch

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostStoreys is how deep files of a package that joins others may stand on each
// other: more, and nobody sees where something is decided.
const mostStoreys = 4

func TestJoiningPackagesAreFlat(t *testing.T) {
	for _, name := range []string{"daemon", "cmd/aes67-sink"} {
		if deepest, files := storeys(t, filepath.Join("../..", name)); deepest > mostStoreys {
			t.Errorf("%s is %d storeys deep, want at most %d: %s", name, deepest, mostStoreys, strings.Join(files, " -> "))
		}
	}
}

func TestFilesThatUseEachOtherAreOneStorey(t *testing.T) {
	uses := map[string][]string{"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": nil}
	if deepest, _ := depth(uses); deepest != 4 {
		t.Errorf("depth %d, want 4: a, the two that use each other, d", deepest)
	}
}

// storeys returns the longest chain of files that use each other's names.
func storeys(t *testing.T, directory string) (deepest int, chain []string) {
	t.Helper()
	set := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files: %v", directory, err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	own, _ := (&types.Config{Importer: nobody{}, Error: func(error) {}}).Check("own", set, files, info)
	name := func(at token.Pos) string { return filepath.Base(set.Position(at).Filename) }
	uses := map[string][]string{}
	for used, object := range info.Uses {
		if field, isVar := object.(*types.Var); object.Pkg() != own || !object.Pos().IsValid() || isVar && field.IsField() {
			continue
		}
		if from, to := name(used.Pos()), name(object.Pos()); from != to && !slices.Contains(uses[from], to) {
			uses[from] = append(uses[from], to)
		}
	}
	return depth(uses)
}

// nobody imports nothing: only the package's own names count.
type nobody struct{}

func (nobody) Import(string) (*types.Package, error) { return nil, errors.New("not looked at") }

// depth returns the longest chain; a ring of files counts as all of them.
func depth(uses map[string][]string) (deepest int, chain []string) {
	reaches := func(from, to string) bool {
		seen := map[string]bool{}
		var walk func(string) bool
		walk = func(at string) bool {
			for _, next := range uses[at] {
				if next == to {
					return true
				}
				if !seen[next] {
					seen[next] = true
					if walk(next) {
						return true
					}
				}
			}
			return false
		}
		return walk(from)
	}
	ring := func(file string) []string { // the files that use it and that it uses
		all := []string{file}
		for other := range uses {
			if other != file && reaches(file, other) && reaches(other, file) {
				all = append(all, other)
			}
		}
		slices.Sort(all)
		return all
	}
	known := map[string][]string{}
	var longest func(file string) []string
	longest = func(file string) []string {
		all := ring(file)
		if found, ok := known[all[0]]; ok {
			return found
		}
		var best []string
		for _, member := range all {
			for _, next := range uses[member] {
				if !slices.Contains(all, next) {
					if below := longest(next); len(below) > len(best) {
						best = below
					}
				}
			}
		}
		known[all[0]] = append(all, best...)
		return known[all[0]]
	}
	for file := range uses {
		if found := longest(file); len(found) > len(chain) {
			chain = found
		}
	}
	return len(chain), chain
}
