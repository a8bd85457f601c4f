package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
)

// watchman sees standstills of the machine: times in which a thread of higher
// priority than every one of ours does not run. A virtual machine may be left
// without its processors for long. It also sees how long the programs on the
// sound's way wait for a processor that others have, by the kernel's account.
type watchman struct {
	mu     sync.Mutex
	seen   []pause // nearly in order
	queued []queued
}

// pause is a standstill of one processor.
type pause struct{ from, to aes67.MonoTime }

// queued is that a thread waited for a processor, so long in a time.
type queued struct {
	pause
	length time.Duration
}

var watch watchman

const (
	// watchmanVariable makes this program a watchman on the processor it names.
	watchmanVariable = "E2E_WATCHMAN"
	// watchPeriod is how often a watchman wakes, and watchLate what he tells of.
	watchPeriod = 2 * time.Millisecond
	watchLate   = 500 * time.Microsecond
	// runtimeSlack is for the monitor of his Go runtime.
	runtimeSlack = 20 * time.Millisecond
	// queuePeriod is how often the kernel's account of waiting is read, and
	// leastQueued the wait that counts: an idle scheduler takes less.
	queuePeriod = 50 * time.Millisecond
	leastQueued = time.Millisecond
	// together is the time in which standstills add up: what is late is late still
	// when the next one comes.
	together = 50 * time.Millisecond
)

// excuse is what a standstill must be to explain something, and no more than that
// is excused by it: so long in all, within together, and not longer ago.
type excuse struct{ least, reach time.Duration }

const (
	// standstill is what the least buffer does not outlast: its margin is 2 ms
	// (bridge/latencytarget.go), and a pause is known within half a watchPeriod.
	standstill = 3 * time.Millisecond
	// onTheWay is how long after a standstill what it did may leave the bridge,
	// its buffer aside: cycles of two servers, and a sender's backlog.
	onTheWay = 150 * time.Millisecond
	// longStandstill is what makes a sender leave packets out: it does so when it is
	// late by aes67.LateTime, which the pauses of both processors add up to.
	longStandstill = aes67.LateTime / 2
)

// ofSound is what may explain a break in the sound, with a buffer.
func ofSound(buffer time.Duration) excuse { return excuse{standstill, onTheWay + buffer} }

// ofPackets is what may explain that packets are left out.
func ofPackets() excuse { return excuse{longStandstill, onTheWay} }

// begin starts a watchman a processor, in processes of their own: our garbage
// collector must not hold them up. They end with us.
func (w *watchman) begin() {
	for cpu := range runtime.NumCPU() {
		cmd := exec.Command(must(os.Executable()))
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", watchmanVariable, cpu), "GOMAXPROCS=1")
		cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		out := must(cmd.StdoutPipe())
		if cmd.Start() == nil {
			go w.listen(out)
		}
	}
}

func (w *watchman) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var p pause
		if _, err := fmt.Sscan(lines.Text(), &p.from, &p.to); err == nil {
			w.mu.Lock()
			w.seen = append(w.seen, p)
			w.mu.Unlock()
		}
	}
}

// between returns the standstills that touch a time, in order; those of several
// processors at once are one.
func (w *watchman) between(from, to aes67.MonoTime) (all []pause) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.seen {
		if p.to >= from && p.from <= to {
			all = append(all, p)
		}
	}
	return merged(all)
}

// merged joins what overlaps.
func merged(all []pause) (joined []pause) {
	slices.SortFunc(all, func(a, b pause) int { return int(a.from - b.from) })
	for _, p := range all {
		if n := len(joined); n > 0 && p.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, p.to)
			continue
		}
		joined = append(joined, p)
	}
	return joined
}

// most returns the longest time within together that pauses take.
func most(all []pause) (longest time.Duration) {
	for i := range all {
		var sum time.Duration
		for _, p := range all[i:] {
			if p.from.Sub(all[i].from) > together {
				break
			}
			sum += p.to.Sub(p.from)
		}
		longest = max(longest, sum)
	}
	return longest
}

// stood tells for how long the machine stood still before an instant, within
// together and not longer ago than reach.
func (w *watchman) stood(at aes67.MonoTime, reach time.Duration) time.Duration {
	return most(w.between(at.Add(-reach), at))
}

// delays reports whether standstills explain that something is not there in time:
// they took a tenth of it.
func (w *watchman) delays(at aes67.MonoTime, within time.Duration) bool {
	var sum time.Duration
	for _, p := range w.between(at.Add(-within), at) {
		sum += min(p.to, at).Sub(max(p.from, at.Add(-within)))
	}
	return sum >= within/10
}

// waited tells likewise for how long a program on the sound's way had to wait for a
// processor.
func (w *watchman) waited(from, to aes67.MonoTime) (longest time.Duration) {
	w.mu.Lock()
	var near []queued
	for _, q := range w.queued {
		if q.to >= from && q.from <= to {
			near = append(near, q)
		}
	}
	w.mu.Unlock()
	for _, first := range near {
		var sum time.Duration
		for _, q := range near {
			if q.from >= first.from && q.from.Sub(first.from) <= together {
				sum += q.length
			}
		}
		longest = max(longest, sum)
	}
	return longest
}

// explains reports whether standstills, and waits, may be why something went wrong
// at an instant.
func (w *watchman) explains(at aes67.MonoTime, e excuse) bool { return w.spoilt(at, at, e) }

// spoilt reports whether that may be felt at some instant of a time.
func (w *watchman) spoilt(from, to aes67.MonoTime, e excuse) bool {
	from = from.Add(-e.reach)
	return most(w.between(from, to))+w.waited(from, to) >= e.least
}

// words tells what there was to explain something.
func (w *watchman) words(at aes67.MonoTime, e excuse) string {
	return fmt.Sprintf("in the %v before, the machine stood still for %v and its programs waited %v for a processor",
		e.reach, w.stood(at, e.reach).Round(10*time.Microsecond), w.waited(at.Add(-e.reach), at).Round(10*time.Microsecond))
}

// observe counts the waits of a program until the test ends.
func (w *watchman) observe(t testing.TB, pid int) {
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(queuePeriod)
		defer ticker.Stop()
		delays, last := runDelays{pid: pid}, rtthread.Now()
		defer delays.close()
		for {
			now := rtthread.Now()
			for _, grown := range delays.grown() {
				if grown >= leastQueued {
					w.mu.Lock()
					w.queued = append(w.queued, queued{pause{last, now}, grown})
					w.mu.Unlock()
				}
			}
			last = now
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
}

// runDelays is how long each thread of a program has waited for a processor so far
// (Documentation/scheduler/sched-stats.rst, the second field).
type runDelays struct {
	pid     int
	threads map[string]*runDelay
	looks   int
}

// runDelay is one thread's account, and what it said last; none: -1.
type runDelay struct {
	fd   int
	last time.Duration
}

// looksForThreads is how many looks apart new threads are looked for: what one waits
// before, and excuses nothing, is a quarter of a second at most.
const looksForThreads = 5

// grown tells by how much the wait of each thread that was known has grown since the last
// look.
func (d *runDelays) grown() (grown []time.Duration) {
	if d.looks%looksForThreads == 0 {
		d.find()
	}
	d.looks++
	var text [64]byte
	for name, thread := range d.threads {
		n, err := unix.Pread(thread.fd, text[:], 0)
		f := strings.Fields(string(text[:max(0, n)]))
		if err != nil || len(f) != 3 {
			_ = unix.Close(thread.fd) // it has ended
			delete(d.threads, name)
			continue
		}
		ns, _ := strconv.ParseInt(f[1], 10, 64)
		if thread.last >= 0 {
			grown = append(grown, time.Duration(ns)-thread.last)
		}
		thread.last = time.Duration(ns)
	}
	return grown
}

// find opens the accounts of new threads: the files stay open, since finding them takes
// ten times as long as reading them.
func (d *runDelays) find() {
	if d.threads == nil {
		d.threads = map[string]*runDelay{}
	}
	tasks := fmt.Sprintf("/proc/%d/task", d.pid)
	threads, _ := os.ReadDir(tasks)
	for _, entry := range threads {
		if d.threads[entry.Name()] != nil {
			continue
		}
		if fd, err := unix.Open(filepath.Join(tasks, entry.Name(), "schedstat"), unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			d.threads[entry.Name()] = &runDelay{fd, -1}
		}
	}
}

func (d *runDelays) close() {
	for _, thread := range d.threads {
		_ = unix.Close(thread.fd)
	}
}

// count tells how often the machine stood still for longer than standstill since
// then.
func (w *watchman) count(since aes67.MonoTime) (n int) {
	for _, p := range w.between(since, rtthread.Now()) {
		if p.to.Sub(p.from) > standstill {
			n++
		}
	}
	return n
}

// stand is the watchman's whole life: wake in time, at a priority above all that
// is tested, and tell when that came late.
func stand(cpu string) {
	debug.SetGCPercent(-1)
	var set unix.CPUSet
	var n int
	_, _ = fmt.Sscan(cpu, &n)
	set.Set(n)
	rtthread.Lock("watchman", 90)
	_ = unix.SchedSetaffinity(0, &set)
	for next := rtthread.Now(); ; {
		next = next.Add(watchPeriod)
		rtthread.SleepUntil(next)
		if now := rtthread.Now(); now.Sub(next) > watchLate {
			fmt.Println(int64(next.Add(-watchPeriod/2)), int64(now)) // it began since the last time, on average then
			next = now
		}
	}
}
