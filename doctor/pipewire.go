package doctor

import (
	"context"
	"os/exec"
	"regexp"
)

// setting is a line of pw-metadata(1).
var setting = regexp.MustCompile(`key:'([^']*)' value:'([^']*)'`)

// pipeWire reads PipeWire's settings, which its protocol for PulseAudio's programs does
// not tell.
func pipeWire(ctx context.Context) (map[string]string, error) {
	said, err := exec.CommandContext(ctx, "pw-metadata", "-n", "settings", "0").Output()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, found := range setting.FindAllSubmatch(said, -1) {
		all[string(found[1])] = string(found[2])
	}
	return all, nil
}
