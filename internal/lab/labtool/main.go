// Labtool is the lab's bench by command line: a receiver that judges streams,
// a virtual speaker, an analyser of recordings and a maker of test files.
//
//	labtool COMMAND [flags] [arguments]
//
// Results go to stdout (JSON, but for the speaker's live lines), what is wrong
// to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// command is one row of the table of subcommands.
type command struct {
	name, does string
	run        func(args []string) error
}

var commands = []command{
	{"analyse", "judges tones in WAV files: frequency, level, SINAD, crosstalk, defects", analyseCommand},
	{"gm", "serves as a scripted PTP grandmaster whose time is known", gmCommand},
	{"marks", "plays marks into a sink and prints when it wrote each", marksCommand},
	{"receive", "receives streams for a while and reports on them", receiveCommand},
	{"speaker", "plays virtual speaker: takes every announced session and shows it live", speakerCommand},
	{"speaker-ssc", "plays a Neumann KH speaker as Sennheiser Sound Control shows it", speakerSSCCommand},
	{"wav", "writes a test file with one tone a channel", wavCommand},
}

// errUsage has been explained already.
var errUsage = errors.New("usage")

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		return usage(2)
	}
	if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help" {
		return usage(0)
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		switch err := c.run(args[1:]); {
		case err == nil || errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		default:
			fmt.Fprintf(os.Stderr, "labtool %s: %v\n", c.name, err)
			return 1
		}
	}
	fmt.Fprintf(os.Stderr, "labtool: %q: no such command\n", args[0])
	return usage(2)
}

func usage(code int) int {
	fmt.Fprintln(os.Stderr, "usage: labtool COMMAND [flags] [arguments]; labtool COMMAND -h lists the flags")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", c.name, c.does)
	}
	return code
}

// parse reads flags; arguments names what may follow them.
func parse(flags *flag.FlagSet, arguments string, args []string) error {
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: labtool %s [flags] %s\n", flags.Name(), arguments)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has said what is wrong
	}
	return nil
}

// wrongUsage explains and returns errUsage.
func wrongUsage(flags *flag.FlagSet, format string, a ...any) error {
	fmt.Fprintf(os.Stderr, "labtool %s: %s\n", flags.Name(), fmt.Sprintf(format, a...))
	return errUsage
}

// untilSignal ends with Ctrl-C, SIGTERM or SIGHUP.
func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

func printJSON(v any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
