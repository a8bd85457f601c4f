package config

import (
	"fmt"
	"strings"
)

// Manual returns the manual page of the configuration file, which is kept as
// docs/man/aes67-sink.toml.5.
func Manual() string {
	var b strings.Builder
	b.WriteString(`.\" Made from the table in config/options.go: go test ./config -update
.TH AES67\-SINK.TOML 5 "" "aes67\-sink" "File formats"
.SH NAME
aes67\-sink.toml \- configuration of aes67\-sink
.SH DESCRIPTION
No file is needed: without one the defaults below hold.
Otherwise the first of these that exists is read, and only that one:
the file given as
.BR \-\-config ,
.IR $XDG_CONFIG_HOME/aes67\-sink/config.toml ,
usually
.IR \(ti/.config/aes67\-sink/config.toml ,
and
.IR ` + roff(systemFile) + ` .
.PP
The file is TOML.
.B \-\-set
.I table.key=value
wins over it and may be given several times; a text needs no quotes there, and a
list is written as in the file.
Several sinks are several tables
.B [[sink]]
in place of
.BR [sink] ;
.B \-\-set
names one by its id or its number from 0 on:
.BR sink.1.rate=44100 .
Unknown keys and values out of range are errors:
.B aes67\-sink check
names every one of them.
.B aes67\-sink config
prints the configuration in force as a commented file to start from.
A change takes effect when the bridge is restarted
.RB ( "systemctl \-\-user restart aes67\-sink" ),
but for these, which
.B aes67\-sink reload
takes over while it runs: ` + roff(strings.Join(AliveKeys(), ", ")) + `.
`)
	table := ""
	for _, o := range Options {
		if o.Table() != table {
			table = o.Table()
			fmt.Fprintf(&b, ".SH [%s]\n%s\n", roff(table), roff(tableHelp(table)))
		}
		form := capital(o.Type())
		if o.Type() != o.Allowed() {
			form += ": " + o.allowedUnit()
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n%s.\nDefault:\n.BR %s .\n.IP\n%s\n",
			roff(o.Name()), roff(capital(o.Help)), roff(form), roffArgument(o.Default), roff(o.Detail))
	}
	b.WriteString(".SH SEE ALSO\n.BR aes67\\-sink (1)\n")
	return b.String()
}

// roff writes text for groff_man(7).
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "~", `\(ti`, "^", `\(ha`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// roffArgument writes text as one argument of a macro.
func roffArgument(text string) string {
	return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"`
}
