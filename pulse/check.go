package pulse

import (
	"encoding/binary"
	"reflect"
	"strconv"
	"strings"

	"github.com/jfreymuth/pulse/proto"
)

// A control payload is a list of values, each led by a type byte (PulseAudio,
// tagstruct.c). The library reads one into a struct, field by field, trusting
// every byte: a value of another type, a string of more than 1023 bytes or a
// wrong length makes it panic, hang or allocate without bound. So each payload
// is first read here against the same struct; what the library would stumble
// over is shortened or refused.

const (
	// maxString is the longest string that is passed on, in bytes without its
	// terminator; the library's limit is 1023. Titles of browser tabs can be
	// longer.
	maxString = 1000
	// maxElements bounds a list within a reply, such as a sink's ports.
	maxElements = 1024
	// replyHeader is 'L' opcode 'L' tag.
	replyHeader = 10
)

// messages are the server's unasked messages that are of use, by opcode. All
// others are dropped: the library prints those that it does not know.
var messages = map[uint32]reflect.Type{
	proto.OpRequest:                 reflect.TypeFor[proto.Request](),
	proto.OpPlaybackStreamKilled:    reflect.TypeFor[proto.PlaybackStreamKilled](),
	proto.OpRecordStreamKilled:      reflect.TypeFor[proto.RecordStreamKilled](),
	proto.OpSubscribeEvent:          reflect.TypeFor[proto.SubscribeEvent](),
	proto.OpRecordStreamSuspended:   reflect.TypeFor[proto.RecordStreamSuspended](),
	proto.OpPlaybackStreamMoved:     reflect.TypeFor[proto.PlaybackStreamMoved](),
	proto.OpRecordStreamMoved:       reflect.TypeFor[proto.RecordStreamMoved](),
	proto.OpPlaybackStreamSuspended: reflect.TypeFor[proto.PlaybackStreamSuspended](),
}

// expectation is the reply that is being waited for.
type expectation struct {
	tag   uint32
	reply reflect.Type // what the reply is read into; nil: its content is not read
}

// header reads 'L' opcode 'L' tag.
func header(payload []byte) (opcode, tag uint32, ok bool) {
	if len(payload) < replyHeader || payload[0] != 'L' || payload[5] != 'L' {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(payload[1:]), binary.BigEndian.Uint32(payload[6:]), true
}

// appendChecked appends the packet that the library may read in place of
// payload, or nothing. A reply that does not fit is answered for the server by
// an error, so that nobody waits for it.
func appendChecked(out, payload []byte, expected *expectation, version proto.Version) []byte {
	opcode, tag, ok := header(payload)
	if !ok {
		return out
	}
	start := len(out)
	out = append(out, make([]byte, descriptorSize)...)
	binary.BigEndian.PutUint32(out[start+4:], controlChannel)
	out = append(out, payload[:replyHeader]...)
	w := walker{in: payload[replyHeader:], out: out, version: version.Version()}
	switch awaited := expected != nil && tag == expected.tag; {
	case opcode == proto.OpReply && awaited:
		if expected.reply != nil && !w.reply(expected.reply) {
			w.out = appendError(w.out[:start+descriptorSize], tag, proto.ErrProtocolError)
		}
	case opcode == proto.OpError && awaited:
		code := proto.ErrUnknownErrorCode
		if len(w.in) >= 5 && w.in[0] == 'L' {
			code = proto.Error(binary.BigEndian.Uint32(w.in[1:]))
		}
		w.out = appendError(w.out[:start+descriptorSize], tag, code)
	default:
		message, known := messages[opcode]
		if !known || !w.structure(message) {
			return out[:start]
		}
	}
	binary.BigEndian.PutUint32(w.out[start:], uint32(len(w.out)-start-descriptorSize))
	return w.out
}

func appendError(out []byte, tag uint32, code proto.Error) []byte {
	out = binary.BigEndian.AppendUint32(append(out, 'L'), proto.OpError)
	out = binary.BigEndian.AppendUint32(append(out, 'L'), tag)
	return binary.BigEndian.AppendUint32(append(out, 'L'), uint32(code))
}

// walker copies values from in to out as long as they are what the library will
// read there.
type walker struct {
	in, out []byte
	version int
}

// reply copies one struct, or for a list as many as there are.
func (w *walker) reply(t reflect.Type) bool {
	if t.Kind() != reflect.Slice {
		return w.structure(t)
	}
	for len(w.in) > 0 {
		if !w.structure(t.Elem().Elem()) { // a slice of pointers to structs
			return false
		}
	}
	return true
}

// structure copies the fields of a struct that exist in this protocol version.
func (w *walker) structure(t reflect.Type) bool {
	for i := range t.NumField() {
		field := t.Field(i)
		if w.exists(string(field.Tag)) && !w.value(field.Type) {
			return false
		}
	}
	return true
}

// exists reads the library's field tags: "13" is there since version 13, "<15"
// before version 15.
func (w *walker) exists(tag string) bool {
	if tag == "" {
		return true
	}
	before, gone := strings.CutPrefix(tag, "<")
	version, err := strconv.Atoi(before)
	return err != nil || (w.version < version) == gone
}

// value copies one field.
func (w *walker) value(t reflect.Type) bool {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
		return w.list(t)
	}
	tag, ok := w.peek()
	if !ok {
		return false
	}
	switch t.Kind() {
	case reflect.String:
		return tag == 't' && w.text() || tag == 'N' && w.take(1)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		switch tag {
		case 'B':
			return w.take(2)
		case 'L', 'V':
			return w.take(5)
		case 'R', 'U':
			return w.take(9)
		}
	case reflect.Int64:
		return tag == 'r' && w.take(9)
	case reflect.Bool:
		return (tag == '1' || tag == '0') && w.take(1)
	case reflect.Map:
		return tag == 'P' && w.take(1) && w.properties()
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Uint8: // a channel map
			return tag == 'm' && w.counted(1)
		case reflect.Uint32: // volumes
			return tag == 'v' && w.counted(4)
		}
	case reflect.Struct:
		switch t {
		case reflect.TypeFor[proto.SampleSpec]():
			return tag == 'a' && w.take(7)
		case reflect.TypeFor[proto.Time]():
			return tag == 'T' && w.take(9)
		case reflect.TypeFor[proto.FormatInfo]():
			return w.format()
		}
	}
	return false
}

// list copies a count and that many structs. Formats have a count of one byte,
// other lists one of four.
func (w *walker) list(t reflect.Type) bool {
	formats := t.Elem() == reflect.TypeFor[proto.FormatInfo]()
	tag, ok := w.peek()
	count := 0
	switch {
	case ok && formats && tag == 'B' && len(w.in) >= 2:
		count = int(w.in[1])
		w.take(2)
	case ok && !formats && tag == 'L' && len(w.in) >= 5:
		n := binary.BigEndian.Uint32(w.in[1:])
		if n > maxElements {
			return false
		}
		count = int(n)
		w.take(5)
	default:
		return false
	}
	for range count {
		if formats && !w.format() || !formats && !w.structure(t.Elem()) {
			return false
		}
	}
	return true
}

// format copies 'f', an encoding and its properties.
func (w *walker) format() bool {
	return len(w.in) >= 4 && w.in[0] == 'f' && w.in[1] == 'B' && w.in[3] == 'P' && w.take(4) && w.properties()
}

// properties copies pairs up to the 'N' that ends them: a key as text, and a
// value's length, twice, and its bytes.
func (w *walker) properties() bool {
	for {
		tag, ok := w.peek()
		if !ok {
			return false
		}
		if tag == 'N' {
			return w.take(1)
		}
		if tag != 't' || !w.text() || len(w.in) < 10 || w.in[0] != 'L' || w.in[5] != 'x' {
			return false
		}
		length := binary.BigEndian.Uint32(w.in[1:])
		if length != binary.BigEndian.Uint32(w.in[6:]) || uint64(length) > uint64(len(w.in)-10) || !w.take(10+int(length)) {
			return false
		}
	}
}

// text copies 't' and a terminated string, shortened to maxString.
func (w *walker) text() bool {
	for i, b := range w.in[1:] {
		if b == 0 {
			w.out = append(w.out, w.in[:1+min(i, maxString)]...)
			w.out = append(w.out, 0)
			w.in = w.in[i+2:]
			return true
		}
	}
	return false
}

// counted copies a type byte, a count of one byte and that many elements.
func (w *walker) counted(size int) bool {
	return len(w.in) >= 2 && w.take(2+int(w.in[1])*size)
}

func (w *walker) peek() (byte, bool) {
	if len(w.in) == 0 {
		return 0, false
	}
	return w.in[0], true
}

// take copies n bytes.
func (w *walker) take(n int) bool {
	if n > len(w.in) {
		return false
	}
	w.out = append(w.out, w.in[:n]...)
	w.in = w.in[n:]
	return true
}
