package doctor

import (
	"context"
	"fmt"
	"strings"

	"aes67-sink/status"
)

// checkSpeakers looks at the pair that is remembered: what the bridge knows of it, else
// what the speakers say.
func checkSpeakers(ctx context.Context, f *Facts) Result {
	all := []status.Speaker(nil)
	switch {
	case f.Bridge != nil:
		all = f.Bridge.Speakers
	case f.Speakers != nil:
		all = f.Speakers(ctx)
	}
	if len(all) == 0 {
		return fact("no pair of speakers is remembered (aes67-sink speakers pair)")
	}
	var said, odd []string
	for i := range all {
		s := &all[i]
		switch {
		case !s.Reachable:
			return ill("", "%s does not answer: %s", s.Name, s.Problem)
		case len(s.Warnings) > 0:
			return ill("", "%s warns: %s", s.Name, strings.Join(s.Warnings, ", "))
		case s.Muted != nil && *s.Muted:
			return ill(fmt.Sprintf("aes67-sink speakers mute off --on %q", s.Name), "%s is muted at the speaker: nothing is heard of it", s.Name)
		case s.Local != nil && *s.Local:
			odd = append(odd, s.Name+" is set to LOCAL: its level is that of the switch at its rear")
		case s.StandbyInM != nil && *s.StandbyInM <= 0:
			odd = append(odd, s.Name+" sleeps until something plays")
		}
		if s.LevelDBSPL != nil {
			said = append(said, fmt.Sprintf("%s at %.1f dB", s.Name, float64(*s.LevelDBSPL)))
		}
	}
	if len(odd) > 0 {
		return fact("%s", strings.Join(odd, "; "))
	}
	return well("%s", strings.Join(said, ", "))
}
