package pulse

import "path/filepath"

// cookieSize is the length of an authentication cookie in bytes (PulseAudio,
// native-common.h, PA_NATIVE_COOKIE_LENGTH).
const cookieSize = 256

// cookie returns the first readable cookie of PULSE_COOKIE, client.conf's
// cookie-file and the usual places. Without one it returns zeros: a server of
// the same user accepts the connection's credentials instead.
func (s surroundings) cookie(conf clientConf) []byte {
	var files []string
	for _, file := range []string{s.getenv("PULSE_COOKIE"), conf.cookieFile} {
		switch {
		case file == "":
		case filepath.IsAbs(file):
			files = append(files, file)
		default:
			files = append(files, s.inConfigHome(file)...)
		}
	}
	files = append(files, s.inConfigHome("cookie")...)
	if home := s.getenv("HOME"); home != "" {
		files = append(files, filepath.Join(home, ".pulse-cookie"))
	}
	for _, file := range files {
		if b, err := s.readFile(file); err == nil && len(b) == cookieSize {
			return b
		}
	}
	return make([]byte, cookieSize)
}
