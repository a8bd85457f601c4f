// Package procstat reads what the kernel tells anybody of a thread, of the computer's
// cores and of an interface: evidence for what a flight recorder has to explain.
package procstat

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/recorder"
)

// Thread reads the figures of one thread of this process. The zero Thread has none.
type Thread struct {
	tid               int
	schedstat, status *os.File
	last              recorder.Thread
	room              [4096]byte
}

// Follow turns to the thread with an id, 0: to none.
func (t *Thread) Follow(tid int) {
	if tid == t.tid {
		return
	}
	t.Close()
	if tid == 0 {
		return
	}
	task := fmt.Sprintf("/proc/self/task/%d/", tid)
	t.tid = tid
	t.schedstat, _ = os.Open(task + "schedstat") // a nil file reads as an error
	t.status, _ = os.Open(task + "status")
}

// Close frees what Follow opened.
func (t *Thread) Close() {
	_ = t.schedstat.Close()
	_ = t.status.Close()
	t.tid, t.schedstat, t.status, t.last = 0, nil, nil, recorder.Thread{}
}

// Read returns the thread's figures since it began; what cannot be read is as it was.
// Switches are many times dearer to tell than the rest, so they are read on request.
func (t *Thread) Read(switches bool) recorder.Thread {
	if text, ok := read(t.schedstat, t.room[:]); ok { // ran, waited, slices: sched-stats.rst
		fields := numbers(text)
		t.last.Ran, t.last.Waited = time.Duration(fields[0]), time.Duration(fields[1])
	}
	if !switches {
		return t.last
	}
	if text, ok := read(t.status, t.room[:]); ok {
		t.last.Voluntary = after(text, "\nvoluntary_ctxt_switches:")
		t.last.Forced = after(text, "\nnonvoluntary_ctxt_switches:")
	}
	return t.last
}

// Policy returns the scheduling policy of the thread that is followed, and whether it
// is a real-time one; empty: it is not known.
func (t *Thread) Policy() (name string, realTime bool) {
	if t.tid == 0 {
		return "", false
	}
	attr, err := unix.SchedGetAttr(t.tid, 0)
	switch {
	case err != nil:
		return "", false
	case attr.Policy == unix.SCHED_FIFO:
		return "SCHED_FIFO", true
	case attr.Policy == unix.SCHED_RR:
		return "SCHED_RR", true
	}
	return "SCHED_OTHER", false
}

// Computer reads the figures of all cores and of an interface.
type Computer struct {
	pressure *os.File
	name     string
	lost     [2]*os.File // tx_dropped, tx_errors
	room     [256]byte
}

// Pressed returns for how long somebody waited for a core since the computer started
// (Documentation/accounting/psi.rst); 0 where that is not counted.
func (c *Computer) Pressed() time.Duration {
	if c.pressure == nil {
		c.pressure, _ = os.Open("/proc/pressure/cpu")
	}
	text, ok := read(c.pressure, c.room[:])
	if !ok {
		return 0
	}
	return time.Duration(after(text, " total=")) * time.Microsecond // the first line is that of "some"
}

// Lost returns how many packets an interface did not send: dropped, and for errors
// (Documentation/networking/statistics.rst).
func (c *Computer) Lost(name string) (dropped, errors uint64) {
	if name != c.name {
		for i, counter := range []string{"tx_dropped", "tx_errors"} {
			_ = c.lost[i].Close()
			c.lost[i] = nil
			if name != "" {
				c.lost[i], _ = os.Open(filepath.Join("/sys/class/net", name, "statistics", counter))
			}
		}
		c.name = name
	}
	var figures [2]uint64
	for i, file := range c.lost {
		if text, ok := read(file, c.room[:]); ok {
			figures[i] = numbers(text)[0]
		}
	}
	return figures[0], figures[1]
}

// read reads a file of the kernel anew; a nil file cannot be read.
func read(file *os.File, room []byte) (text []byte, ok bool) {
	if file == nil {
		return nil, false
	}
	n, _ := file.ReadAt(room, 0)
	return room[:n], n > 0
}

// numbers returns the first numbers of a text.
func numbers(text []byte) (out [3]uint64) {
	i := 0
	for field := range bytes.FieldsSeq(text) {
		if i == len(out) {
			break
		}
		out[i], _ = strconv.ParseUint(string(field), 10, 64)
		i++
	}
	return out
}

// after returns the number behind a name.
func after(text []byte, name string) uint64 {
	at := bytes.Index(text, []byte(name))
	if at < 0 {
		return 0
	}
	return numbers(text[at+len(name):])[0]
}
