package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWhatRunsWithoutTheRaceDetectorHasNoGoroutines: the packages that the Makefile
// calls SIMULATED, and the tests of others that say plainOnly.
func TestWhatRunsWithoutTheRaceDetectorHasNoGoroutines(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	simulated := regexp.MustCompile(`(?m)^SIMULATED = (.+)$`).FindSubmatch(makefile)
	if simulated == nil {
		t.Fatal("the Makefile has no SIMULATED")
	}
	for _, directory := range strings.Fields(string(simulated[1])) {
		files := goFiles(t, filepath.Join("../..", directory, "*.go"))
		if len(files) == 0 {
			t.Errorf("%s: no files", directory)
		}
		for path, file := range files {
			if begins(file) {
				t.Errorf("%s begins a goroutine: %s is no longer one of SIMULATED", path, directory)
			}
		}
	}
	plain := 0
	for path, file := range goFiles(t, "../../*/*_test.go") {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || f.Name.Name == "plainOnly" || !calls(f, "plainOnly") {
				continue
			}
			if plain++; begins(f) {
				t.Errorf("%s: %s begins a goroutine, and runs without the race detector alone", path, f.Name.Name)
			}
		}
	}
	if plain == 0 {
		t.Error("no test says plainOnly")
	}
}

// goFiles parses the files of a pattern.
func goFiles(t *testing.T, pattern string) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = file
	}
	return files
}

// begins reports whether some statement of it begins a goroutine.
func begins(in ast.Node) (found bool) {
	ast.Inspect(in, func(n ast.Node) bool {
		found = found || starts(n)
		return true
	})
	return found
}

// starts reports whether a node begins a goroutine: by go, or as wg.Go, time.AfterFunc, t.Parallel and
// their like do.
func starts(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		f, of := n.Fun.(*ast.SelectorExpr)
		return of && slices.Contains([]string{"Go", "AfterFunc", "Parallel"}, f.Sel.Name)
	}
	return false
}

// calls reports whether a function calls another of its package.
func calls(f *ast.FuncDecl, name string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			id, named := call.Fun.(*ast.Ident)
			found = found || named && id.Name == name
		}
		return true
	})
	return found
}
