package config

import "strings"

// fromSet is the source of an override.
const fromSet = "--set"

// override takes over one "table.key=value". Text values need no quotes, nor does Auto.
func (s *settings) override(setting string) {
	key, text, ok := strings.Cut(setting, "=")
	key, text = strings.TrimSpace(key), strings.TrimSpace(text)
	from := source{name: fromSet}
	if !ok || !strings.Contains(key, ".") {
		s.fault(from, Fault{Value: shorten(tomlString(setting)), Why: "not table.key=value", Remedy: "write it like --set sink.latency=20ms"})
		return
	}
	option, number, why, remedy := s.locate(key)
	if why != "" {
		s.fault(from, Fault{Key: key, Why: why, Remedy: remedy})
		return
	}
	o, known := find(option)
	if known && (o.bare() || text == Auto) && !strings.HasPrefix(text, `"`) && !strings.HasPrefix(text, "'") {
		s.take(option, number, text, from)
		return
	}
	raw, err := decodeValue(text)
	switch {
	case !known:
		s.fault(from, Fault{Key: key, Why: "unknown key", Remedy: suggestKey(option)})
	case err != nil:
		s.faulty[s.config.keyAt(option, number)] = true
		s.fault(from, Fault{Key: key, Value: text, Why: "not a TOML value", Remedy: o.remedy()})
	default:
		s.take(option, number, raw, from)
	}
}
