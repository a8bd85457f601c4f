// Command aes67-sink is a virtual sound card whose channels go to AES67 receivers on
// the network. This package holds the commands; what runs is package daemon.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// grammar is the command line.
type grammar struct {
	Run      runCommand      `cmd:"" help:"Run the bridge in the foreground until Ctrl-C or SIGTERM."`
	Status   statusCommand   `cmd:"" help:"Tell what the running bridge of this user is doing."`
	Why      whyCommand      `cmd:"" help:"Tell what went wrong last, and because of what."`
	Reload   reloadCommand   `cmd:"" help:"Have the running bridge read its configuration anew."`
	Check    checkCommand    `cmd:"" help:"Name every fault of the configuration."`
	Config   configCommand   `cmd:"" help:"Print the configuration in force as a commented file."`
	SDP      sdpCommand      `cmd:"" name:"sdp" help:"Print or write the session descriptions of the running bridge."`
	List     listCommand     `cmd:"" help:"List every AES67 session and PTP master on the network."`
	Doctor   doctorCommand   `cmd:"" help:"Look for what keeps sound from arriving, and say how to mend it."`
	Tone     toneCommand     `cmd:"" help:"Play a test tone through the virtual sink, as any program would."`
	Speakers speakersCommand `cmd:"" help:"Show, pair and set Neumann KH speakers: level, mute, logo, standby, delay, name, backup."`
	Bundle   bundleCommand   `cmd:"" help:"Write one zip for a bug report."`
	On       onCommand       `cmd:"" help:"Start the bridge of this user, and have it start at each login."`
	Off      offCommand      `cmd:"" help:"End the bridge of this user, and keep it from starting at logins."`
	Version  versionCommand  `cmd:"" help:"Print version, commit and Go version; so does --version."`
}

// overview is for whoever types the bare name.
const overview = `aes67-sink: a virtual sound card whose channels go to AES67 loudspeakers

  aes67-sink status   what the bridge is doing, and what is wrong
  aes67-sink doctor   what keeps sound from arriving, and how to mend it
  aes67-sink why      what went wrong last, and because of what
  aes67-sink list     what else is on the network
  aes67-sink tone     a quiet test tone
  aes67-sink speakers the speakers themselves: their level, mute, logo, standby
  aes67-sink run      the bridge, in the foreground

As a service it starts when you log in:
  systemctl --user restart aes67-sink
  journalctl --user -u aes67-sink -e
  aes67-sink off, aes67-sink on

All commands: aes67-sink --help. All of it: man aes67-sink.
`

func main() { os.Exit(execute(os.Args[1:], streams{os.Stdout, os.Stderr})) }

// execute runs one command line and returns the exit code.
func execute(arguments []string, to streams) int {
	switch {
	case len(arguments) == 0:
		_, _ = io.WriteString(to.stdout, overview)
		return exitUsage
	case arguments[0] == "--version":
		arguments = []string{"version"}
	}
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
	if err := misuse(arguments, chosen, err); err != nil {
		return report(to.stderr, err)
	}
	return report(to.stderr, chosen.Run(to))
}

// misuse tells what is wrong with the command line and where its use is
// explained; nil: nothing. A flag at the end that lacks its value is an error of the
// parser for some types only.
func misuse(arguments []string, chosen *kong.Context, err error) error {
	help, why := "aes67-sink --help", ""
	if err != nil {
		why = err.Error()
	}
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		chosen = parse.Context
	}
	if chosen != nil && chosen.Selected() != nil {
		help = "aes67-sink " + chosen.Selected().Name + " --help"
		for _, flag := range chosen.Flags() {
			if !flag.IsBool() && arguments[len(arguments)-1] == "--"+flag.Name {
				why = fmt.Sprintf("--%s: without a value; write --%[1]s=%s", flag.Name, flag.FormatPlaceHolder())
			}
		}
	}
	if why == "" {
		return nil
	}
	return usageError{why + "; see " + help}
}
