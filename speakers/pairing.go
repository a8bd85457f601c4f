package speakers

import (
	"cmp"
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
	// quietFor is how long the meters are read before a tone; toneFor bounds how long a
	// tone is waited for: streams that rest are back within 0.3 s, and receivers need some
	// time of their own.
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
	for since := time.Now(); time.Since(since) < hushFor; {
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
// With quiet the time begins when one is above it; within toneFor, or never. A speaker that
// answers slowly is waited for: what it was asked before does not count.
func listenTo(ctx context.Context, all []Speaker, length time.Duration, quiet []float64) ([]float64, error) {
	type reading struct {
		asked time.Time
		db    float64
	}
	readings, faults := make([][]reading, len(all)), make([]error, len(all))
	since := time.Now()
	var lock sync.Mutex
	var begun time.Time // zero: not yet
	if quiet == nil {
		begun = since
	}
	// take has a reading, and reports whether it is the speaker's last.
	take := func(i int, r reading) bool {
		now := time.Now()
		lock.Lock()
		defer lock.Unlock()
		readings[i] = append(readings[i], r)
		if begun.IsZero() && r.db-quiet[i] >= riseDB {
			begun = now
		}
		if begun.IsZero() {
			return now.Sub(since) >= toneFor
		}
		return !r.asked.Before(begun) && now.Sub(begun) >= length
	}
	var wait sync.WaitGroup
	for i, s := range all {
		wait.Go(func() {
			for {
				asked := time.Now()
				v, err := s.device.Get(ctx, wire.Meter)
				db, ok := v.Loudest()
				if err == nil && !ok {
					err = fmt.Errorf("%s is no level", v)
				}
				if err != nil {
					faults[i] = fmt.Errorf("%s: its input meter cannot be read: %w", s.Name, err)
					return
				}
				if take(i, reading{asked, db}) || !wake.Pause(ctx, meterEvery) {
					return
				}
			}
		})
	}
	wait.Wait()
	if err := cmp.Or(ctx.Err(), errors.Join(faults...)); err != nil {
		return nil, err
	}
	quarter := 2
	if quiet != nil { // a stream that breaks off for a moment plays all the same
		quarter = 3
	}
	levels := make([]float64, len(all))
	for i, r := range readings {
		first := slices.IndexFunc(r, func(r reading) bool { return !r.asked.Before(begun) })
		r = r[max(0, first):] // -1: for as long as a tone may take it had heard none when another did
		slices.SortFunc(r, func(a, b reading) int { return cmp.Compare(a.db, b.db) })
		levels[i] = r[len(r)*quarter/4].db
	}
	return levels, nil
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
