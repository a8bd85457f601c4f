package status

import (
	"fmt"

	"aes67-sink/internal/text"
)

// Reloaded is what became of a configuration that was read anew: keys as in the
// file, such as "log.level".
type Reloaded struct {
	Taken   []string `json:"taken"`   // in force now
	Restart []string `json:"restart"` // in force when the bridge is restarted
	Faults  []string `json:"faults"`  // why nothing of it was taken
}

// Words says to people what is in force, a line each; restart is how they restart.
func (r Reloaded) Words(restart string) (lines string) {
	if len(r.Taken) > 0 {
		lines = "taken over: " + text.List(r.Taken) + "\n"
	}
	if len(r.Restart) > 0 {
		lines += fmt.Sprintf("needs a restart: %s; %s\n", text.List(r.Restart), restart)
	}
	if lines == "" {
		return "nothing has changed\n"
	}
	return lines
}
