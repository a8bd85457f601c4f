// Command aes67-sink is a virtual sound card whose channels go to AES67
// receivers on the network. This package holds the
// commands; what runs is package daemon.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"aes67-sink/config"
	"aes67-sink/internal/text"
)

// grammar is the command line.
type grammar struct {
	Run     runCommand     `cmd:"" help:"Run the bridge in the foreground until Ctrl-C or SIGTERM."`
	Status  statusCommand  `cmd:"" help:"Tell what the running bridge of this user is doing."`
	Check   checkCommand   `cmd:"" help:"Name every fault of the configuration."`
	Config  configCommand  `cmd:"" help:"Print the configuration in force as a commented file."`
	SDP     sdpCommand     `cmd:"" name:"sdp" help:"Print or write the session descriptions of the running bridge."`
	List    listCommand    `cmd:"" help:"List every AES67 session and PTP master on the network."`
	Tone    toneCommand    `cmd:"" help:"Play a test tone through the virtual sink, as any program would."`
	Version versionCommand `cmd:"" help:"Print version, commit and Go version."`
}

// The exit codes.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2 // wrong usage or configuration
	exitNotPermitted = 3
)

func main() { os.Exit(execute(os.Args[1:], streams{os.Stdout, os.Stderr})) }

// execute runs one command line and returns the exit code.
func execute(arguments []string, to streams) int {
	helped := false
	parser, err := kong.New(&grammar{},
		kong.Name("aes67-sink"),
		kong.Description("A virtual sound card for AES67 loudspeakers and receivers."),
		kong.WithHyphenPrefixedParameters(true), // --level -40
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(to.stdout, to.stderr),
		kong.Exit(func(int) { helped = true }), // kong asks for it after --help only
	)
	if err != nil {
		return report(to.stderr, err)
	}
	chosen, err := parser.Parse(arguments)
	if helped {
		return exitDone
	}
	if err != nil {
		return report(to.stderr, misuse(err))
	}
	return report(to.stderr, chosen.Run(to))
}

// misuse tells what is wrong with the command line and where its use is
// explained.
func misuse(err error) error {
	help := "aes67-sink --help"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		help = "aes67-sink " + parse.Context.Selected().Name + " --help"
	}
	return usageError{err.Error() + "; see " + help}
}

// report prints what went wrong, one line each, and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, "aes67-sink: "+text.Printable(line))
	}
	var usage usageError
	var faults config.Faults
	switch {
	case errors.As(err, &usage), errors.As(err, &faults):
		return exitUsage
	case errors.Is(err, os.ErrPermission):
		return exitNotPermitted
	}
	return exitFailed
}
