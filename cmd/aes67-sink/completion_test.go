package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"aes67-sink/config"
	"aes67-sink/speakers"
)

// The completions of the shells are made from the grammar and the table of
// options: go test ./cmd/aes67-sink -update

// completed is a command as the shells complete it.
type completed struct {
	name, help string
	flags      []*kong.Flag
	words      []string // of its argument
}

func commands(t *testing.T) []completed {
	t.Helper()
	parser, err := kong.New(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	var out []completed
	for _, node := range parser.Model.Children {
		c := completed{name: node.Name, help: node.Help}
		for _, flag := range node.Flags {
			if flag.Name != "help" {
				c.flags = append(c.flags, flag)
			}
		}
		if node.Name == "sdp" {
			c.words = []string{"left", "right"}
		}
		if node.Name == "speakers" {
			c.words = speakers.Verbs()
		}
		out = append(out, c)
	}
	return out
}

// settings are the words after --set.
func settings() []string {
	var out []string
	for _, o := range config.Options {
		out = append(out, o.Key+"=")
	}
	return out
}

// values are the words after a flag: files, directories or a list.
func values(flag *kong.Flag) (kind string, list []string) {
	switch {
	case flag.Name == "config":
		return "file", nil
	case flag.Name == "out":
		return "directory", nil
	case flag.Name == "set":
		return "list", settings()
	case strings.Contains(flag.PlaceHolder, "|"):
		return "list", strings.Split(flag.PlaceHolder, "|")
	case flag.IsBool():
		return "none", nil
	}
	return "any", nil
}

const madeBy = "# Made from the grammar and the table of options: go test ./cmd/aes67-sink -update\n"

func bashCompletion(all []completed) string {
	var b strings.Builder
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	fmt.Fprintf(&b, `# bash completion of aes67-sink
%s
_aes67_sink() {
	local current=$2 previous=$3 command=${COMP_WORDS[1]-}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W '%s --help' -- "$current")
		return
	fi
	case $previous in
`, madeBy, strings.Join(names, " "))
	seen := map[string]bool{}
	for _, c := range all {
		for _, flag := range c.flags {
			kind, list := values(flag)
			if seen[flag.Name] || kind == "none" {
				continue
			}
			seen[flag.Name] = true
			fmt.Fprintf(&b, "	--%s)\n", flag.Name)
			switch kind {
			case "file":
				b.WriteString("		mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n")
			case "directory":
				b.WriteString("		mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n")
			case "list":
				fmt.Fprintf(&b, "		mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$current\")\n", strings.Join(list, " "))
				if flag.Name == "set" {
					b.WriteString("		compopt -o nospace\n")
				}
			}
			b.WriteString("		return ;;\n")
		}
	}
	b.WriteString("	esac\n	case $command in\n")
	for _, c := range all {
		words := slices.Clone(c.words)
		for _, flag := range c.flags {
			words = append(words, "--"+flag.Name)
		}
		fmt.Fprintf(&b, "	%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$current\") ;;\n", c.name, strings.Join(append(words, "--help"), " "))
	}
	b.WriteString("	esac\n}\ncomplete -F _aes67_sink aes67-sink\n")
	return b.String()
}

func quoted(text string) string { return strings.ReplaceAll(text, "'", `'\''`) }

func zshCompletion(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef aes67-sink\n%s\nlocal -a commands\ncommands=(\n", madeBy)
	for _, c := range all {
		fmt.Fprintf(&b, "	'%s:%s'\n", c.name, quoted(strings.ReplaceAll(c.help, ":", `\:`)))
	}
	b.WriteString(")\nif ((CURRENT == 2)); then\n	_describe command commands\n	return\nfi\nlocal command=$words[2]\nshift words\n((CURRENT--))\ncase $command in\n")
	for _, c := range all {
		fmt.Fprintf(&b, "%s)\n	_arguments '--help[show help]'", c.name)
		for _, flag := range c.flags {
			help := quoted(strings.NewReplacer("[", "(", "]", ")", ":", `\:`).Replace(flag.Help))
			action := ""
			switch kind, list := values(flag); kind {
			case "file":
				action = ":file:_files"
			case "directory":
				action = ":directory:_files -/"
			case "list":
				action = ":value:(" + strings.Join(list, " ") + ")"
			case "any":
				action = ":" + strings.ToLower(flag.PlaceHolder) + ":"
			}
			repeat := ""
			if flag.Name == "set" {
				repeat = "*"
			}
			fmt.Fprintf(&b, " \\\n		'%s--%s[%s]%s'", repeat, flag.Name, help, action)
		}
		if len(c.words) > 0 {
			fmt.Fprintf(&b, " \\\n		':stream:(%s)'", strings.Join(c.words, " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

func fishCompletion(all []completed) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion of aes67-sink\n%s\ncomplete -c aes67-sink -f\n", madeBy)
	for _, c := range all {
		fmt.Fprintf(&b, "complete -c aes67-sink -n __fish_use_subcommand -a %s -d '%s'\n", c.name, strings.ReplaceAll(c.help, "'", `\'`))
	}
	for _, c := range all {
		in := fmt.Sprintf("complete -c aes67-sink -n '__fish_seen_subcommand_from %s'", c.name)
		if len(c.words) > 0 {
			fmt.Fprintf(&b, "%s -a '%s'\n", in, strings.Join(c.words, " "))
		}
		for _, flag := range c.flags {
			fmt.Fprintf(&b, "%s -l %s -d '%s'", in, flag.Name, strings.ReplaceAll(flag.Help, "'", `\'`))
			switch kind, list := values(flag); kind {
			case "file":
				b.WriteString(" -r -F")
			case "directory":
				b.WriteString(" -r -a '(__fish_complete_directories)'")
			case "list":
				fmt.Fprintf(&b, " -r -a '%s'", strings.Join(list, " "))
			case "any":
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestCompletions(t *testing.T) {
	all := commands(t)
	const folder = "../../packaging/completions"
	for shell, c := range map[string]struct{ file, text string }{
		"bash": {"aes67-sink.bash", bashCompletion(all)},
		"zsh":  {"_aes67-sink", zshCompletion(all)},
		"fish": {"aes67-sink.fish", fishCompletion(all)},
	} {
		path := filepath.Join(folder, c.file)
		if *update {
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.text {
			t.Errorf("%s is not what the grammar says (%v): go test ./cmd/aes67-sink -update", path, err)
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s does not read %s: %v: %s", shell, path, err, out)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	for line, want := range map[string]string{
		"aes67-sink sta":            "status",
		"aes67-sink sdp le":         "left",
		"aes67-sink status --j":     "--json",
		"aes67-sink run --set cloc": "clock.mode= clock.domain= clock.dscp= clock.priority1= clock.priority2=",
		"aes67-sink tone --channel": "--channel",
	} {
		script := `source ../../packaging/completions/aes67-sink.bash; compopt() { :; }
COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_aes67_sink aes67-sink "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; echo "${COMPREPLY[*]}"`
		out, err := exec.Command(bash, "-c", script, "bash", line).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q is completed to %q (%v), want %q", line, got, err, want)
		}
	}
}

// TestManualNamesEveryCommand keeps the manual page to the grammar.
func TestManualNamesEveryCommand(t *testing.T) {
	page, err := os.ReadFile("../../docs/man/aes67-sink.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands(t) {
		if !strings.Contains(string(page), ".TP\n.B "+c.name+"\n") {
			t.Errorf("the manual does not say what %s does", c.name)
		}
		for _, flag := range c.flags {
			if !strings.Contains(string(page), `\-\-`+flag.Name) {
				t.Errorf("the manual does not name --%s of %s", flag.Name, c.name)
			}
		}
	}
}
