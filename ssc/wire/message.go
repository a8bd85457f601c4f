package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// MaxLine bounds a line in bytes: the largest reply known, a whole schema, is a
	// few kilobytes.
	MaxLine = 64 << 10
	// maxDepth bounds the nesting of what is taken in; the deepest address known has
	// four names.
	maxDepth = 16
)

// Path is an address of the tree, such as "audio/out/level".
type Path string

// Errors of coding.
var (
	ErrPath    = errors.New("no address")
	ErrMessage = errors.New("no message of Sennheiser Sound Control")
	ErrTooLong = errors.New("a line is longer than 64 KiB")
)

// names are the parts of a path; nil: it is none.
func (p Path) names() []string {
	names := strings.Split(string(p), "/")
	if len(names) > maxDepth {
		return nil
	}
	for _, name := range names {
		if name == "" {
			return nil
		}
	}
	return names
}

// nest writes a value below its path: {"audio":{"out":{"level":84.0}}}.
func nest(p Path, value string) ([]byte, error) {
	names := p.names()
	if names == nil || value == "" {
		return nil, fmt.Errorf("%w: %q", ErrPath, string(p))
	}
	var b bytes.Buffer
	for _, name := range names {
		b.WriteByte('{')
		b.WriteString(Text(name).json)
		b.WriteByte(':')
	}
	b.WriteString(value)
	b.WriteString(strings.Repeat("}", len(names)))
	return b.Bytes(), nil
}

// Message is one line, CRLF and all, that sets a leaf, or asks for it (Null).
func Message(p Path, v Value) ([]byte, error) {
	line, err := nest(p, v.json)
	if err != nil {
		return nil, err
	}
	return append(line, '\r', '\n'), nil
}

// The addresses that tell of others.
const (
	schemaPath Path = "osc/schema"
	limitsPath Path = "osc/limits"
	errorPath  Path = "osc/error"
)

// AskLimits is the line that asks what a leaf may hold.
func AskLimits(p Path) ([]byte, error) { return ask(limitsPath, p) }

// AskSchema is the line that asks what is below an address; "" is the root.
func AskSchema(p Path) ([]byte, error) {
	if p == "" {
		return Message(schemaPath, Null)
	}
	return ask(schemaPath, p)
}

func ask(about, p Path) ([]byte, error) {
	tree, err := nest(p, "null")
	if err != nil {
		return nil, err
	}
	return Message(about, Value{"[" + string(tree) + "]"})
}

// Error is a refusal by the speaker.
type Error struct {
	Code int    // as HTTP has them: 400, 404, 405, 413
	Desc string // in the speaker's words
	Path Path   // "": the speaker did not say of what
}

func (e *Error) Error() string {
	said := fmt.Sprintf("the speaker refused with %d", e.Code)
	if e.Path != "" {
		said = fmt.Sprintf("the speaker refused %s with %d", e.Path, e.Code)
	}
	if e.Desc != "" {
		said += " (" + strconv.Quote(e.Desc) + ")"
	}
	return said
}

// Reply is one line of a speaker.
type Reply struct {
	Path  Path
	Value Value
	Err   *Error // instead of both
}

// Trim takes the end of line off: CRLF, or LF alone.
func Trim(line []byte) []byte { return bytes.TrimRight(line, "\r\n") }

// Parse reads one line. An identifier of the transaction beside the leaf (osc/xid)
// is passed over.
func Parse(line []byte) (Reply, error) {
	line = Trim(line)
	if len(line) > MaxLine {
		return Reply{}, ErrTooLong
	}
	path, value, err := leaf(line)
	if err != nil {
		return Reply{}, err
	}
	if path == errorPath {
		refusal, err := parseError(value)
		return Reply{Err: refusal}, err
	}
	return Reply{Path: path, Value: value}, nil
}

// leaf descends while there is one way to go.
func leaf(object []byte) (Path, Value, error) {
	if !json.Valid(object) {
		return "", Value{}, ErrMessage
	}
	var names []string
	for {
		var level map[string]json.RawMessage
		if json.Unmarshal(object, &level) != nil || level == nil {
			break
		}
		if len(names) == 0 && len(level) > 1 {
			delete(level, "osc")
		}
		if len(level) != 1 {
			break
		}
		for name, below := range level {
			if name == "" || strings.Contains(name, "/") {
				return "", Value{}, ErrMessage
			}
			names, object = append(names, name), below
		}
		if len(names) > maxDepth {
			return "", Value{}, ErrMessage
		}
		if p := Path(strings.Join(names, "/")); p == schemaPath || p == limitsPath || p == errorPath {
			break
		}
	}
	if len(names) == 0 {
		return "", Value{}, ErrMessage
	}
	value, err := JSON(string(object))
	return Path(strings.Join(names, "/")), value, err
}

// parseError reads both shapes: [400,{"desc":…}] of the message, and
// [{"audio":{"out":{"dimm":[404,{"desc":…}]}}}] of an address.
func parseError(v Value) (*Error, error) {
	list, _ := as[[]json.RawMessage](v)
	if len(list) == 0 {
		return nil, ErrMessage
	}
	if e, ok := code(list); ok {
		return e, nil
	}
	path, inner, err := leaf(list[0])
	if err != nil {
		return nil, err
	}
	list, _ = as[[]json.RawMessage](inner)
	e, ok := code(list)
	if !ok {
		return nil, ErrMessage
	}
	e.Path = path
	return e, nil
}

// code reads [404,{"desc":…}], the second of which may be missing.
func code(list []json.RawMessage) (*Error, bool) {
	var e Error
	if len(list) == 0 || json.Unmarshal(list[0], &e.Code) != nil || e.Code == 0 {
		return nil, false //nolint:nilerr // that is what false says
	}
	if len(list) > 1 {
		var more struct {
			Desc string `json:"desc"`
		}
		_ = json.Unmarshal(list[1], &more) // words alone
		e.Desc = more.Desc
	}
	return &e, true
}
