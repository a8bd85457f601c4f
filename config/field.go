package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"aes67-sink/aes67"
)

// field joins an option to its place in Config and knows its form.
type field interface {
	form() string                  // TOML type in words
	allowed() string               // follows "must be"
	bare() bool                    // --set takes the value without quotes
	read(c *Config, raw any) error // raw as TOML decodes it; the error says why not
	raw(c *Config) any             // inverse of read
}

// errRange is the why of a number outside its range.
var errRange = errors.New("out of range")

// value is the field of every option: T is its type in Config.
type value[T any] struct {
	at     func(*Config) *T
	formed string
	within string
	parse  func(raw any) (T, error)
	print  func(T) any
}

func (v value[T]) form() string      { return v.formed }
func (v value[T]) allowed() string   { return v.within }
func (v value[T]) bare() bool        { return v.formed == formText }
func (v value[T]) raw(c *Config) any { return v.print(*v.at(c)) }

func (v value[T]) read(c *Config, raw any) error {
	parsed, err := v.parse(raw)
	if err != nil {
		return err
	}
	*v.at(c) = parsed
	return nil
}

// The TOML types in words.
const (
	formText    = "text"
	formTexts   = "list of texts"
	formNumbers = "list of numbers"
	formInteger = "whole number"
	formRate    = "whole number or text"
	formDecimal = "number"
	formBoolean = "true or false"
)

// as returns raw in the Go type that TOML decodes the wanted type to.
func as[T any](raw any, want string) (T, error) {
	if t, ok := raw.(T); ok {
		return t, nil
	}
	var zero T
	return zero, fmt.Errorf("%s where %s belongs", formOf(raw), article(want))
}

func formOf(raw any) string {
	switch raw.(type) {
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any, []map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}

func article(form string) string {
	if form == formBoolean {
		return form
	}
	return "a " + form
}

func identity(s string) string { return s }

// text is free text that check accepts.
func text(at func(*Config) *string, check func(string) error, allowed string) field {
	return value[string]{at, formText, allowed, func(raw any) (string, error) {
		s, err := as[string](raw, formText)
		if err != nil {
			return "", err
		}
		return s, check(s)
	}, func(s string) any { return s }}
}

// sendFrom is an IPv4 address of an interface, or none.
func sendFrom(at func(*Config) *netip.Addr) field {
	return value[netip.Addr]{at, formText, "an IPv4 address of this computer, or empty", func(raw any) (netip.Addr, error) {
		s, err := as[string](raw, formText)
		if err != nil || s == "" {
			return netip.Addr{}, err
		}
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil || !a.Is4():
			return netip.Addr{}, errors.New("not an IPv4 address")
		case a.IsMulticast() || a.IsUnspecified():
			return netip.Addr{}, errors.New("not the address of an interface")
		}
		return a, nil
	}, func(a netip.Addr) any {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}}
}

// choice is one of a few words.
func choice[T any](at func(*Config) *T, choices []T, word func(T) string) field {
	words := make([]string, len(choices))
	quoted := make([]string, len(choices))
	for i, c := range choices {
		words[i] = word(c)
		quoted[i] = strconv.Quote(words[i])
	}
	return value[T]{at, formText, "one of " + strings.Join(quoted, ", "), func(raw any) (T, error) {
		var zero T
		s, err := as[string](raw, formText)
		if err != nil {
			return zero, err
		}
		i := slices.Index(words, s)
		if i < 0 {
			return zero, errors.New("unknown word")
		}
		return choices[i], nil
	}, func(t T) any { return word(t) }}
}

// integer is a whole number from low to high.
func integer[T ~int | ~uint8 | ~uint16](at func(*Config) *T, low, high int64) field {
	return value[T]{at, formInteger, fmt.Sprintf("%d to %d", low, high), func(raw any) (T, error) {
		n, err := as[int64](raw, formInteger)
		if err == nil && (n < low || n > high) {
			err = errRange
		}
		return T(n), err
	}, func(t T) any { return int64(t) }}
}

// rates is one of the sample rates.
func rates(at func(*Config) *aes67.Hz) field {
	words := make([]string, len(aes67.Rates))
	for i, r := range aes67.Rates {
		words[i] = strconv.Itoa(int(r))
	}
	return value[aes67.Hz]{at, formInteger, "one of " + strings.Join(words, ", "), func(raw any) (aes67.Hz, error) {
		n, err := as[int64](raw, formInteger)
		if err == nil && !slices.ContainsFunc(aes67.Rates[:], func(r aes67.Hz) bool { return int64(r) == n }) {
			err = errors.New("unknown sample rate")
		}
		return aes67.Hz(n), err
	}, func(r aes67.Hz) any { return int64(r) }}
}

// ratesOrAuto is one of the sample rates, or 0 for Auto.
func ratesOrAuto(at func(*Config) *aes67.Hz) field {
	fixed := rates(at).(value[aes67.Hz])
	return value[aes67.Hz]{at, formRate, strconv.Quote(Auto) + " or " + fixed.within, func(raw any) (aes67.Hz, error) {
		if raw == any(Auto) {
			return 0, nil
		}
		return fixed.parse(raw)
	}, func(r aes67.Hz) any {
		if r == 0 {
			return Auto
		}
		return fixed.print(r)
	}}
}

// decimal is a number from low to high; whole numbers need no point.
func decimal(at func(*Config) *float64, low, high float64) field {
	return value[float64]{at, formDecimal, fmt.Sprintf("%g to %g", low, high), func(raw any) (float64, error) {
		if n, ok := raw.(int64); ok {
			raw = float64(n)
		}
		x, err := as[float64](raw, formDecimal)
		if err == nil && (math.IsNaN(x) || x < low || x > high) {
			err = errRange
		}
		return x + 0, err // -0 becomes 0
	}, func(x float64) any { return x }}
}

func boolean(at func(*Config) *bool) field {
	return value[bool]{at, formBoolean, formBoolean, func(raw any) (bool, error) {
		return as[bool](raw, formBoolean)
	}, func(b bool) any { return b }}
}

// duration is a time with its unit from low to high; zeroWord, where given,
// stands for 0.
func duration(at func(*Config) *time.Duration, low, high time.Duration, zeroWord string) field {
	allowed := fmt.Sprintf("a duration from %s to %s in quotes", shortDuration(low), shortDuration(high))
	if zeroWord != "" {
		allowed = strconv.Quote(zeroWord) + " or " + allowed
	}
	return value[time.Duration]{at, formText, allowed, func(raw any) (time.Duration, error) {
		s, err := as[string](raw, formText)
		if err != nil {
			return 0, err
		}
		if zeroWord != "" && s == zeroWord {
			return 0, nil
		}
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, errors.New("not a number with a unit (us, ms, s, m, h)")
		case d < low || d > high:
			return 0, errRange
		}
		return d, nil
	}, func(d time.Duration) any {
		if d == 0 && zeroWord != "" {
			return zeroWord
		}
		return shortDuration(d)
	}}
}

// shortDuration writes whole seconds as such ("300s", not "5m0s"), and whole
// minutes from ten on ("20m", not "1200s").
func shortDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0ms"
	case d%time.Hour == 0 && d > time.Hour:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0 && d >= 10*time.Minute:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return d.String()
}

// prefix is the first two numbers of a multicast group.
func prefix(at func(*Config) *Prefix) field {
	return value[Prefix]{at, formText, "two numbers from 224.1 to 239.255 such as \"239.69\", not 232.x", func(raw any) (Prefix, error) {
		s, err := as[string](raw, formText)
		if err != nil {
			return Prefix{}, err
		}
		return parsePrefix(s)
	}, func(p Prefix) any { return fmt.Sprintf("%d.%d", p[0], p[1]) }}
}
