package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TOML returns c as a commented file that reads back to the same
// configuration.
func (c Config) TOML() string {
	var b strings.Builder
	table := ""
	for _, o := range Options {
		if o.Table() != table {
			if table == sinkTable {
				c.printMore(&b)
			}
			table = o.Table()
			heading := "[" + table + "]"
			if o.perSink() && len(c.More) > 0 {
				heading = "[" + heading + "]"
			}
			fmt.Fprintf(&b, "\n# %s\n%s\n", tableHelp(table), heading)
		}
		fmt.Fprintf(&b, "# %s.\n# Allowed: %s. Default: %s\n", capital(o.Help), o.allowedUnit(), o.Default)
		fmt.Fprintf(&b, "%s = %s\n", o.Name(), tomlText(o.raw(&c)))
	}
	return b.String()[1:] // without the empty line above the first table
}

// printMore writes what is not the default of the sinks behind the first.
func (c Config) printMore(b *strings.Builder) {
	for i := range c.More {
		fmt.Fprintf(b, "\n[[%s]]\n", sinkTable)
		for _, o := range Options {
			if text := tomlText(o.rawAt(c, i+1)); o.perSink() && text != o.Default {
				fmt.Fprintf(b, "%s = %s\n", o.Name(), text)
			}
		}
	}
}

// Differing returns the keys whose values are not the same in a and b, in the order
// of the file. Where there are other sinks that is sink.id, of those that belong to
// sinks.
func Differing(a, b Config) []string {
	var keys []string
	others := len(a.More) != len(b.More)
	for _, o := range Options {
		if o.perSink() && others {
			if o.Key == "sink.id" {
				keys = append(keys, o.Key)
			}
			continue
		}
		for i := range o.tables(&a) {
			if tomlText(o.rawAt(a, i)) != tomlText(o.rawAt(b, i)) {
				keys = append(keys, o.Key)
				break
			}
		}
	}
	return keys
}

// AliveKeys returns the keys that a running bridge takes over.
func AliveKeys() []string {
	var keys []string
	for _, o := range Options {
		if o.Alive {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

func tableHelp(table string) string {
	for _, t := range Tables {
		if t.Name == table {
			return t.Help
		}
	}
	return table
}

// tomlText writes a raw value as TOML.
func tomlText(raw any) string {
	switch v := raw.(type) {
	case string:
		return tomlString(v)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.ContainsAny(s, ".nN") { // NaN and infinities are words already
			s += ".0"
		}
		return s
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = tomlText(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any, []map[string]any:
		return "{…}"
	default:
		return fmt.Sprint(v)
	}
}

// tomlString writes a basic string (TOML 1.0, String).
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r > 0xFFFF && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
