package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aes67-sink/internal/wake"
	"aes67-sink/slider"
	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

// handLimit bounds the wait for a speaker's turn, and then that for its answer: together
// less than the page may take for its own (5 s, package status).
const handLimit = 2 * time.Second

// hands are those who wait for an answer to what they set, by number.
type hands struct {
	last    uint64
	waiting map[uint64]chan error
}

// show is whether a speaker shall show which one it is.
type show struct {
	yes    bool
	answer chan error // has room for it
}

// SetMute mutes the speaker of a channel (front-left, front-right), or does so no longer.
// While the slider moves the speakers it goes by the slider's law: refused as long as that
// is muted, and the slider is muted with the last of them. The error is a sentence.
func (p *Pair) SetMute(ctx context.Context, channel string, yes bool) error {
	a, name, err := p.of(channel)
	if err != nil {
		return err
	}
	number, answer := p.wait()
	defer p.forget(number)
	if err := p.loudness.mute(a.index, yes, number); err != nil {
		return fmt.Errorf("mute of %s is not set to %s: %w", name, onOff(yes), err)
	}
	return a.answered(ctx, "mute of "+name, yes, answer)
}

// Identify lets the speaker of a channel show by its light that it is the one, or do so no
// longer. The error is a sentence.
func (p *Pair) Identify(ctx context.Context, channel string, yes bool) error {
	a, name, err := p.of(channel)
	if err != nil {
		return err
	}
	what, s := "identify of "+name, show{yes, make(chan error, 1)}
	turn, end := context.WithTimeout(ctx, handLimit)
	defer end()
	select {
	case a.shows <- s:
		return a.answered(ctx, what, yes, s.answer)
	case <-turn.Done():
		return fmt.Errorf("%s is not set to %s: it is slow to answer another question; try again", what, onOff(yes))
	case <-a.ended:
		return fmt.Errorf("%s is not set to %s: another pair is read; try again", what, onOff(yes))
	}
}

// of is who asks the speaker of a channel, and its name.
func (p *Pair) of(channel string) (a *asked, name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := map[string]int{"front-left": 0, "front-right": 1}
	number, known := i[channel]
	switch {
	case !known:
		return nil, "", fmt.Errorf("speaker %q is none of the pair; it has front-left and front-right", channel)
	case !p.holds():
		return nil, "", errors.New("another user's bridge has the network, and the speakers with it")
	case number >= len(p.asked):
		return nil, "", errors.New("there is no pair of speakers; make one (aes67-sink speakers pair)")
	case p.asked[number].device == nil:
		return nil, "", fmt.Errorf("%s has no address; pair the speakers again (aes67-sink speakers pair)", p.told[number].Name)
	}
	return p.asked[number], p.told[number].Name, nil
}

// wait is a number, and where its answer comes.
func (p *Pair) wait() (number uint64, answer chan error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hands.last++
	if p.hands.waiting == nil {
		p.hands.waiting = map[uint64]chan error{}
	}
	answer = make(chan error, 1)
	p.hands.waiting[p.hands.last] = answer
	return p.hands.last, answer
}

func (p *Pair) forget(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.hands.waiting, number)
}

// answered waits for the speaker's answer.
func (a *asked) answered(ctx context.Context, what string, yes bool, answer <-chan error) error {
	ctx, end := context.WithTimeout(ctx, handLimit)
	defer end()
	select {
	case err := <-answer:
		switch {
		case errors.Is(err, ssc.ErrLocal):
			return fmt.Errorf("%s is not set to %s: %w", what, onOff(yes), slider.ErrLocal)
		case err != nil:
			return fmt.Errorf("%s is not set to %s: %w", what, onOff(yes), err)
		}
		return nil
	case <-ctx.Done():
	case <-a.ended:
	}
	return fmt.Errorf("%s: whether it is %s is not known, for the speaker has not answered in time; look at it again", what, onOff(yes))
}

// handed hands the speaker's answer to who waits for it.
func (a *asked) handed(w slider.Write, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.told[a.index].Told.Muted = w.Muted
	}
	if answer := a.hands.waiting[w.Hand]; answer != nil {
		answer <- err // the only one of its number
	}
	wake.Signal(a.loudness.changed)
}

// show lets the speaker show itself.
func (a *asked) show(ctx context.Context, s show) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	value := wire.Bool(s.yes)
	confirmed, err := a.device.Set(ctx, wire.Identify, value)
	if err == nil && !confirmed.Same(value) {
		err = fmt.Errorf("it confirms %s, not %s", confirmed, value)
	}
	s.answer <- err
}

func onOff(yes bool) string {
	if yes {
		return "on"
	}
	return "off"
}
