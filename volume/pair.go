package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/state"
	"aes67-sink/internal/wake"
	"aes67-sink/slider"
	"aes67-sink/speakers"
	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

const (
	// askEvery is how often a speaker of the pair is asked while the slider moves its
	// level: one that was off, and is on again at another level, is found out before it
	// plays; and askSeldom otherwise, as the public tools do.
	askEvery  = time.Second
	askSeldom = 15 * time.Second
	// askRest is how many of askEvery go by until the rest is asked too.
	askRest = 5
	// mostLevelDB is the highest level of a speaker that does not tell it (khtool).
	mostLevelDB = 120
	// askLimit bounds each request: what takes longer is a doubt.
	askLimit = time.Second
	// anothersAfter is for how long another must have held the speakers: at a start it is
	// not known for a moment whose they are.
	anothersAfter = time.Second
	// unmuteLook is how often it is looked whether they are unmuted.
	unmuteLook = 20 * time.Millisecond
	// sameDB: a level that differs by less is the one that was told; half of the finest
	// step that the slider writes.
	sameDB = 0.05
)

// Pair are the two speakers of the pair.
type Pair struct {
	loudness *Loudness
	file     state.File[speakers.Pair] // what pairing has left
	wants    atomic.Bool               // the slider is to move them
	holds    func() bool               // they are this bridge's, and not another user's
	levels   *state.Keeper[lastSet]
	find     func(context.Context) ([]speakers.Found, error)
	now      func() aes67.MonoTime
	log      zerolog.Logger
	anew     chan struct{} // the pair may be another

	rouseLimit  time.Duration // how long a speaker is asked whether it is awake
	unmuteLimit time.Duration // how long what was muted is waited for at the end

	served   speakers.Pair // of Run
	anothers bool          // they were another's until now
	filing   sync.Mutex    // of a change of the file

	mu    sync.Mutex
	told  []Member
	asked []*asked
	hands hands
}

// lastSet is what the slider set each speaker to last, by serial number.
type lastSet map[string]struct {
	LevelDB float64 `json:"level_db"` // its own; 0: none
	Muted   bool    `json:"muted"`
}

// Member is what is known of one.
type Member struct {
	speakers.Identity
	Told    slider.Speaker
	Problem string // why it does not answer
	another bool   // than the one that was paired is at its address
	Rest
	vain bool // it was asleep when a sound began, and did not wake in time
}

// Rest is what a speaker is asked now and then; nothing while it was not.
type Rest struct {
	Warnings []string
	MeterDB  float64
	Metered  bool
	asleepDB float64 // the level below which it goes to sleep, in dBu
	afterMin float64 // after so many minutes
	Sleeps   bool    // by itself
	// Countdown are the minutes until it does, 0: it has; Counts: they are known.
	Countdown float64
	Counts    bool
}

// NewPair is of a sink, whose files are in a directory. wants is whether the slider is to
// move the speakers, once there are some.
func NewPair(l *Loudness, directory, sinkID string, wants bool, now func() aes67.MonoTime, log zerolog.Logger) *Pair {
	levels := filepath.Join(directory, "speaker-levels-"+sinkID+".json")
	p := &Pair{
		loudness: l, holds: func() bool { return true }, file: speakers.PairFile(directory), find: speakers.Find, now: now, log: log, anew: make(chan struct{}, 1),
		rouseLimit: rouseLimit, unmuteLimit: askLimit,
		levels: state.NewKeeper[lastSet](levels, func(err error) {
			log.Warn().Err(err).Str("file", levels).Msg("speakers' levels not remembered")
		}),
	}
	p.wants.Store(wants)
	return p
}

// Begin lets the sink be of the kind that the pair needs.
func (p *Pair) Begin() {
	_, wanted := p.plan()
	p.loudness.desktop.SetAlone(wanted)
}

// Holds tells it how to learn whether the speakers are this bridge's: of several users'
// they are of the one whose is on the network. Again says that it may be another.
func (p *Pair) Holds(yes func() bool) { p.holds = yes }

// Want lets the slider move the speakers, or not.
func (p *Pair) Want(yes bool) {
	p.wants.Store(yes)
	p.Again()
}

// Again reads the pair anew.
func (p *Pair) Again() { wake.Signal(p.anew) }

// Keep writes the levels that were set, until ctx is done; Flush what came after.
func (p *Pair) Keep(ctx context.Context) error { return p.levels.Run(ctx) }

// Flush writes what is not written yet.
func (p *Pair) Flush() { p.levels.Flush() }

// Run serves the pair until ctx is done, and another when there is one.
func (p *Pair) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		pair, wanted := p.plan()
		p.loudness.desktop.SetAlone(wanted)
		p.serve(ctx, pair, wanted, p.holds())
	}
	return nil
}

// plan is the pair that there is, and whether the slider is to move it.
func (p *Pair) plan() (pair speakers.Pair, wanted bool) {
	pair, err := p.file.Load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn().Err(err).Str("file", p.file.Path).Msg("remembered pair of speakers unreadable; pair them again")
	}
	if err != nil || !pair.Complete() || pair.ReferenceDB <= 0 {
		return speakers.Pair{}, false
	}
	return pair, p.wants.Load()
}

// serve returns when there is another plan, or ctx is done. Speakers that another user's
// bridge holds are let alone.
func (p *Pair) serve(ctx context.Context, pair speakers.Pair, wanted, holds bool) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	began := p.now()
	var both []speakers.Identity
	if pair.Complete() && holds {
		both = []speakers.Identity{pair.Left, pair.Right}
	}
	count := len(both)
	p.levels.Flush()
	kept, _ := p.levels.Load() // what cannot be read is as if it were not there
	last, muted, all := make([]float64, count), make([]bool, count), make([]*asked, count)
	p.mu.Lock()
	p.told = make([]Member, count)
	for i, m := range both {
		p.told[i].Identity = m
		if last[i] = math.NaN(); kept[m.Serial].LevelDB > 0 {
			last[i] = kept[m.Serial].LevelDB
		}
		muted[i] = kept[m.Serial].Muted
		all[i] = &asked{Pair: p, index: i, serial: m.Serial, ended: ctx.Done(), writes: make(chan slider.Write, 1), shows: make(chan show), rouses: make(chan struct{}, 1)}
		if address, err := netip.ParseAddrPort(m.Address); err == nil {
			all[i].device = meant(address, m.Serial)
		}
	}
	p.asked = all
	p.await()
	p.mu.Unlock()
	if holds && pair.Left.Serial == p.served.Left.Serial && pair.Right.Serial == p.served.Right.Serial {
		_, muted = p.loudness.last() // what is not written yet counts
	}
	if p.served = pair; !holds {
		p.served = speakers.Pair{}
	}
	p.loudness.use(pair.ReferenceDB, last, muted, wanted && holds, p.anothers, func(w slider.Write) {
		select {
		case all[w.Speaker].writes <- w:
		default: // the slider gives no second one before the first is answered
		}
	})
	var running sync.WaitGroup
	for _, a := range all {
		if a.device != nil {
			running.Go(func() { a.run(ctx, wanted) })
		}
	}
	for same := true; same && ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-p.loudness.stream.Begun():
			p.rouseAll()
		case <-p.anew:
			next, wants := p.plan()
			same = next == p.located(pair) && wants == wanted && p.holds() == holds
		}
	}
	if holds && !p.holds() {
		p.loudness.leave()
		p.unmuted(ctx)
	}
	end()
	running.Wait()
	p.keep()
	p.anothers = !holds && p.now().Sub(began) >= anothersAfter
}

// unmuted waits until what the slider has muted is not, for the time of one request.
func (p *Pair) unmuted(ctx context.Context) {
	for end := p.now().Add(p.unmuteLimit); p.now() < end && ctx.Err() == nil; wake.Pause(ctx, unmuteLook) {
		if _, muted := p.loudness.last(); !slices.Contains(muted, true) {
			return
		}
	}
}

// keep remembers what was set, so that the next run knows it as its own.
func (p *Pair) keep() {
	last, muted := p.loudness.last()
	kept := lastSet{}
	for i, m := range p.Snapshot() {
		if i < len(last) {
			set := kept[m.Serial]
			if set.Muted = muted[i]; !math.IsNaN(last[i]) { // JSON has none
				set.LevelDB = last[i]
			}
			kept[m.Serial] = set
		}
	}
	if len(last) > 0 {
		p.levels.Save(kept)
	}
}

// Snapshot is what is known of the speakers, left and right; nothing without a pair.
func (p *Pair) Snapshot() []Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

// asked is one speaker, and who asks it.
type asked struct {
	*Pair
	index  int
	serial string
	device *ssc.Device     // nil: its address is none
	ended  <-chan struct{} // it is asked no longer
	writes chan slider.Write
	shows  chan show
	asks   uint
	search search
	// rouses asks for it to be woken; rousing is until when it is waited for, 0: it is not.
	rouses  chan struct{}
	rousing aes67.MonoTime
}

func (a *asked) run(ctx context.Context, wanted bool) {
	defer func() { a.device.Close() }()
	every, each := askSeldom, uint(1)
	if wanted {
		every, each = askEvery, askRest
	}
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-a.writes:
			a.write(ctx, w)
		case s := <-a.shows:
			a.show(ctx, s)
		case <-a.rouses:
			a.rouse(ctx)
			again.Reset(0)
		case <-again.C:
			if a.rousing != 0 {
				a.watch(ctx)
				again.Reset(rouseEvery)
				continue
			}
			if a.ask(ctx, each); a.search.due(a.now(), a.answers()) {
				a.look(ctx)
			}
			again.Reset(every)
		}
	}
}

// write hands a write to the speaker, and its answer to the slider.
func (a *asked) write(ctx context.Context, w slider.Write) {
	path, value := wire.Level, wire.Float(w.LevelDB)
	if w.Mute {
		path, value = wire.Mute, wire.Bool(w.Muted)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if w.Checked {
		is, _ := a.device.Get(ctx, wire.Level)
		switch level, known := is.Float(); {
		case !known:
			a.loudness.wrote(w, 0, slider.Unasked)
			return
		case math.Abs(level-w.FromDB) > sameDB:
			a.loudness.wrote(w, level, slider.Turned)
			return
		}
	}
	confirmed, err := a.device.Set(ctx, path, value)
	level, known := confirmed.Float()
	var refused *ssc.Error
	switch {
	case errors.As(err, &refused), errors.Is(err, ssc.ErrLocal), err == nil && w.Mute && !confirmed.Same(value):
		a.loudness.wrote(w, 0, slider.Refusal)
	case err != nil || !w.Mute && !known:
		a.loudness.wrote(w, 0, slider.Silence)
	default:
		a.loudness.wrote(w, level, slider.Confirmed)
		a.keep()
	}
	if w.Hand != 0 {
		if err == nil && !confirmed.Same(value) {
			err = fmt.Errorf("it confirms %s, not %s", confirmed, value)
		}
		a.handed(w, err)
	}
}

// ask asks what the slider must know, and each so many times the rest.
func (a *asked) ask(ctx context.Context, each uint) {
	at := a.now()
	ctx, cancel := context.WithTimeout(ctx, 3*askLimit)
	defer cancel()
	told, err := a.essentials(ctx)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		told = slider.Speaker{}
	}
	a.loudness.tell(a.index, at, told)
	a.mu.Lock()
	rest := a.told[a.index].Rest
	a.mu.Unlock()
	if err == nil && a.asks%each == 0 {
		rest = a.rest(ctx)
	}
	a.asks++
	problem := ""
	if err != nil {
		problem, a.asks = err.Error(), 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := &a.told[a.index]
	m.Told, m.Problem, m.Rest = told, problem, rest
	m.vain = m.vain && m.asleep()
	_, m.another = errors.AsType[*ssc.Another](err)
	a.await()
	wake.Signal(a.loudness.changed)
}

// essentials are what the slider must know.
func (a *asked) essentials(ctx context.Context) (told slider.Speaker, err error) {
	level, err := a.device.Get(ctx, wire.Level)
	if err != nil {
		return told, err
	}
	muted, err := a.device.Get(ctx, wire.Mute)
	if err != nil {
		return told, err
	}
	product, err := a.device.Get(ctx, wire.Product)
	if err != nil {
		return told, err
	}
	mode, err := a.device.Get(ctx, wire.ControlMode)
	var refused *ssc.Error
	if err != nil && !errors.As(err, &refused) { // not every model has one
		return told, err
	}
	limits, known, err := a.device.Limits(ctx, wire.Level)
	if err != nil {
		return told, err
	}
	told = slider.Speaker{Reachable: true, MaxDB: mostLevelDB}
	if known && limits.Min != nil {
		told.MinDB = *limits.Min
	}
	if known && limits.Max != nil {
		told.MaxDB = *limits.Max
	}
	var ok [3]bool
	told.LevelDB, ok[0] = level.Float()
	told.Muted, ok[1] = muted.Bool()
	told.Product, ok[2] = product.Text()
	if ok != [3]bool{true, true, true} {
		return told, fmt.Errorf("%w: %s, %s, %s", ssc.ErrGarbled, level, muted, product)
	}
	word, _ := mode.Text()
	told.Local = word == wire.Local
	return told, nil
}

// rest is what status tells beside; what a speaker does not know is left out.
func (a *asked) rest(ctx context.Context) (m Rest) {
	if meter, err := a.device.Get(ctx, wire.Meter); err == nil {
		m.MeterDB, m.Metered = meter.Loudest()
	}
	if v, err := a.device.Get(ctx, wire.Warnings); err == nil {
		m.Warnings = v.Faults()
	}
	if v, err := a.device.Get(ctx, wire.StandbyEnabled); err == nil {
		m.Sleeps, _ = v.Bool()
	}
	if v, err := a.device.Get(ctx, wire.StandbyLevel); err == nil {
		m.asleepDB, _ = v.Float()
	}
	if v, err := a.device.Get(ctx, wire.StandbyTime); err == nil {
		m.afterMin, _ = v.Float()
	}
	if v, err := a.device.Get(ctx, wire.StandbyIn); err == nil {
		m.Countdown, m.Counts = v.Float()
	}
	return m
}
