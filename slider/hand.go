package slider

import (
	"errors"

	"aes67-sink/aes67"
)

// Why a speaker is not muted by hand, each with what mends it.
var (
	ErrAway  = errors.New("it does not answer; is it on?")
	ErrLocal = errors.New("it is set to LOCAL; set the switch at its rear to NETWORK")
	ErrMuted = errors.New("the desktop's slider is muted, and mutes the speakers with it; unmute it there")
	ErrBusy  = errors.New("the slider sets it just now; try again")
)

// Mute mutes a speaker, or does so no longer, because somebody wants it beside the
// slider: it is as if its owner had done so at the speaker. The write has the number
// hand, which is not 0. The orders are to be carried out with an error too.
//
// Nothing is louder by it: levels count whether a speaker is muted or not, and while the
// slider mutes the speakers none is unmuted. A slider that is muted while the write is
// on its way mutes that speaker after it.
func (s *Slider) Mute(now aes67.MonoTime, i int, muted bool, hand uint64) (Orders, error) {
	s.act(now)
	if err := s.hinders(i); err != nil {
		return s.out, err
	}
	s.order(now, Write{Speaker: i, Mute: true, Muted: muted, Hand: hand})
	return s.out, nil
}

// hinders is why a speaker cannot be muted by hand now.
func (s *Slider) hinders(i int) error {
	switch {
	case i >= len(s.devices) || !s.devices[i].told.Reachable:
		return ErrAway
	case s.devices[i].told.Local:
		return ErrLocal
	case s.mode == Device && s.law.Muted:
		return ErrMuted
	case s.devices[i].writing || s.follow.active:
		return ErrBusy
	case !s.devices[i].known:
		return ErrAway
	}
	return nil
}

// muted takes the answer to a mute. One by hand is its owner's wish; when it was the
// last that was not muted, the slider is muted too.
func (s *Slider) muted(now aes67.MonoTime, w Write) {
	d := &s.devices[w.Speaker]
	was := *d
	d.muted, d.ours, d.hushed = w.Muted, w.Muted && w.Hand == 0, false
	if w.Hand != 0 && w.Muted && s.mode == Device && !s.law.Muted {
		s.turned(now, was, d)
	}
}
