package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// isHot reports whether a file is marked as one of the data path: a comment
// "Hot: ..." behind the package clause.
func isHot(file *ast.File) bool {
	return slices.ContainsFunc(file.Comments, func(c *ast.CommentGroup) bool {
		return c.Pos() > file.Name.End() && strings.HasPrefix(c.Text(), "Hot: ") && (len(file.Decls) == 0 || c.Pos() < file.Decls[0].Pos())
	})
}

// cold are packages that lock, log, format or wait.
var cold = []string{"sync", "log", "log/slog", "encoding/json", "net/http", "os/exec"}

// hotPackages hold the data path: each has a hot file.
var hotPackages = []string{"ring", "resample", "drift", "mediaclock", "safety", "bridge", "rtpsend", "pulse", "recorder"}

// TestHotFilesAreMarkedAndCold looks at what the tests of allocations cannot: a
// hot file ranges over no map, and makes, sends to, receives from and selects on
// no channel, outside of the functions that set up and end.
func TestHotFilesAreMarkedAndCold(t *testing.T) {
	marked := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2, entry.IsDir() && entry.Name() == "build":
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil || !isHot(file) {
			return err
		}
		marked[filepath.Base(filepath.Dir(path))] = true
		for _, declared := range file.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && !setsUp(f.Name.Name) {
				ast.Inspect(f, func(n ast.Node) bool {
					if what := waits(n); what != "" {
						t.Errorf("%s: %s %s", set.Position(n.Pos()), f.Name.Name, what)
					}
					return true
				})
			}
		}
		for _, imported := range file.Imports {
			if name := strings.Trim(imported.Path.Value, `"`); slices.Contains(cold, name) && !slices.Contains(locksAtTheEdge, strings.TrimPrefix(path, "../../")) {
				t.Errorf("%s is hot and imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hotPackages {
		if !marked[name] {
			t.Errorf("no file of %s is marked as hot", name)
		}
	}
}

// locksAtTheEdge are hot files whose requests lock; that their loop does not is
// proven by its own tests.
var locksAtTheEdge = []string{"pulse/conn.go"}

// setsUp reports whether a function runs before or after the sound.
func setsUp(name string) bool { return name == "Run" || name == "close" }

// waits says what a statement does that a hot function may not.
func waits(n ast.Node) string {
	if starts(n) {
		return "starts a goroutine"
	}
	switch n := n.(type) {
	case *ast.SendStmt:
		return "sends to a channel"
	case *ast.SelectStmt:
		return "selects"
	case *ast.MapType:
		return "uses a map"
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return "receives from a channel"
		}
	}
	return ""
}
