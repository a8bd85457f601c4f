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
	hushed := f.Bridge != nil && f.Bridge.Sink.Muted != nil && *f.Bridge.Sink.Muted // and the speakers with it, which is told of the sink
	command := ""
	var said, wrong, odd []string
	for i := range all {
		s := &all[i]
		switch {
		case !s.Reachable:
			wrong = append(wrong, s.Name+" does not answer: "+s.Problem)
			command = "aes67-sink speakers" // shows who is where
		case len(s.Warnings) > 0:
			wrong = append(wrong, s.Name+" warns: "+strings.Join(s.Warnings, ", "))
		case s.Muted != nil && *s.Muted && !hushed:
			wrong = append(wrong, s.Name+" is muted at the speaker: nothing is heard of it")
			command = "aes67-sink speakers mute off --on " + s.Side()
		case s.Local != nil && *s.Local:
			odd = append(odd, s.Name+" is set to LOCAL: its level is that of the switch at its rear")
		case s.Asleep():
			odd = append(odd, s.Name+" sleeps until something plays")
		}
		if s.LevelDBSPL != nil {
			said = append(said, fmt.Sprintf("%s at %.1f dB", s.Name, float64(*s.LevelDBSPL)))
		}
	}
	switch {
	case len(wrong) > 1:
		command = "" // of one alone it would not be the mend
		fallthrough
	case len(wrong) > 0:
		return ill(command, "%s", strings.Join(wrong, "; "))
	case len(odd) > 0:
		return fact("%s", strings.Join(odd, "; "))
	}
	return well("%s", strings.Join(said, ", "))
}
