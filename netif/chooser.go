package netif

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
)

// Auto is the value of network.interface that leaves the choice to Chooser.
const Auto = "auto"

// The chooser's times if they are not set.
const (
	// DefaultListen is one announce timeout: three intervals of 2 s (AES67-2018,
	// Annex A). A grandmaster that is there has been heard by then.
	DefaultListen = 6 * time.Second
	// DefaultPatience is how long the chosen interface may be without carrier or
	// address: a cable that is plugged over, a DHCP lease that is renewed.
	DefaultPatience = 5 * time.Second
)

// What was last heard on an interface before it was plugged in is no sign until
// it is heard again, which nobody tells: so often it is looked for while an
// interface is to be chosen, and while one is in use.
const (
	againEach       = 200 * time.Millisecond
	againEachChosen = time.Second
)

// ChooserConfig is what a Chooser needs to know.
type ChooserConfig struct {
	Interface string        // Auto or a name
	Listen    time.Duration // 0: DefaultListen
	Patience  time.Duration // 0: DefaultPatience
	// Last is the interface that was in use until a moment ago, and its address
	// then: a program that is restarted goes on there. No name: none.
	Last     string
	LastAddr netip.Addr
}

// Decision is what to do with the network now.
type Decision struct {
	Index     int            // the interface decided on, also while it is away for a moment; 0: none
	Use       bool           // send there
	Listening bool           // undecided until the time for listening has passed
	Since     aes67.MonoTime // since when Index can be listened to
	Reason    string         // why, for the log and the status
	Report    string         // a sign on another interface that is not followed
	Next      aes67.MonoTime // when to decide again though nothing has changed; 0: not at all
}

// Chooser decides which interface the bridge uses. It has no clock: Decide is
// to be called when something changed, and at the instant that it names.
//
//  1. an interface that is named is used as soon as it has carrier and address,
//     and so is the one that was in use until a moment ago
//  2. else every wired interface with both is listened to for a while
//  3. a sign of AES67 decides, the best kind first; it is taken at once when the
//     first listening is over
//  4. without any, nothing is done until a program plays; then the interface
//     with the default route is used, else the only one there is
//  5. what is chosen stays chosen until it is gone, or down for longer than a
//     moment, or plugged in again with another address: behind the same socket
//     there is another network then, and 2 begins again
//
// A program that plays while its interface goes down meant that network: it
// does not make the bridge send on another one that shows no sign of AES67.
type Chooser struct {
	cfg    ChooserConfig
	since  map[int]aes67.MonoTime // since when an interface is eligible
	idle   bool                   // the first listening is over
	chosen choice
	meant  string // the interface that the program that plays meant; empty: any
}

// choice is the interface in use.
type choice struct {
	Candidate // as it was when last up
	reason    string
	lost      bool // carrier or address
	unplugged bool // carrier
	lostAt    aes67.MonoTime
}

// NewChooser makes a chooser that has chosen nothing.
func NewChooser(cfg ChooserConfig) *Chooser {
	if cfg.Listen <= 0 {
		cfg.Listen = DefaultListen
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	return &Chooser{cfg: cfg, since: map[int]aes67.MonoTime{}}
}

// Interfaces returns the indexes of the interfaces to listen on, in order.
func (c *Chooser) Interfaces(candidates []Candidate) []int {
	var out []int
	for i := range candidates {
		if c.wants(&candidates[i]) {
			out = append(out, candidates[i].Index)
		}
	}
	slices.Sort(out)
	return out
}

// wants reports whether an interface comes into question as it is.
func (c *Chooser) wants(e *Candidate) bool {
	if c.cfg.Interface != Auto {
		return e.Name == c.cfg.Interface && e.ready()
	}
	return e.eligible()
}

// Decide returns what to do. Signs are those of others; intent is that a
// program plays into the sink.
func (c *Chooser) Decide(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) Decision {
	c.observe(now, candidates)
	if !intent {
		c.meant = ""
	}
	if c.cfg.Interface != Auto {
		return c.named(candidates)
	}
	d := c.decide(now, candidates, signs, intent)
	if each := againEachChosen; c.stale(signs) {
		if c.chosen.Index == 0 {
			each = againEach
		}
		if at := now.Add(each); d.Next == 0 || at < d.Next {
			d.Next = at
		}
	}
	return d
}

// decide decides for an interface that nobody named.
func (c *Chooser) decide(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) Decision {
	if c.chosen.Index != 0 {
		if d, held := c.hold(now, candidates, signs, intent); held {
			return d
		}
	}
	return c.choose(now, candidates, signs, intent)
}

// stale reports whether a sign would count if it were heard again.
func (c *Chooser) stale(signs []Sign) bool {
	return slices.ContainsFunc(signs, func(sign Sign) bool {
		since, known := c.since[sign.Index]
		return known && sign.At < since && sign.Index != c.chosen.Index
	})
}

// observe keeps since when each interface comes into question.
func (c *Chooser) observe(now aes67.MonoTime, candidates []Candidate) {
	for index := range c.since {
		if e := find(candidates, func(e *Candidate) bool { return e.Index == index }); e == nil || !c.wants(e) {
			delete(c.since, index)
		}
	}
	for i := range candidates {
		if e := &candidates[i]; c.wants(e) {
			if _, known := c.since[e.Index]; !known {
				c.since[e.Index] = now
			}
		}
	}
}

// named decides for an interface that the user named.
func (c *Chooser) named(candidates []Candidate) Decision {
	name := c.cfg.Interface
	e := find(candidates, func(e *Candidate) bool { return e.Name == name })
	switch {
	case e == nil:
		return Decision{Reason: fmt.Sprintf("network.interface %q: no such interface, waiting for it; there are %s", name, names(candidates))}
	case !e.ready():
		return Decision{Index: e.Index, Reason: name + ": " + missing(e)}
	}
	d := Decision{Index: e.Index, Use: true, Since: c.since[e.Index], Reason: name + ": named in network.interface"}
	if e.Wireless {
		d.Reason += " (Wi-Fi: expect gaps, multicast is not repeated there when it is lost)"
	}
	return d
}

// missing tells what keeps an interface from being used, and the remedy.
func missing(e *Candidate) string {
	if !e.Carrier {
		return "no carrier; check the cable, the switch and that the interface is up"
	}
	return "no IPv4 address; set one or start DHCP"
}

// hold decides while an interface is chosen; held is false when it is given up.
func (c *Chooser) hold(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) (d Decision, held bool) {
	e := find(candidates, func(e *Candidate) bool { return e.Index == c.chosen.Index && e.Name == c.chosen.Name })
	up := e != nil && c.wants(e)
	if !up && !c.chosen.lost {
		c.chosen.lost, c.chosen.lostAt = true, now
	}
	c.chosen.unplugged = c.chosen.unplugged || e != nil && !e.Carrier
	switch {
	case e == nil,
		c.chosen.lost && now.Sub(c.chosen.lostAt) > c.cfg.Patience,
		c.chosen.unplugged && up && e.Addr != c.chosen.Addr:
		c.release(intent)
		return Decision{}, false
	case !up:
		return Decision{
			Index: e.Index, Reason: e.Name + ": " + missing(e), Report: c.report(candidates, signs),
			Next: c.chosen.lostAt.Add(c.cfg.Patience + 1),
		}, true
	}
	c.chosen.Candidate, c.chosen.lost, c.chosen.unplugged = *e, false, false
	return c.use(candidates, signs), true
}

// use is the decision for what is chosen.
func (c *Chooser) use(candidates []Candidate, signs []Sign) Decision {
	return Decision{
		Index: c.chosen.Index, Use: true, Since: c.since[c.chosen.Index],
		Reason: c.chosen.reason, Report: c.report(candidates, signs),
	}
}

// release gives up what is chosen.
func (c *Chooser) release(intent bool) {
	if intent {
		c.meant = c.chosen.Name
	}
	c.chosen = choice{}
	c.idle = true // the others have been listened to all along
}

// choose decides while none is chosen.
func (c *Chooser) choose(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) Decision {
	var eligible []Candidate
	var heardAt aes67.MonoTime // every one has been listened to for long enough
	for i := range candidates {
		if e := &candidates[i]; c.wants(e) {
			eligible = append(eligible, *e)
			heardAt = max(heardAt, c.since[e.Index].Add(c.cfg.Listen))
		}
	}
	if len(eligible) == 0 {
		return Decision{Reason: nothing(candidates)}
	}
	last := func(e *Candidate) bool { return e.Name == c.cfg.Last && e.Addr == c.cfg.LastAddr }
	if e := find(eligible, last); e != nil && !c.idle { // at the start alone
		return c.take(e, "in use until a moment ago", candidates, signs)
	}
	heard := now >= heardAt
	e, sign := c.best(eligible, signs)
	switch {
	case e != nil && (heard || c.idle):
		return c.take(e, sign.Detail, candidates, signs)
	case !heard && (intent || !c.idle):
		return Decision{Listening: true, Reason: "listening for signs of AES67 on " + names(eligible), Next: heardAt}
	}
	c.idle = true
	if !intent {
		return Decision{Reason: fmt.Sprintf("no sign of AES67 on %s; waiting until a program plays", names(eligible))}
	}
	return c.intended(eligible, candidates, signs)
}

// intended chooses for a program that plays where there is no sign.
func (c *Chooser) intended(eligible, candidates []Candidate, signs []Sign) Decision {
	if c.meant != "" {
		if e := find(eligible, func(e *Candidate) bool { return e.Name == c.meant }); e != nil {
			return c.take(e, "back, and a program still plays", candidates, signs)
		}
		return Decision{Reason: fmt.Sprintf("%s: down while a program plays; waiting for it, or for a sign of AES67 or playback that begins anew to use %s",
			c.meant, names(eligible))}
	}
	var best *Candidate
	for i := range eligible {
		if e := &eligible[i]; e.DefaultRoute && (best == nil || e.Metric < best.Metric) {
			best = e
		}
	}
	switch {
	case best != nil:
		return c.take(best, "a program plays, and the default route is here", candidates, signs)
	case len(eligible) == 1:
		return c.take(&eligible[0], "a program plays, and this is the only wired interface with carrier and address", candidates, signs)
	}
	return Decision{Reason: fmt.Sprintf("a program plays, but none of %s has a sign of AES67 or the default route; name one in network.interface", names(eligible))}
}

// take chooses an interface.
func (c *Chooser) take(e *Candidate, why string, candidates []Candidate, signs []Sign) Decision {
	c.chosen = choice{Candidate: *e, reason: e.Name + ": " + why}
	c.idle, c.meant = true, ""
	return c.use(candidates, signs)
}

// best returns the interface with the best sign, of equals the one with the
// lowest index. Signs from before an interface was last plugged in tell of
// another network.
func (c *Chooser) best(candidates []Candidate, signs []Sign) (*Candidate, Sign) {
	var best *Candidate
	var by Sign
	for _, sign := range signs {
		e := find(candidates, func(e *Candidate) bool { return e.Index == sign.Index })
		if since, known := c.since[sign.Index]; e == nil || !known || sign.At < since || sign.Kind == SignNone {
			continue
		}
		if best == nil || sign.Kind > by.Kind || sign.Kind == by.Kind && e.Index < best.Index {
			best, by = e, sign
		}
	}
	return best, by
}

// report tells of the best sign on an interface that is not the chosen one.
func (c *Chooser) report(candidates []Candidate, signs []Sign) string {
	others := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return e.Index == c.chosen.Index })
	e, sign := c.best(others, signs)
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s; %s stays in use until it is down", e.Name, sign.Detail, c.chosen.Name)
}

// nothing tells why no interface comes into question.
func nothing(candidates []Candidate) string {
	wired := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !e.Wired })
	wireless := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !e.Wireless || !e.ready() })
	switch {
	case len(wired) == 1:
		return wired[0].Name + ": " + missing(&wired[0])
	case len(wired) > 1:
		return fmt.Sprintf("none of %s has carrier and an IPv4 address; plug in a cable", names(wired))
	case len(wireless) > 0:
		return fmt.Sprintf("no wired interface; AES67 wants one, but %s is used if network.interface names it", names(wireless))
	}
	return "no wired interface; plug one in, or name another kind in network.interface"
}
