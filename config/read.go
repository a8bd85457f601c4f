package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"aes67-sink/aes67"
)

// settings is a configuration being put together.
type settings struct {
	config  Config
	sources map[string]source // of the keys that were given
	faulty  map[string]bool   // keys whose value was refused
	faults  Faults
}

// source is where a key was given.
type source struct {
	name string // file, or fromSet
	line int
}

func newSettings() *settings {
	return &settings{config: Default(), sources: map[string]source{}, faulty: map[string]bool{}}
}

// Default returns the configuration that needs no file: the table's defaults.
func Default() Config {
	var c Config
	for _, o := range Options {
		raw, err := decodeValue(o.Default)
		if err == nil {
			err = o.read(&c, raw)
		}
		if err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", o.Key, err)) // a broken table, which the tests find
		}
	}
	return c
}

// readFile takes over the keys of a TOML text; name is for messages.
func (s *settings) readFile(name, text string) {
	var tables map[string]toml.Primitive
	meta, err := toml.Decode(text, &tables)
	if err != nil {
		line, why := syntaxError(err)
		var parse toml.ParseError
		// Its line is the next one where a line ends too early; its place may be none.
		if errors.As(err, &parse) && 0 <= parse.Position.Start && parse.Position.Start <= len(text) {
			line = 1 + strings.Count(text[:parse.Position.Start], "\n")
		}
		s.fault(source{name, line}, Fault{Why: "not valid TOML: " + why, Remedy: "correct the line"})
		return
	}
	for table, inside := range tables {
		at := source{name, lineOf(meta, inside)}
		var raw any
		_ = meta.PrimitiveDecode(inside, &raw) // into any: cannot fail
		sinks, several := raw.([]map[string]any)
		switch keys, ok := raw.(map[string]any); {
		case !knownTable(table):
			s.fault(at, Fault{Key: table, Why: "unknown table or key", Remedy: suggestTable(table)})
		case several && table == sinkTable:
			s.readSinks(at, text, sinks)
		case !ok:
			s.fault(at, Fault{Key: table, Why: "not a table", Remedy: fmt.Sprintf("write [%s] on a line of its own and the keys below it", table)})
		default:
			var places map[string]toml.Primitive
			_ = meta.PrimitiveDecode(inside, &places) // a table, as seen above
			for key, value := range keys {
				s.take(table+"."+key, 0, value, source{name, lineOf(meta, places[key])})
			}
		}
	}
}

// readSinks takes over several tables [[sink]] of a text; at is where they begin.
func (s *settings) readSinks(at source, text string, sinks []map[string]any) {
	if len(sinks) > aes67.MaxStreams {
		s.fault(at, Fault{Key: sinkTable, Why: fmt.Sprintf("%d tables", len(sinks)), Remedy: fmt.Sprintf("must be at most %d", aes67.MaxStreams)})
		return
	}
	for range sinks[min(1, len(sinks)):] {
		s.config.More = append(s.config.More, Default().Sink)
	}
	lines := strings.Split(text, "\n")
	for i, keys := range sinks {
		for key, value := range keys {
			s.take(sinkTable+"."+key, i, value, source{at.name, lineInSink(lines, i, key)})
		}
	}
}

// lineInSink returns the line of a key in one of several tables [[sink]], 0 when it is
// not found: the package knows the line of a key's last one alone.
func lineInSink(lines []string, number int, key string) int {
	for i, line := range lines {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "[["+sinkTable+"]]"):
			number--
		case number == -1 && strings.HasPrefix(line, "["):
			return 0
		case number == -1:
			if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == key {
				return i + 1
			}
		}
	}
	return 0
}

// take puts a decoded value into the configuration, or its fault on the list. number is
// that of the sink, 0 in other tables.
func (s *settings) take(option string, number int, raw any, from source) {
	key := s.config.keyAt(option, number)
	o, ok := find(option)
	if !ok {
		s.fault(from, Fault{Key: key, Why: "unknown key", Remedy: suggestKey(option)})
		return
	}
	s.sources[key] = from
	s.faulty[key] = false
	if err := o.readAt(&s.config, number, raw); err != nil {
		s.faulty[key] = true
		s.fault(from, Fault{Key: key, Value: tomlText(raw), Why: err.Error(), Remedy: o.remedy()})
	}
}

func (s *settings) fault(from source, f Fault) {
	f.Source, f.Line, f.Value = from.name, from.line, shorten(f.Value)
	s.faults = append(s.faults, f)
}

// remedy says what to write instead.
func (o Option) remedy() string {
	return fmt.Sprintf("must be %s; the default is %s", o.allowedUnit(), o.Default)
}

func (o Option) allowedUnit() string {
	if o.Unit == "" {
		return o.Allowed()
	}
	return o.Allowed() + " " + o.Unit
}

// errProbe makes the TOML package tell where a value stands.
var errProbe = errors.New("probe")

type probe struct{}

// UnmarshalTOML refuses any value.
func (probe) UnmarshalTOML(any) error { return errProbe }

// lineOf returns the line of a value, 0 when it is not known: the package
// gives positions only in errors.
func lineOf(meta toml.MetaData, value toml.Primitive) int {
	line, _ := syntaxError(meta.PrimitiveDecode(value, &probe{}))
	return line
}

func syntaxError(err error) (line int, why string) {
	var parse toml.ParseError
	if errors.As(err, &parse) {
		return parse.Position.Line, parse.Message
	}
	return 0, err.Error()
}

// decodeValue reads one TOML value.
func decodeValue(text string) (any, error) {
	var document map[string]any
	if _, err := toml.Decode("value = "+text, &document); err != nil {
		_, why := syntaxError(err)
		return nil, errors.New(why)
	}
	raw, ok := document["value"]
	if !ok || len(document) != 1 {
		return nil, errors.New("more than one value")
	}
	return raw, nil
}
