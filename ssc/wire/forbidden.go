package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Addresses that are not written, or not with every value.
const (
	ControlMode Path = "ui/control_mode"
	Restore     Path = "device/restore"
	Network          = "NETWORK"
	Local            = "LOCAL"
)

// ErrForbidden is a write that is never sent.
var ErrForbidden = errors.New("not sent")

// Allowed refuses what would take the speaker out of reach or its settings away:
// ui/control_mode other than NETWORK (LOCAL hands it to the switches at its rear, and
// from there nothing of the network brings it back), and device/restore (factory
// defaults, which delete a room's alignment).
func Allowed(p Path, v Value) error {
	if v == Null {
		return nil
	}
	switch {
	case strings.EqualFold(string(p), string(ControlMode)):
		if mode, _ := v.Text(); mode != Network {
			return fmt.Errorf("%w: %s=%s hands the speaker to the switches at its rear, and no command brings it back; set the switch at the speaker", ErrForbidden, p, v)
		}
	case strings.EqualFold(string(p), string(Restore)):
		return fmt.Errorf("%w: %s=%s deletes all settings of the speaker, the alignment to the room among them; do it at the speaker or with the maker's program", ErrForbidden, p, v)
	}
	return nil
}

// AllowedLine is Allowed for each leaf of a line that somebody wrote, wherever it is
// nested and however often it is named; and refuses what is no JSON object in a line.
func AllowedLine(line []byte) error {
	line = Trim(line)
	if len(line) > MaxLine {
		return ErrTooLong
	}
	if !json.Valid(line) || bytes.ContainsAny(line, "\r\n") || !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
		return fmt.Errorf("%w: it is one JSON object in one line, such as {\"audio\":{\"out\":{\"level\":null}}}", ErrMessage)
	}
	return visit(decoder(line), nil, Allowed)
}

// TouchesEqualizer reports whether a line that AllowedLine took writes a leaf of an
// equalizer.
func TouchesEqualizer(line []byte) bool {
	errFound := errors.New("found")
	err := visit(decoder(line), nil, func(p Path, v Value) error {
		if v != Null && strings.Contains(strings.ToLower(string(p)), "/eq") {
			return errFound
		}
		return nil
	})
	return err != nil
}

func decoder(line []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return d
}

// visit reads one value and hands out its leaves; decoding by tokens sees names that
// come twice.
func visit(d *json.Decoder, names []string, leaf func(Path, Value) error) error {
	if len(names) > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrMessage, maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return ErrMessage
	}
	switch token {
	case json.Delim('{'):
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return ErrMessage
			}
			key, _ := name.(string)
			if err := visit(d, append(names[:len(names):len(names)], key), leaf); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	case json.Delim('['):
		for d.More() {
			if err := visit(d, names, leaf); err != nil {
				return err
			}
		}
		_, err = d.Token()
		return err
	}
	v := Null
	switch x := token.(type) {
	case string:
		v = Text(x)
	case bool:
		v = Bool(x)
	case json.Number:
		v = Value{x.String()}
	}
	return leaf(Path(strings.Join(names, "/")), v)
}
