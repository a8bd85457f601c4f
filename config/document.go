package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Markdown returns the reference of all options, which is kept as
// docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`<!-- Made from the table in config/options.go: go test ./config -update -->

# Configuration

No file is needed: without one the defaults below hold. Otherwise the first of these that exists is read, and only that one:

1. the file given as ` + "`--config FILE`" + `,
2. ` + "`$XDG_CONFIG_HOME/aes67-sink/config.toml`" + ` (usually ` + "`~/.config/aes67-sink/config.toml`" + `),
3. ` + "`" + systemFile + "`" + `.

The file is [TOML](https://toml.io/en/v1.0.0). ` + "`--set table.key=value`" + ` wins over it and may be given several times; a text needs no
quotes there, and a list is written as in the file: ` + "`--set 'sink.channels=[\"front-right\", \"front-left\"]'`" + `.

Several sinks, as for several rooms, are several tables ` + "`[[sink]]`" + ` in place of ` + "`[sink]`" + ` ([rooms](rooms.md)); ` + "`--set`" + ` names one by its id or
its number from 0 on: ` + "`--set sink.kitchen.rate=44100`" + `, ` + "`--set sink.1.rate=44100`" + `.

Unknown keys and values out of range are errors. ` + "`aes67-sink check`" + ` names every one of them, and ` + "`aes67-sink config`" + ` prints
the configuration in force as a commented file to start from. A change takes effect when the bridge is restarted (` + "`systemctl --user restart aes67-sink`" + `), but for these, which
` + "`aes67-sink reload`" + ` takes over while it runs: ` + strings.Join(AliveKeys(), ", ") + `.
`)
	table := ""
	for _, o := range Options {
		if o.Table() != table {
			table = o.Table()
			fmt.Fprintf(&b, "\n## [%s]\n\n%s\n", table, tableHelp(table))
		}
		form := capital(o.Type())
		if o.Type() != o.Allowed() {
			form += ": " + o.allowedUnit()
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s. %s. Default: `%s`.\n\n%s\n",
			o.Key, capital(o.Help), form, o.Default, o.Detail)
	}
	return b.String()
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}
