package incidents

import (
	"fmt"
	"strings"

	"aes67-sink/internal/text"
	"aes67-sink/recorder"
)

// indent is the columns that are free before a bill and its context.
const indent = 2

// Words says an incident to people: the sentence, the bill, the context. Lines are at
// most so many columns wide, 0: as wide as they are.
func Words(i *recorder.Incident, width int) string {
	var b strings.Builder
	b.WriteString(text.Wrap(text.Printable(i.Sentence), 0, width) + "\n")
	if len(i.Bill) > 0 {
		b.WriteString("\n")
	}
	for _, s := range i.Bill {
		fmt.Fprintf(&b, "%*s%5.1f %%  %9.1f ms  %s\n", indent, "", s.Percent, s.MS, text.Printable(s.Name))
	}
	b.WriteString("\n")
	for _, line := range i.Context {
		name, rest, _ := strings.Cut(text.Printable(line), " ")
		head := fmt.Sprintf("%*s%-10s ", indent, "", name)
		b.WriteString(head + text.Wrap(strings.TrimSpace(rest), len(head), width) + "\n")
	}
	fmt.Fprintf(&b, "%*s%-10s %s\n", indent, "", "id", i.ID)
	return b.String()
}

// Line says an incident in one line of a list.
func Line(i *recorder.Incident) string {
	return fmt.Sprintf("%s  %s  %s\n", i.At.Local().Format("2006-01-02"), i.ID, text.Printable(i.Sentence))
}
