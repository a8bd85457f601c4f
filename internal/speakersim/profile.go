// Package speakersim plays Neumann KH speakers as far as Sennheiser Sound Control
// shows them: the addresses, the strictness and the faults that public tools have met
// on real ones (khtool, pyssc, neumann-connect). It knows nothing of the client that
// it is to test. What no source tells, and is therefore a guess: that LOCAL answers
// writes with 405, that a sleeping speaker still answers and how it wakes, the delay range
// of KH 150, and all of the KH 120 II AES67.
package speakersim

import (
	"fmt"
	"strings"
)

// Profile is a model.
type Profile string

// The models, as device/identity/product has them.
const (
	KH80         Profile = "KH 80"
	KH120II      Profile = "KH 120 II"
	KH120IIAES67 Profile = "KH 120 II AES67"
	KH150AES67   Profile = "KH 150 AES67"
	KH750        Profile = "KH 750"
)

// Profiles are all models.
var Profiles = []Profile{KH80, KH120II, KH120IIAES67, KH150AES67, KH750}

type kind int

const (
	number kind = iota // written with a decimal point
	whole
	boolean
	text
	list
)

// leaf is one address of the tree.
type leaf struct {
	kind     kind
	value    any // float64, int, bool, string, []any
	min, max float64
	ranged   bool
	units    string
	writable bool
	options  []string
	length   int // of a list, or the most of a string
}

func readOnly(k kind, v any) *leaf { return &leaf{kind: k, value: v} }

func ranged(k kind, v any, low, high float64, units string) *leaf {
	return &leaf{kind: k, value: v, min: low, max: high, ranged: true, units: units, writable: true}
}

func flag(v bool) *leaf { return &leaf{kind: boolean, value: v, writable: true} }

func choice(v string, options ...string) *leaf {
	return &leaf{kind: text, value: v, options: options, writable: true}
}

func values(n int, v any) *leaf {
	all := make([]any, n)
	for i := range all {
		all[i] = v
	}
	return &leaf{kind: list, value: all, writable: true, length: n}
}

// tree is what a model has.
func tree(p Profile, name, serial, version string) map[string]*leaf {
	t := map[string]*leaf{
		"device/identity/vendor":           readOnly(text, "Georg Neumann GmbH"),
		"device/identity/product":          readOnly(text, string(p)),
		"device/identity/serial":           readOnly(text, serial),
		"device/identity/version":          readOnly(text, version),
		"device/identity/hw_version":       readOnly(text, "1"),
		"device/name":                      {kind: text, value: name, writable: true, length: 52},
		"device/identification/visual":     flag(false),
		"device/standby/enabled":           flag(true),
		"device/standby/auto_standby_time": ranged(whole, 90, 1, 240, "min"),
		"device/standby/level":             ranged(number, -65.0, -80, -55, "dBu"),
		"device/standby/countdown":         readOnly(whole, 90),
		"device/restore":                   choice("", "FACTORY_DEFAULTS"),
		"ui/logo/brightness":               ranged(whole, 100, 0, 125, "%"),
		"ui/control_mode":                  choice("NETWORK", "NETWORK", "LOCAL"),
		"ui/input_gain":                    readOnly(number, 0.0),
		"ui/output_level":                  readOnly(text, "100"),
		"audio/in/interface":               choice("ANALOG ONLY", "ANALOG ONLY", "DIGITAL ONLY", "DIGITAL DISCARDS ANALOG"),
		"audio/in/current_input":           readOnly(text, "ANALOG"),
		"audio/in1/label":                  readOnly(text, "A"),
		"audio/in2/label":                  readOnly(text, "B"),
		"audio/out/level":                  ranged(number, 84.0, 0, 120, "dB SPL"),
		"audio/out/mute":                   flag(false),
		"audio/out/delay":                  ranged(whole, 0, 0, 5760, "samples"),
		"audio/out/solo":                   flag(false),
		"audio/out/phaseinversion":         flag(false),
		"audio/out/mixer/levels":           values(2, -6.0),
		"m/in/level":                       readOnly(list, []any{-120.0, -120.0}),
		"m/in/clip":                        readOnly(list, []any{false, false}),
		"warnings":                         readOnly(list, []any{"NO_WARNING"}),
	}
	equalizers := map[string]int{"eq2": 10, "eq3": 20}
	switch p {
	case KH80:
		equalizers = map[string]int{"equalizer": 10}
		t["device/save_settings"] = flag(false)
		t["audio/in/gain"] = ranged(number, 0.0, -15, 15, "dB")
		t["audio/in/phase_invert"] = flag(false)
		t["audio/out/dimm"] = ranged(number, 0.0, -120, 0, "dB")
		t["audio/out/delay"] = ranged(whole, 0, 0, 3360, "samples")
		t["audio/out/phase_correction"] = flag(true)
		t["audio/out/limiter_mode"] = ranged(whole, 1, 0, 2, "")
	case KH120IIAES67, KH150AES67:
		t["audio/in/interface"].value = "DIGITAL ONLY"
		t["audio/in/current_input"].value = "AES67"
		t["audio/out/aes67mixer1/levels"] = values(2, 0.0)
		delete(t, "audio/in1/label")
		delete(t, "audio/in2/label")
	case KH750:
		t["audio/out/delay"] = ranged(whole, 0, 0, 1000, "samples")
		if version >= "1_2" { // as strings: no minor version of two digits is known
			t["audio/out5/level"] = ranged(number, 84.0, 0, 120, "dB SPL")
			t["audio/out5/mute"] = flag(false)
		}
		t["device/standby/enabled"].writable = false
		delete(t, "ui/logo/brightness")
	case KH120II: // is as all are
	}
	for eq, n := range equalizers {
		at := "audio/out/" + eq + "/"
		t[at+"enabled"] = values(n, false)
		t[at+"type"] = values(n, "PARAMETRIC")
		t[at+"frequency"] = values(n, 1000.0)
		t[at+"q"] = values(n, 1.0)
		t[at+"gain"] = values(n, 0.0)
		t[at+"boost"] = values(n, 0.0)
	}
	return t
}

// firmware is a version a tool's author has had of the model.
func firmware(p Profile) string {
	switch p {
	case KH80:
		return "1_3_1"
	case KH150AES67:
		return "1_1_14"
	default:
		return "1_7_3"
	}
}

// ParseProfile takes a model's name, with or without its spaces.
func ParseProfile(s string) (Profile, error) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	for _, p := range Profiles {
		if plain(string(p)) == plain(s) {
			return p, nil
		}
	}
	return "", fmt.Errorf("no model %q: one of %v", s, Profiles)
}
