package netif

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
	Interface string        // Auto or a name, or one of its other names
	Option    string        // what named it; empty: "network.interface"
	Address   netip.Addr    // the address to send from; invalid: chosen
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
	Addr      netip.Addr     // the address to send from; invalid unless Use
	Use       bool           // send there
	Listening bool           // undecided until the time for listening has passed
	Since     aes67.MonoTime // since when Index can be listened to
	Reason    string         // why, for the log and the status; true for as long as it is in use
	Report    string         // a sign on another interface that is not followed
	Renamed   bool           // the card is known by another name than it was given
	Astray    bool           // Report tells of the only interface that has a sign
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
//  5. what is chosen stays chosen, under whatever name, until it is gone, or down
//     for longer than a moment, or plugged in again with another address: behind
//     the same socket there is another network then, and 2 begins again
//
// A program that plays while its interface goes down meant that network: it
// does not make the bridge send on another one that shows no sign of AES67,
// unless its address is of the same subnet.
type Chooser struct {
	cfg    ChooserConfig
	since  map[int]aes67.MonoTime // since when an interface is eligible
	idle   bool                   // the first listening is over
	chosen choice
	former choice // given up last
	meant  bool   // by the program that plays
}

// choice is the interface in use.
type choice struct {
	Candidate // as it was when last up
	addressing
	beside    []int // the interfaces that were there then, too
	why       string
	signed    bool // has had a sign of AES67
	lost      bool // carrier or address
	unplugged bool // carrier
	lostAt    aes67.MonoTime
}

// see takes down an interface in use as it is now.
func (c *choice) see(e *Candidate, candidates []Candidate) {
	c.Candidate, c.beside = *e, c.beside[:0]
	for i := range candidates {
		if index := candidates[i].Index; index != e.Index {
			c.beside = append(c.beside, index)
		}
	}
}

// was reports whether an interface is the one in use, perhaps under another
// name. One that was there beside it is not, whatever its address in Ethernet: a
// dock may have that of the computer's own card.
func (c *choice) was(e *Candidate) bool {
	return e.is(&c.Candidate) && !slices.Contains(c.beside, e.Index)
}

// NewChooser makes a chooser that has chosen nothing.
func NewChooser(cfg ChooserConfig) *Chooser {
	if cfg.Listen <= 0 {
		cfg.Listen = DefaultListen
	}
	if cfg.Option == "" {
		cfg.Option = "network.interface"
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	return &Chooser{cfg: cfg, since: map[int]aes67.MonoTime{}}
}

// Interfaces returns the indexes of the interfaces to listen on, in order.
func (c *Chooser) Interfaces(candidates []Candidate) []int {
	var out []int
	for _, e := range c.eligible(candidates) {
		out = append(out, e.Index)
	}
	slices.Sort(out)
	return out
}

// eligible returns the interfaces that come into question as they are. The one in
// use does as long as packets can be sent from it: a bridge that becomes a switch
// is no reason to leave.
func (c *Chooser) eligible(candidates []Candidate) []Candidate {
	var out []Candidate
	named := c.named(candidates)
	for i := range candidates {
		e := &candidates[i]
		wanted := e == named && e.ready() || c.cfg.Interface == Auto && (e.eligible() || e.ready() && e.Index == c.chosen.Index && e.is(&c.chosen.Candidate))
		if wanted && (!c.cfg.Address.IsValid() || e.has(c.cfg.Address)) {
			out = append(out, *e)
		}
	}
	return out
}

// named returns the interface that the user named, nil: none. One that was in
// use under this name is it under another, too.
func (c *Chooser) named(candidates []Candidate) *Candidate {
	if c.cfg.Interface == Auto {
		return nil
	}
	for _, is := range []func(*Candidate) bool{
		func(e *Candidate) bool { return e.Name == c.cfg.Interface },
		func(e *Candidate) bool { return e.called(c.cfg.Interface) },
		c.chosen.was,
	} {
		if e := find(candidates, is); e != nil {
			return e
		}
	}
	return nil
}

// Decide returns what to do. Signs are those of others; intent is that a
// program plays into the sink.
func (c *Chooser) Decide(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) Decision {
	c.observe(now, candidates)
	c.meant = c.meant && intent
	if c.cfg.Interface != Auto {
		return c.obey(candidates, signs)
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
	before := c.since
	c.since = map[int]aes67.MonoTime{}
	for _, e := range c.eligible(candidates) {
		since, known := before[e.Index]
		if !known {
			since = now
		}
		c.since[e.Index] = since
	}
}

// obey decides for an interface that the user named.
func (c *Chooser) obey(candidates []Candidate, signs []Sign) Decision {
	name := c.cfg.Interface
	e := c.named(candidates)
	if e == nil {
		return Decision{Reason: fmt.Sprintf("%s %q: no such interface, waiting for it; there are %s", c.cfg.Option, name, names(candidates))}
	}
	if why := c.missing(e); why != "" {
		c.chosen.by = SignNone // another network, perhaps
		return Decision{Index: e.Index, Reason: why}
	}
	if c.chosen.Index == 0 {
		c.resume(e)
	}
	c.chosen.see(e, candidates)
	renamed := false
	switch {
	case e.Name == name:
		c.chosen.why = "named in " + c.cfg.Option
	case e.called(name):
		c.chosen.why = fmt.Sprintf("named in %s as %s", c.cfg.Option, name)
	default:
		renamed = true
		c.chosen.why = fmt.Sprintf("this is the card that was %s; say %s = %q", name, c.cfg.Option, e.Name)
	}
	if e.Wireless {
		c.chosen.why += " (Wi-Fi: expect gaps, multicast is not repeated there when it is lost)"
	}
	d := c.use(candidates, signs)
	d.Renamed = renamed
	return d
}

// missing tells what keeps an interface from being used, and the remedy; empty:
// nothing.
func (c *Chooser) missing(e *Candidate) string {
	switch {
	case e.Master != "":
		return fmt.Sprintf("%s is a port of %s; say %s = %q", e.Name, e.Master, c.cfg.Option, e.Master)
	case !e.Carrier:
		return e.Name + ": no carrier; check the cable, the switch and that the interface is up"
	case len(e.Addrs) == 0:
		return e.Name + ": no IPv4 address; set one or start DHCP"
	case c.cfg.Address.IsValid() && !e.has(c.cfg.Address):
		return fmt.Sprintf("%s: network.address %v is not here; there are %s", e.Name, c.cfg.Address, e.addresses())
	}
	return ""
}

// resume goes on with the address of a moment ago.
func (c *Chooser) resume(e *Candidate) {
	if e.Name == c.cfg.Last && e.has(c.cfg.LastAddr) {
		c.chosen.addressing = addressing{addr: c.cfg.LastAddr}
	}
}

// hold decides while an interface is chosen; held is false when it is given up.
func (c *Chooser) hold(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) (d Decision, held bool) {
	e := find(candidates, func(e *Candidate) bool { return e.Index == c.chosen.Index && e.is(&c.chosen.Candidate) })
	up := false
	if e != nil {
		_, up = c.since[e.Index]
	}
	if !up && !c.chosen.lost {
		c.chosen.lost, c.chosen.lostAt = true, now
	}
	c.chosen.unplugged = c.chosen.unplugged || e != nil && !e.Carrier
	patience := c.cfg.Patience
	if intent && c.sibling(c.eligible(candidates), &c.chosen) != nil {
		patience /= 2 // sound can go on there
	}
	switch {
	case e == nil,
		c.chosen.lost && now.Sub(c.chosen.lostAt) > patience,
		c.chosen.unplugged && up && !e.has(c.chosen.addr):
		c.release(intent)
		return Decision{}, false
	case !up:
		c.chosen.by = SignNone
		d := Decision{Index: e.Index, Reason: c.missing(e), Next: c.chosen.lostAt.Add(patience + 1)}
		d.Report, d.Astray = c.report(candidates, signs)
		return d, true
	}
	c.chosen.see(e, candidates)
	c.chosen.lost, c.chosen.unplugged = false, false
	return c.use(candidates, signs), true
}

// sibling returns an interface with an address in the subnet that another one
// used, nil: none. Link-local addresses have the same subnet everywhere.
func (c *Chooser) sibling(eligible []Candidate, other *choice) *Candidate {
	subnet := other.prefix(other.addr).Masked()
	return find(eligible, func(e *Candidate) bool {
		return e.Index != other.Index && subnet.IsValid() && !other.addr.IsLinkLocalUnicast() && e.in(subnet)
	})
}

// use is the decision for what is chosen.
func (c *Chooser) use(candidates []Candidate, signs []Sign) Decision {
	e := &c.chosen.Candidate
	d := Decision{Index: e.Index, Use: true, Since: c.since[e.Index], Reason: e.Name + ": " + c.chosen.why, Addr: c.cfg.Address}
	if !d.Addr.IsValid() {
		d.Addr = c.chosen.choose(e, d.Since, signs)
	}
	c.chosen.addr = d.Addr
	d.Report, d.Astray = c.report(candidates, signs)
	return d
}

// release gives up what is chosen.
func (c *Chooser) release(intent bool) {
	c.former, c.chosen, c.meant = c.chosen, choice{}, intent
	c.idle = true // the others have been listened to all along
}

// choose decides while none is chosen.
func (c *Chooser) choose(now aes67.MonoTime, candidates []Candidate, signs []Sign, intent bool) Decision {
	eligible := c.eligible(candidates)
	var heardAt aes67.MonoTime // every one has been listened to for long enough
	for i := range eligible {
		heardAt = max(heardAt, c.since[eligible[i].Index].Add(c.cfg.Listen))
	}
	if len(eligible) == 0 {
		return Decision{Reason: c.nothing(candidates)}
	}
	last := func(e *Candidate) bool { return e.Name == c.cfg.Last && e.has(c.cfg.LastAddr) }
	if e := find(eligible, last); e != nil && !c.idle { // at the start alone
		c.resume(e)
		return c.take(e, "in use before a restart", candidates, signs)
	}
	if e := c.returned(now, eligible); e != nil {
		return c.take(e, c.former.known(e)+"came back", candidates, signs)
	}
	heard := now >= heardAt
	e, sign := c.best(eligible, signs)
	switch {
	case e != nil && (heard || c.idle):
		return c.take(e, sign.Detail, candidates, signs)
	case c.meant && c.sibling(eligible, &c.former) != nil:
		return c.take(c.sibling(eligible, &c.former), fmt.Sprintf("%s was lost while a program played, and the same subnet is here", c.former.Name), candidates, signs)
	case !heard && (intent || !c.idle):
		return Decision{Listening: true, Reason: "listening for signs of AES67 on " + names(eligible), Next: heardAt}
	}
	c.idle = true
	if !intent {
		return Decision{Reason: fmt.Sprintf("no sign of AES67 on %s; waiting until a program plays", names(eligible))}
	}
	return c.intended(eligible, candidates, signs)
}

// returned returns the interface given up last, if it is back on its network
// while a program plays or within a moment; nil: it is not.
func (c *Chooser) returned(now aes67.MonoTime, eligible []Candidate) *Candidate {
	if c.former.Index == 0 || !c.meant && now.Sub(c.former.lostAt) > c.cfg.Patience {
		return nil
	}
	subnet := c.former.prefix(c.former.addr).Masked()
	return find(eligible, func(e *Candidate) bool { return c.former.was(e) && e.in(subnet) })
}

// known says that an interface had another name when it was in use.
func (c *choice) known(e *Candidate) string {
	if e.Name == c.Name {
		return ""
	}
	return fmt.Sprintf("the card that was %s ", c.Name)
}

// intended chooses for a program that plays where there is no sign.
func (c *Chooser) intended(eligible, candidates []Candidate, signs []Sign) Decision {
	if c.meant {
		if e := find(eligible, func(e *Candidate) bool { return e.Name == c.former.Name || c.former.was(e) }); e != nil {
			return c.take(e, c.former.known(e)+"came back while a program played", candidates, signs)
		}
		return Decision{Reason: fmt.Sprintf("%s: down while a program plays; waiting for it, or for a sign of AES67; to use %s at once, name it in network.interface",
			c.former.Name, names(eligible))}
	}
	var best *Candidate
	for i := range eligible {
		if e := &eligible[i]; e.DefaultRoute && (best == nil || e.Metric < best.Metric) {
			best = e
		}
	}
	switch {
	case best != nil:
		return c.take(best, "a program played, and the default route was here", candidates, signs)
	case len(eligible) == 1:
		return c.take(&eligible[0], "a program played, and this was the only wired interface with carrier and address", candidates, signs)
	}
	return Decision{Reason: fmt.Sprintf("a program plays, but none of %s has a sign of AES67 or the default route; name one in network.interface", names(eligible))}
}

// take chooses an interface.
func (c *Chooser) take(e *Candidate, why string, candidates []Candidate, signs []Sign) Decision {
	c.chosen.see(e, candidates)
	c.chosen.why = why
	c.idle, c.meant, c.former = true, false, choice{}
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

// report tells of the best sign on an interface that is not the chosen one, and
// whether the chosen one never had any.
func (c *Chooser) report(candidates []Candidate, signs []Sign) (text string, astray bool) {
	chosen := func(e Candidate) bool { return e.Index == c.chosen.Index }
	if own, _ := c.best(slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !chosen(e) }), signs); own != nil {
		c.chosen.signed = true
	}
	e, sign := c.best(slices.DeleteFunc(slices.Clone(candidates), chosen), signs)
	switch {
	case e == nil:
		return "", false
	case !c.chosen.signed:
		return fmt.Sprintf("%s: %s, and nothing on %s, which is in use; if the speakers are there, say network.interface = %q",
			e.Name, sign.Detail, c.chosen.Name, e.Name), true
	}
	return fmt.Sprintf("%s: %s; %s stays in use until it is down", e.Name, sign.Detail, c.chosen.Name), false
}

// nothing tells why no interface comes into question.
func (c *Chooser) nothing(candidates []Candidate) string {
	wired := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !e.Wired || e.Master != "" })
	ports := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !e.Wired || e.Master == "" })
	wireless := slices.DeleteFunc(slices.Clone(candidates), func(e Candidate) bool { return !e.Wireless || !e.ready() })
	var others []string // addresses, while another one is wanted
	for i := range wired {
		if e := &wired[i]; e.eligible() {
			others = append(others, fmt.Sprintf("%s: %s", e.Name, e.addresses()))
		}
	}
	switch {
	case len(others) > 0:
		return fmt.Sprintf("network.address %v: no wired interface has it; there are %s", c.cfg.Address, strings.Join(others, ", "))
	case len(wired) == 1:
		return c.missing(&wired[0])
	case len(wired) == 0 && len(ports) > 0:
		return c.missing(&ports[0])
	case len(wired) > 1:
		return fmt.Sprintf("none of %s has carrier and an IPv4 address; plug in a cable", names(wired))
	case len(wireless) > 0:
		return fmt.Sprintf("no wired interface; AES67 wants one, but %s is used if network.interface names it", names(wireless))
	}
	return "no wired interface; plug one in, or name another kind in network.interface"
}
