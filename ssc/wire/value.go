package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Value is what a leaf holds, as JSON. The zero value is none.
type Value struct{ json string }

// Null asks for a leaf.
var Null = Value{"null"}

// Float is a number with a decimal point, which leaves of that type want even of
// whole numbers: 84.0. NaN and infinities are no value.
func Float(x float64) Value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return Value{}
	}
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return Value{s}
}

// Int is a whole number.
func Int(n int) Value { return Value{strconv.Itoa(n)} }

// Bool is true or false.
func Bool(b bool) Value { return Value{strconv.FormatBool(b)} }

// Text is a string.
func Text(s string) Value {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return Value{}
	}
	return Value{strings.TrimSpace(b.String())}
}

// ErrValue is text that is not one JSON value.
var ErrValue = errors.New("no JSON value")

// JSON takes a value as it is written, without its spaces.
func JSON(s string) (Value, error) {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) != nil {
		return Value{}, ErrValue
	}
	return Value{b.String()}, nil
}

// String is the value as JSON.
func (v Value) String() string { return v.json }

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return v.json == "" }

// MarshalJSON is the value itself; none is null.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.IsZero() {
		return []byte("null"), nil
	}
	return []byte(v.json), nil
}

// UnmarshalJSON takes any value.
func (v *Value) UnmarshalJSON(said []byte) (err error) {
	*v, err = JSON(string(said))
	return err
}

// as decodes the value; null is nothing.
func as[T any](v Value) (out T, ok bool) {
	if v.json == "" || v.json == "null" {
		return out, false
	}
	err := json.Unmarshal([]byte(v.json), &out)
	return out, err == nil
}

// Float is the value as a number.
func (v Value) Float() (float64, bool) { return as[float64](v) }

// Bool is the value as true or false.
func (v Value) Bool() (value, ok bool) { return as[bool](v) }

// Text is the value as a string.
func (v Value) Text() (string, bool) { return as[string](v) }

// Floats is the value as a list of numbers; one number is a list of one.
func (v Value) Floats() ([]float64, bool) {
	if one, ok := v.Float(); ok {
		return []float64{one}, true
	}
	return as[[]float64](v)
}

// Loudest is the highest of a meter's channels, in dB.
func (v Value) Loudest() (db float64, ok bool) {
	all, ok := v.Floats()
	if !ok || len(all) == 0 {
		return 0, false
	}
	return slices.Max(all), true
}

// Faults are the words of Warnings; one of them stands for none.
func (v Value) Faults() []string {
	all, _ := v.Texts()
	return slices.DeleteFunc(all, func(s string) bool { return s == "NO_WARNING" })
}

// Texts is the value as a list of strings; one string is a list of one.
func (v Value) Texts() ([]string, bool) {
	if one, ok := v.Text(); ok {
		return []string{one}, true
	}
	return as[[]string](v)
}

// Same reports whether two values are equal, however their numbers are written.
func (v Value) Same(w Value) bool {
	a, okA := as[any](v)
	b, okB := as[any](w)
	if okA != okB {
		return false
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
