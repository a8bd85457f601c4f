package rtthread

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// lookEach is how often the threads are looked at when nothing happens.
const lookEach = time.Minute

// registry holds the locked threads of the program.
type registry struct {
	mu      sync.Mutex
	threads []*Thread
	changed chan struct{} // for Keep: look at once
}

var kept = registry{changed: make(chan struct{}, 1)}

func (r *registry) add(t *Thread) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.threads = append(r.threads, t)
	select {
	case r.changed <- struct{}{}:
	default: // it is told already
	}
}

func (r *registry) remove(t *Thread) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.threads = slices.DeleteFunc(r.threads, func(other *Thread) bool { return other == t })
}

// Each tells of the locked threads there are: the thread's id (gettid(2)) and what it
// has, as far as it is known.
func Each(tell func(name string, tid int, grant Grant)) {
	for _, t := range kept.all() {
		tell(t.name, t.tid, t.Grant())
	}
}

func (r *registry) all() []*Thread {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.threads)
}

// Keep looks after the locked threads until ctx is done: it asks RealtimeKit for
// those that the kernel refused, sees once a minute and after each resume whether
// they still have what they were given, and asks anew, later and later, for what was
// taken away. When a thread has run without a pause for as long as it may, it makes
// all of them ordinary ones at once and for good: late packets are better than a
// program that is killed. tell is called for each change that it finds, one at a
// time; err is set when a priority could not be given back.
func Keep(ctx context.Context, tell func(t *Thread, g Grant, err error)) {
	var telling sync.Mutex
	told := func(t *Thread, err error) {
		telling.Lock()
		defer telling.Unlock()
		tell(t, t.Grant(), err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	// RealtimeKit may take seconds to answer; the kernel kills sooner.
	overruns := make(chan os.Signal, 1)
	signal.Notify(overruns, unix.SIGXCPU)
	defer signal.Stop(overruns)
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-overruns:
				giveBack(told)
			}
		}
	})
	resumes := make(chan struct{}, 1)
	wg.Go(func() { watchResumes(ctx, resumes) })

	for timer := time.NewTimer(0); ; {
		resumed := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-kept.changed:
		case <-resumes:
			resumed = true
		}
		timer.Reset(look(ctx, resumed, told))
	}
}

// look sees what each thread has and asks for what it lacks. It returns when to look again.
func look(ctx context.Context, resumed bool, told func(*Thread, error)) (next time.Duration) {
	next = lookEach
	var kit *kit // of this look alone: one that was kept could have ended meanwhile
	var kitErr error
	defer func() {
		if kit != nil {
			kit.close()
		}
	}()
	for _, t := range kept.all() {
		now := Now()
		if resumed {
			t.asking.resumed(now)
		}
		if t.lost(now) {
			told(t, nil)
		}
		if t.priority == 0 || t.Grant().RealTime() || GivenBack() {
			continue
		}
		if t.asking.due() <= now {
			if kit == nil && kitErr == nil {
				kit, kitErr = openKit(ctx)
			}
			if ctx.Err() != nil {
				return next
			}
			if t.ask(now, kit, kitErr) {
				told(t, nil)
			}
		}
		if !t.Grant().RealTime() {
			next = min(next, max(0, t.asking.due().Sub(Now())))
		}
	}
	return next
}

// lost reports whether the thread has no longer what it was given, and notes that.
func (t *Thread) lost(now aes67.MonoTime) bool {
	had := t.Grant()
	attr, err := unix.SchedGetAttr(t.tid, 0)
	if !had.RealTime() || GivenBack() || err != nil || attr.Policy == unix.SCHED_FIFO || attr.Policy == unix.SCHED_RR {
		return false
	}
	t.asking.taken(now)
	by := "somebody"
	if had.By != "" {
		by = had.By
	}
	t.set(Grant{Policy: PolicyOther, Lost: true, Why: by + " took the real-time priority away: the computer was overloaded, or has slept"})
	return true
}

// ask asks the kernel, then RealtimeKit, and reports whether there is something new to tell.
func (t *Thread) ask(now aes67.MonoTime, k *kit, kitErr error) bool {
	before := t.Grant()
	after := Grant{Policy: PolicyOther, Lost: before.Lost}
	granted, err := request(t.tid, t.priority)
	if err == nil {
		after = Grant{Policy: PolicyFIFO, Priority: granted}
	} else if errors.Is(err, unix.EPERM) {
		if kitErr == nil {
			granted, kitErr = k.realtime(t.tid, t.priority)
		}
		if kitErr == nil {
			after = Grant{Policy: PolicyRR, Priority: granted, By: "RealtimeKit"}
		} else {
			after.Why = refusal(t.priority, err) + "; " + kitErr.Error()
		}
	} else {
		after.Why = refusal(t.priority, err)
	}
	if after.RealTime() {
		t.asking.granted(now)
	} else {
		t.asking.refused(now)
	}
	t.set(after)
	if GivenBack() { // while RealtimeKit was asked, or just now
		_ = setOrdinary(t.tid)
		t.set(Grant{Policy: PolicyOther})
		return false
	}
	return after != before
}

// givenBack is set once a thread ran for too long.
var givenBack atomic.Bool

const ranTooLong = "a real-time thread ran for longer than it may"

// GivenBack reports whether real-time priority was had and given back.
func GivenBack() bool { return givenBack.Load() }

// giveBack makes all locked threads ordinary ones. From then on none is given more.
func giveBack(told func(*Thread, error)) {
	if givenBack.Swap(true) {
		return
	}
	threads := kept.all()
	errs := make([]error, len(threads))
	for i, t := range threads { // first of all, before anything is told
		errs[i] = setOrdinary(t.tid)
	}
	for i, t := range threads {
		if errs[i] == nil {
			t.set(Grant{Policy: PolicyOther})
		}
		told(t, errs[i])
	}
}
