package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
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
		switch keys, ok := raw.(map[string]any); {
		case !knownTable(table):
			s.fault(at, Fault{Key: table, Why: "unknown table or key", Remedy: suggestTable(table)})
		case !ok:
			s.fault(at, Fault{Key: table, Why: "not a table", Remedy: fmt.Sprintf("write [%s] on a line of its own and the keys below it", table)})
		default:
			var places map[string]toml.Primitive
			_ = meta.PrimitiveDecode(inside, &places) // a table, as seen above
			for key, value := range keys {
				s.take(table+"."+key, value, source{name, lineOf(meta, places[key])})
			}
		}
	}
}

// take puts a decoded value into the configuration, or its fault on the list.
func (s *settings) take(key string, raw any, from source) {
	o, ok := find(key)
	if !ok {
		s.fault(from, Fault{Key: key, Why: "unknown key", Remedy: suggestKey(key)})
		return
	}
	s.sources[key] = from
	s.faulty[key] = false
	if err := o.read(&s.config, raw); err != nil {
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
