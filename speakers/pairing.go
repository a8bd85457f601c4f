package speakers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
	"aes67-sink/ssc/wire"
)

// Player is how Pair plays, and whom it tells.
type Player struct {
	// Play plays a quiet tone to "left" or "right" until ctx ends.
	Play func(ctx context.Context, side string) error
	// Paired is called when a pair was remembered. It may be nil.
	Paired func()
}

const (
	// quietFor is how long the meters are read before a tone; toneFor bounds each tone,
	// which ends as soon as it is heard: streams that rest are back within 0.3 s, and
	// receivers need some time of their own.
	quietFor = 500 * time.Millisecond
	toneFor  = 3500 * time.Millisecond
	// settleFor is how long a tone is listened to, once it is heard.
	settleFor = 700 * time.Millisecond
	// hushFor bounds how long a tone is waited for to be gone.
	hushFor = 2 * time.Second
	// meterEvery is the time between two readings.
	meterEvery = 60 * time.Millisecond
)

// pair plays to the left, then to the right, and tells by the speakers' input meters which
// of them plays which stream; two that play one each are remembered.
func (c Command) pair(ctx context.Context, out io.Writer, all []Speaker) error {
	if c.Player.Play == nil {
		return fmt.Errorf("%w pair: plays through the sink of this computer, and there is none", ErrUsage)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s Speaker) bool { return s.Problem != "" || s.sub() })
	if len(all) < 2 {
		return fmt.Errorf("pair: %s that can be left or right, and a pair has two; aes67-sink speakers shows what is found", text.Count(len(all), "speaker answers", "speakers answer"))
	}
	names, heard := make([]string, len(all)), make([]Reading, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	quiet, err := listenTo(ctx, all, quietFor, nil)
	if err != nil {
		return err
	}
	for i := range heard {
		heard[i].Quiet = quiet[i]
	}
	for _, side := range []string{"left", "right"} {
		if err := hush(ctx, all, quiet); err != nil {
			return err
		}
		levels, err := c.during(ctx, side, all, quiet)
		if err != nil {
			return err
		}
		for i := range heard {
			if side == "left" {
				heard[i].Left = levels[i]
			} else {
				heard[i].Right = levels[i]
			}
		}
	}
	w := Decide(names, heard)
	if !w.Done {
		return errors.New("not paired: " + w.Says)
	}
	if err := c.remember(all[w.Left], all[w.Right]); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, w.Says)
	return err
}

// during reads the meters while a tone plays.
func (c Command) during(ctx context.Context, side string, all []Speaker, quiet []float64) ([]float64, error) {
	ctx, stop := context.WithTimeout(ctx, toneFor)
	defer stop()
	tone, end := context.WithCancel(ctx)
	played := make(chan error, 1)
	go func() { played <- c.Player.Play(tone, side) }()
	levels, err := listenTo(ctx, all, settleFor, quiet)
	end()
	return levels, errors.Join(err, <-played)
}

// hush waits until no meter shows the last tone any more: buffer and receivers hold it for
// a while, and a sink that is made anew lets nothing follow on it at once.
func hush(ctx context.Context, all []Speaker, quiet []float64) error {
	ctx, stop := context.WithTimeout(ctx, hushFor)
	defer stop()
	for ctx.Err() == nil {
		now, err := listenTo(ctx, all, meterEvery, nil)
		if err != nil {
			return err
		}
		loud := false
		for i := range now {
			loud = loud || now[i]-quiet[i] >= riseDB/2
		}
		if !loud {
			return nil
		}
	}
	return nil
}

// listenTo reads the meters for some time, and returns the middle reading of each speaker, with
// quiet that which a quarter are above.
// With quiet the time begins when one is above it, or never.
func listenTo(ctx context.Context, all []Speaker, length time.Duration, quiet []float64) ([]float64, error) {
	var lock sync.Mutex
	var wait sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	if quiet == nil {
		begin()
	}
	readings, faults := make([][]float64, len(all)), make([]error, len(all))
	for i, s := range all {
		wait.Go(func() {
			for ctx.Err() == nil {
				v, err := s.device.Get(ctx, wire.Meter)
				if ctx.Err() != nil {
					return
				}
				db, ok := v.Loudest()
				if err != nil || !ok {
					faults[i] = fmt.Errorf("%s: its input meter cannot be read (%s): %w", s.Name, v, err)
					return
				}
				heard := quiet != nil && db-quiet[i] >= riseDB
				if heard {
					begin()
				}
				lock.Lock()
				readings[i] = append(readings[i], db)
				lock.Unlock()
				wake.Pause(ctx, meterEvery)
			}
		})
	}
	select {
	case <-ctx.Done():
	case <-begun:
		lock.Lock()
		if quiet != nil { // what was before the tone does not count
			for i := range readings {
				readings[i] = readings[i][max(0, len(readings[i])-1):]
			}
		}
		lock.Unlock()
		wake.Pause(ctx, length)
	}
	stop()
	wait.Wait()
	levels := make([]float64, len(all))
	for i, r := range readings {
		if levels[i] = -200; len(r) > 0 {
			slices.Sort(r)
			levels[i] = r[len(r)/2]
			if quiet != nil { // a stream that breaks off for a moment plays all the same
				levels[i] = r[len(r)*3/4]
			}
		}
	}
	return levels, errors.Join(faults...)
}

// remember keeps the pair. The reference is the lower of the two's levels; that of a pair
// that is only paired anew stays, for the slider may have moved the levels since.
func (c Command) remember(left, right Speaker) error {
	file := PairFile(c.StateDir)
	was, _ := file.Load()
	if left.LevelDB == nil || right.LevelDB == nil {
		return fmt.Errorf("pair: %s or %s does not tell its level", left.Name, right.Name)
	}
	identity := func(s Speaker) Identity {
		return Identity{Serial: s.Serial, Name: s.Name, Product: s.Model, Address: s.Address}
	}
	next := Pair{Left: identity(left), Right: identity(right), ReferenceDB: math.Min(*left.LevelDB, *right.LevelDB)}
	serials := []string{was.Left.Serial, was.Right.Serial}
	if was.ReferenceDB > 0 && slices.Contains(serials, left.Serial) && slices.Contains(serials, right.Serial) {
		next.ReferenceDB = was.ReferenceDB
	}
	if err := file.Save(next); err != nil {
		return fmt.Errorf("pair: not remembered: %w", err)
	}
	if c.Player.Paired != nil {
		c.Player.Paired()
	}
	return nil
}
