// Package pod reads and writes PODs, the values that PipeWire's protocol is made of
// (PipeWire, "POD" in the SPA documentation; spa/pod/pod.h): a length, a type, a body,
// and zeros up to a multiple of 8 bytes. Only the types that one program's parameters
// and properties need are known; others are passed over. It does no I/O.
package pod

import (
	"encoding/binary"
	"iter"
	"math"
)

// Type is what a body holds (spa/utils/type.h, SPA_TYPE_None and the following).
type Type uint32

// The types that are of use here.
const (
	None   Type = 1
	ID     Type = 3
	Int    Type = 4
	Long   Type = 5
	Float  Type = 6
	String Type = 8
	Ratio  Type = 11 // SPA_TYPE_Fraction
	Struct Type = 14
	Object Type = 15
)

const (
	headSize     = 8 // length and type, of 4 bytes each
	propertyHead = 8 // key and flags, of 4 bytes each
	alignment    = 8
)

// endian is that of the machine for which PipeWire and this program are built: the protocol
// has the server's own (protocol-native, connection.c).
var endian = binary.NativeEndian

// Value is one POD. Body belongs to what it was read from.
type Value struct {
	Type Type
	Body []byte
}

// Next cuts the first value off b. ok is false where b holds no whole one; the zeros
// after the last may be missing.
func Next(b []byte) (v Value, rest []byte, ok bool) {
	if len(b) < headSize {
		return v, nil, false
	}
	size := uint64(endian.Uint32(b))
	if size > uint64(len(b)-headSize) {
		return v, nil, false
	}
	v = Value{Type(endian.Uint32(b[4:])), b[headSize : headSize+int(size)]}
	return v, b[min(len(b), padded(headSize+int(size))):], true
}

// Values are those of a Struct, up to the first that is not whole; none of another type.
func (v Value) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Type != Struct {
			return
		}
		for rest := v.Body; ; {
			var each Value
			var ok bool
			if each, rest, ok = Next(rest); !ok || !yield(each) {
				return
			}
		}
	}
}

// Properties are the keys and values of an Object, up to the first that is not whole; none
// of another type.
func (v Value) Properties() iter.Seq2[uint32, Value] {
	return func(yield func(uint32, Value) bool) {
		if v.Type != Object || len(v.Body) < propertyHead { // the object's own type and id come first
			return
		}
		for rest := v.Body[propertyHead:]; len(rest) >= propertyHead; {
			key := endian.Uint32(rest)
			each, after, ok := Next(rest[propertyHead:])
			if !ok || !yield(key, each) {
				return
			}
			rest = after
		}
	}
}

// Int returns an Int, an ID or a Long; 0 of another type.
func (v Value) Int() int64 {
	switch {
	case (v.Type == Int || v.Type == ID) && len(v.Body) == 4:
		return int64(int32(endian.Uint32(v.Body)))
	case v.Type == Long && len(v.Body) == 8:
		return int64(endian.Uint64(v.Body))
	}
	return 0
}

// Float returns a Float; 0 of another type.
func (v Value) Float() float32 {
	if v.Type != Float || len(v.Body) != 4 {
		return 0
	}
	return math.Float32frombits(endian.Uint32(v.Body))
}

// Ratio returns a Fraction's two numbers; 0 of another type.
func (v Value) Ratio() (over, under uint32) {
	if v.Type != Ratio || len(v.Body) != 8 {
		return 0, 0
	}
	return endian.Uint32(v.Body), endian.Uint32(v.Body[4:])
}

// Text returns a String, up to its first zero byte; "" of another type.
func (v Value) Text() string {
	if v.Type != String {
		return ""
	}
	for i, c := range v.Body {
		if c == 0 {
			return string(v.Body[:i])
		}
	}
	return string(v.Body)
}

// AppendNone appends the value that stands for none.
func AppendNone(b []byte) []byte { return value(b, None, nil) }

// AppendID appends a number of an enumeration.
func AppendID(b []byte, id uint32) []byte { return value(b, ID, endian.AppendUint32(nil, id)) }

// AppendInt appends a whole number.
func AppendInt(b []byte, n int32) []byte { return value(b, Int, endian.AppendUint32(nil, uint32(n))) }

// AppendLong appends a long whole number.
func AppendLong(b []byte, n int64) []byte { return value(b, Long, endian.AppendUint64(nil, uint64(n))) }

// AppendRatio appends a Fraction.
func AppendRatio(b []byte, over, under uint32) []byte {
	return value(b, Ratio, endian.AppendUint32(endian.AppendUint32(nil, over), under))
}

// AppendString appends a text.
func AppendString(b []byte, s string) []byte { return value(b, String, append([]byte(s), 0)) }

// AppendStruct appends values, which are laid end to end, as one.
func AppendStruct(b, values []byte) []byte { return value(b, Struct, values) }

// Property is one of an Object.
type Property struct {
	Key   uint32
	Value []byte // a POD
}

// AppendObject appends an Object of a type (spa/utils/type.h, SPA_TYPE_OBJECT_START and
// the following) and an id, the parameter that it is.
func AppendObject(b []byte, of, id uint32, properties ...Property) []byte {
	body := endian.AppendUint32(endian.AppendUint32(nil, of), id)
	for _, p := range properties {
		body = endian.AppendUint32(body, p.Key)
		body = endian.AppendUint32(body, 0) // no flags
		body = append(body, p.Value...)
	}
	return value(b, Object, body)
}

func value(b []byte, t Type, body []byte) []byte {
	b = endian.AppendUint32(b, uint32(len(body)))
	b = endian.AppendUint32(b, uint32(t))
	b = append(b, body...)
	return append(b, make([]byte, padded(len(body))-len(body))...)
}

func padded(n int) int { return (n + alignment - 1) / alignment * alignment }
