package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"aes67-sink/aes67"
	words "aes67-sink/internal/text"
)

// firstOpenPort is the first port that needs no privilege to be opened (ip(7),
// ip_unprivileged_port_start); the bridge keeps none.
const firstOpenPort = 1024

// Validate tells everything that is wrong with c; the error is of type Faults.
func (c Config) Validate() error {
	s := newSettings()
	s.config.More = make([]Sink, len(c.More))
	if len(c.More) == 0 {
		s.config.More = nil
	}
	for _, o := range Options {
		for i := range o.tables(&c) {
			raw := o.rawAt(c, i)
			if err := o.readAt(&s.config, i, raw); err != nil {
				key := c.keyAt(o.Key, i)
				s.faulty[key] = true
				s.fault(source{}, Fault{Key: key, Value: tomlText(raw), Why: err.Error(), Remedy: o.remedy()})
			}
		}
	}
	s.cross()
	return s.faults.or()
}

// rule is a law between options.
type rule struct {
	keys  []string // the first is the one to blame
	each  bool     // it is one for each sink, whose number check is given; else 0
	check func(c Config, number int) (why, remedy string)
}

var rules = []rule{
	{keys: []string{"stream.ptime", "stream.layout", "stream.encoding", "stream.rate", "sink.channels", "sink.layout"}, each: true, check: format},
	{keys: []string{"stream.addresses", "stream.layout", "sink.channels", "sink.layout", "sink.plays-into"}, check: addressCount},
	{keys: []string{"network.secondary", "network.interface"}, check: otherInterface},
	{keys: []string{"stream.secondary-addresses", "stream.addresses", "stream.layout", "sink.channels", "sink.layout", "sink.plays-into", "network.secondary"}, check: secondaryAddresses},
	{keys: []string{"sink.latency", "stream.ptime"}, each: true, check: leastLatency},
	{keys: []string{"sink.id"}, each: true, check: sinkIDs},
	{keys: []string{"sink.name"}, each: true, check: sinkNames},
	{keys: []string{"sink.gains", "sink.channels"}, each: true, check: gainCount},
	{keys: []string{"sink.delays", "sink.channels"}, each: true, check: delayCount},
	{keys: []string{"sink.plays-into", "sink.id"}, each: true, check: playsInto},
	{keys: []string{"stream.layout", "sink.channels", "sink.layout"}, check: streamCount},
	{keys: []string{"speakers.volume"}, check: oneLevel},
	{keys: []string{"announce.rtsp-port"}, check: rtspPort},
}

// cross checks the laws between options, except where one of them was refused.
func (s *settings) cross() {
	for _, r := range rules {
		last := 0
		if r.each {
			last = len(s.config.More)
		}
		for number := range last + 1 {
			s.hold(r, number)
		}
	}
	s.faults.sort()
}

// hold checks one law for one sink.
func (s *settings) hold(r rule, number int) {
	keys := make([]string, len(r.keys))
	for i, key := range r.keys {
		keys[i] = s.config.keyAt(key, number)
		o, _ := find(key)
		for other := range o.tables(&s.config) { // of other sinks a law may be, too
			if (!r.each || other == number) && s.faulty[s.config.keyAt(key, other)] {
				return
			}
		}
	}
	if why, remedy := r.check(s.config, number); why != "" {
		o, _ := find(r.keys[0])
		s.fault(s.blame(keys), Fault{Key: keys[0], Value: tomlText(o.rawAt(s.config, number)), Why: why, Remedy: remedy})
	}
}

// blame is where the first of keys that was given at all was given.
func (s *settings) blame(keys []string) source {
	for _, key := range keys {
		if from, ok := s.sources[key]; ok {
			return from
		}
	}
	return source{}
}

// Format is that of the first sink's stream with the most channels.
func (c Config) Format() aes67.Format { return c.formatOf(c.LayoutOf(c.Sink), c.Sink) }

func (c Config) formatOf(layout Layout, s Sink) aes67.Format {
	return aes67.Format{Rate: c.Stream.Rate, Encoding: c.Stream.Encoding, PacketTime: c.Stream.PacketTime, Channels: layout.widest(len(s.Channels))}
}

// format: what is sent must fit a packet.
func format(c Config, number int) (why, remedy string) {
	s := c.Sinks()[number]
	refused := c.formatOf(c.LayoutOf(s), s).Check()
	if refused == nil || s.Everywhere() {
		return "", ""
	}
	remedy = fmt.Sprintf("take stream.ptime = \"%v\"", refused.Nearest.PacketTime)
	if c.formatOf(Mono, s).Check() == nil {
		layout := "stream.layout"
		if s.Layout != nil {
			layout = c.keyAt("sink.layout", number)
		}
		remedy += fmt.Sprintf(" or %s = \"%v\"", layout, Mono)
	}
	return refused.Why, remedy
}

// oneLevel: a speaker has one level, and each sink a slider.
func oneLevel(c Config, _ int) (why, remedy string) {
	if n := len(c.Sinks()); n > 1 && c.Speakers.Volume == VolumeDevice {
		return fmt.Sprintf("there are %d sinks, each with a slider of its own", n), "must be \"sink\" or \"auto\""
	}
	return "", ""
}

// addressCount: one destination a stream.
func addressCount(c Config, _ int) (why, remedy string) { return oneAStream(c, c.Stream.Addresses) }

// otherInterface: two legs on one interface would be lost together.
func otherInterface(c Config, _ int) (why, remedy string) {
	if c.Network.Secondary != "" && c.Network.Secondary == c.Network.Interface {
		return "is network.interface too", "must be another interface, or \"\""
	}
	return "", ""
}

// secondaryAddresses: a receiver on both networks tells the legs apart by where they go.
func secondaryAddresses(c Config, _ int) (why, remedy string) {
	for _, to := range c.Stream.SecondaryAddresses {
		if slices.Contains(c.Stream.Addresses, to) {
			return fmt.Sprintf("%v is one of stream.addresses too", to), "must be other ones, or [] to derive them"
		}
	}
	if len(c.Stream.SecondaryAddresses) > 0 && c.Network.Secondary == "" {
		return "there is no network.secondary", "name that interface, or take []"
	}
	return oneAStream(c, c.Stream.SecondaryAddresses)
}

func oneAStream(c Config, addresses []netip.Addr) (why, remedy string) {
	if n, want := len(addresses), c.StreamCount(); n != 0 && n != want {
		return fmt.Sprintf("%s for %s", words.Count(n, "address", "addresses"), words.Count(want, "stream", "streams")),
			fmt.Sprintf("must be %d in channel order, or [] to derive them", want)
	}
	return "", ""
}

// leastLatency: the buffer must hold the packet being sent and the next.
func leastLatency(c Config, number int) (why, remedy string) {
	asked := c.Sinks()[number].Latency
	if least := 2 * time.Duration(c.Stream.PacketTime); asked != 0 && asked < least {
		return fmt.Sprintf("shorter than two packets of stream.ptime = \"%v\"", c.Stream.PacketTime),
			fmt.Sprintf("must be \"auto\" or at least %q", shortDuration(least))
	}
	return "", ""
}

func rtspPort(c Config, _ int) (why, remedy string) {
	if p := c.Announce.RTSPPort; p != 0 && p < firstOpenPort {
		return "needs a privilege, and the bridge keeps none", fmt.Sprintf("must be 0 or %d to 65535", firstOpenPort)
	}
	return "", ""
}
