package wire

import "strings"

// The addresses this program reads and writes (facts of khtool, pyssc and
// neumann-connect).
const (
	Vendor         Path = "device/identity/vendor"
	Product        Path = "device/identity/product"
	Serial         Path = "device/identity/serial"
	Version        Path = "device/identity/version"
	Name           Path = "device/name"
	Identify       Path = "device/identification/visual"
	StandbyEnabled Path = "device/standby/enabled"
	StandbyTime    Path = "device/standby/auto_standby_time" // minutes
	StandbyLevel   Path = "device/standby/level"             // dBu
	StandbyIn      Path = "device/standby/countdown"         // minutes
	SaveSettings   Path = "device/save_settings"
	Brightness     Path = "ui/logo/brightness" // %
	Interface      Path = "audio/in/interface"
	CurrentInput   Path = "audio/in/current_input"
	Level          Path = "audio/out/level" // dB SPL
	Mute           Path = "audio/out/mute"
	Delay          Path = "audio/out/delay" // samples of 1/48 000 s
	Dimm           Path = "audio/out/dimm"  // dB
	SubLevel       Path = "audio/out5/level"
	SubMute        Path = "audio/out5/mute"
	Meter          Path = "m/in/level" // dB
	Clip           Path = "m/in/clip"
	Warnings       Path = "warnings"
)

// MaxName bounds a speaker's name in bytes.
const MaxName = 52

// KnownLimits are what the public tools know of a model's leaves, where the speaker
// does not tell itself.
func KnownLimits(product string, p Path) (Limits, bool) {
	between := func(low, high float64, units string) (Limits, bool) {
		return Limits{Min: &low, Max: &high, Units: units}, true
	}
	switch p {
	case Level, SubLevel:
		return between(0, 120, "dB SPL")
	case Brightness:
		return between(0, 100, "%") // khtool's bound; the speakers take 125
	case Dimm:
		return between(-120, 0, "dB")
	case StandbyTime:
		return between(1, 240, "min")
	case StandbyLevel:
		return between(-80, -55, "dBu")
	case Delay:
		switch {
		case strings.HasPrefix(product, "KH 120 II"):
			return between(0, 5760, "samples")
		case strings.HasPrefix(product, "KH 80"):
			return between(0, 3360, "samples")
		}
		return between(0, 1000, "samples") // KH 750; of models not known the least
	default:
		return Limits{}, false
	}
}

// KnownPaths are the leaves that the public tools know of any model, for firmware that
// does not tell its own.
func KnownPaths() []Path {
	out := []Path{
		Vendor, Product, Serial, Version, Name, StandbyEnabled, StandbyTime, StandbyLevel,
		Brightness, ControlMode, Interface, CurrentInput, "audio/in/gain", "audio/in/phase_invert",
		Level, Mute, Delay, Dimm, SubLevel, SubMute, "audio/out/solo", "audio/out/phaseinversion",
		"audio/out/phase_correction", "audio/out/limiter_mode", "audio/out/mixer/levels", "audio/out/aes67mixer1/levels",
	}
	for _, eq := range []Path{"equalizer", "eq2", "eq3"} {
		for _, of := range []Path{"enabled", "type", "frequency", "q", "gain", "boost"} {
			out = append(out, "audio/out/"+eq+"/"+of)
		}
	}
	return out
}
