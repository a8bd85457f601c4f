package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// Recorder is a SAP listener that forgets nothing and judges what it heard:
//
//   - of each session (by the id of its o= line) one text at most is alive at a
//     time, going by origin and hash as receivers do (RFC 2974, 4)
//   - another text has a higher version (RFC 8866, 5.2)
//   - one hash of an origin stands for one text, and one text has one hash
//
// It may be told from any goroutine.
type Recorder struct {
	mu       sync.Mutex
	alive    map[sapKey]heardText
	texts    map[sapKey]string // whatever was announced under a key
	hashes   map[string]uint16 // of texts
	versions map[uint64]uint64 // the highest of each session
	history  []string
	faults   []string
	deleted  map[uint64]int
}

type sapKey struct {
	origin netip.Addr
	hash   uint16
}

type heardText struct {
	id   uint64
	text string
}

// NewRecorder makes a recorder that has heard nothing.
func NewRecorder() *Recorder {
	return &Recorder{
		alive: map[sapKey]heardText{}, texts: map[sapKey]string{}, hashes: map[string]uint16{},
		versions: map[uint64]uint64{}, deleted: map[uint64]int{},
	}
}

// Hear takes one packet in.
func (r *Recorder) Hear(at aes67.MonoTime, a Announcement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := sdp.ParseOrigin(a.Text)
	verb := "announce"
	if a.Delete {
		verb = "delete"
	}
	r.history = append(r.history, fmt.Sprintf("%.3f s %s %v/%04x: session %d version %d of %v", float64(at)/1e9, verb, a.Origin, a.Hash, o.ID, o.Version, o.Addr))
	if !ok {
		r.fault("a packet without an o= line")
		return
	}
	key, text := sapKey{a.Origin, a.Hash}, string(bytes.TrimSpace(a.Text))
	if before, known := r.texts[key]; known && before != text && strings.HasPrefix(text, "v=0") {
		r.fault("one hash stands for two texts")
	}
	if a.Delete {
		delete(r.alive, key)
		r.deleted[o.ID]++
		return
	}
	if hash, known := r.hashes[text]; known && hash != a.Hash {
		r.fault("one text has two hashes")
	}
	if _, known := r.hashes[text]; !known {
		if last, known := r.versions[o.ID]; known && o.Version <= last {
			r.fault("another text without a higher version")
		}
		r.versions[o.ID] = o.Version
	}
	for other, was := range r.alive {
		if other != key && was.id == o.ID {
			r.fault(fmt.Sprintf("announced while %v/%04x is alive", other.origin, other.hash))
		}
	}
	r.texts[key], r.hashes[text] = text, a.Hash
	r.alive[key] = heardText{o.ID, text}
}

func (r *Recorder) fault(what string) {
	r.faults = append(r.faults, what+": "+r.history[len(r.history)-1])
}

// Faults returns what broke the rules, and History all that was heard.
func (r *Recorder) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.faults...)
}

// History returns a line for each packet.
func (r *Recorder) History() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.history...)
}

// Alive returns the texts that a receiver holds now.
func (r *Recorder) Alive() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, h := range r.alive {
		out = append(out, h.text)
	}
	return out
}

// Texts returns how many different texts were announced.
func (r *Recorder) Texts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.hashes)
}

// Deletions returns how often each session was deleted.
func (r *Recorder) Deletions() map[uint64]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[uint64]int{}
	for id, n := range r.deleted {
		out[id] = n
	}
	return out
}
