package speakers

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"aes67-sink/internal/text"
)

// maxNameColumns bounds the names in the table, which fits 80 columns.
const maxNameColumns = 16

// Table is what people read, in 80 columns: how each speaker is set, and below it what
// it is.
func Table(all []Speaker) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMODEL\tLEVEL\tMUTE\tSTANDBY\tCONTROL\tINPUT")
	var details [][]string
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cut(s.label(), maxNameColumns), cut(s.Model, 15), s.levelText(), onOff(s.Muted), s.standbyText(), cut(s.ControlMode, 7), cut(s.Input, 12))
		details = append(details, s.details())
	}
	_ = w.Flush()
	rows := strings.SplitAfter(b.String(), "\n")
	var out strings.Builder
	for i, row := range rows {
		out.WriteString(strings.TrimRight(row, " \n"))
		if row != "" {
			out.WriteByte('\n')
		}
		if i > 0 && i <= len(details) {
			for _, line := range details[i-1] {
				out.WriteString("  " + line + "\n")
			}
		}
	}
	return out.String()
}

func (s Speaker) details() []string {
	lines := []string{"at " + s.Address}
	if s.Serial != "" {
		lines = append(lines, "serial "+cut(s.Serial, 24)+", firmware "+cut(s.Firmware, 16))
	}
	if s.Side != "" {
		lines = append(lines, "plays the "+s.Side+" stream")
	}
	if s.asleep() {
		lines = append(lines, "asleep: its countdown to standby has ended")
	}
	if s.slow {
		lines = append(lines, "answers slowly: what is missing was not asked")
	}
	for _, warning := range s.Warnings {
		lines = append(lines, "warns: "+cut(warning, 60))
	}
	if s.ControlMode == "LOCAL" {
		lines = append(lines, "LOCAL: its rear switches rule, and it takes no settings from here")
	}
	if s.Problem != "" {
		lines = append(lines, "PROBLEM "+text.Printable(s.Problem))
	}
	return lines
}

// label is the speaker's name, or where it is.
func (s Speaker) label() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.found.Name != "":
		return s.found.Name
	}
	return "?"
}

func (s Speaker) levelText() string {
	if s.LevelDB == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f dB", *s.LevelDB)
}

func (s Speaker) standbyText() string {
	switch {
	case s.Standby == nil:
		return "-"
	case !*s.Standby:
		return "off"
	case s.StandbyMinutes == nil:
		return "on"
	}
	return fmt.Sprintf("%g min", *s.StandbyMinutes)
}

func onOff(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "on"
	}
	return "off"
}

func cut(s string, columns int) string {
	r := []rune(text.Printable(s))
	switch {
	case len(r) == 0:
		return "-"
	case len(r) > columns:
		return string(r[:columns-1]) + "…"
	}
	return string(r)
}
