package health

import (
	"slices"
	"strings"
)

// Find tells which condition a sentence is about. A sentence that none says is kept,
// under Unknown.
//
// What a sentence has in double quotes is others' text (strconv.Quote): it neither
// names a condition nor a command. A command to paste is in backquotes; several are
// joined to one line.
func Find(sentence string) Finding {
	plain, commands := parse(sentence)
	c := Of(Unknown)
	if i := slices.IndexFunc(conditions, func(c Condition) bool { return c.says(plain) }); i >= 0 {
		c = conditions[i]
	}
	command := c.Command
	if c.Pastes && len(commands) > 0 {
		command = strings.Join(commands, " && ")
	}
	return Finding{Code: c.Code, Title: c.Title, Sentence: sentence, Command: command, Severity: c.Severity}
}

// says reports whether a sentence without others' text is about c.
func (c *Condition) says(plain string) bool {
	return !c.Advice && (strings.Contains(plain, c.Heading) ||
		slices.ContainsFunc(c.Says, func(part string) bool { return strings.Contains(plain, part) }))
}

// parse returns a sentence without what is quoted, and its commands. A quote or
// command that does not end is text.
func parse(sentence string) (plain string, commands []string) {
	var b strings.Builder
	for sentence != "" {
		i := strings.IndexAny(sentence, "\"`")
		if i < 0 {
			break
		}
		end := closing(sentence[i:])
		if end < 0 {
			break
		}
		b.WriteString(sentence[:i])
		if inner := sentence[i+1 : i+end]; sentence[i] == '`' && inner != "" {
			commands = append(commands, inner)
		}
		sentence = sentence[i+end+1:]
	}
	return b.String() + sentence, commands
}

// closing returns where the quote ends that s begins with, less than 0: nowhere.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i
		case s[i] == '\\' && s[0] == '"':
			i++
		}
	}
	return -1
}
