package config

import (
	"fmt"
	"slices"
	"time"

	"aes67-sink/aes67"
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
	{keys: []string{"stream.ptime", "stream.rate"}, check: longPackets},
	{keys: []string{"stream.ptime", "stream.layout", "stream.encoding", "stream.rate", "sink.channels", "sink.layout"}, each: true, check: payload},
	{keys: []string{"stream.addresses", "stream.layout", "sink.channels", "sink.layout", "sink.plays-into"}, check: addressCount},
	{keys: []string{"sink.latency", "stream.ptime"}, each: true, check: leastLatency},
	{keys: []string{"sink.id"}, each: true, check: sinkIDs},
	{keys: []string{"sink.name"}, each: true, check: sinkNames},
	{keys: []string{"sink.gains", "sink.channels"}, each: true, check: gainCount},
	{keys: []string{"sink.delays", "sink.channels"}, each: true, check: delayCount},
	{keys: []string{"sink.plays-into", "sink.id"}, each: true, check: playsInto},
	{keys: []string{"stream.layout", "sink.channels", "sink.layout"}, check: streamCount},
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

// longPackets: a packet time of 4 ms is defined for 44.1 and 48 kHz only
// (AES67-2018, 7.2.1).
func longPackets(c Config, _ int) (why, remedy string) {
	if c.Stream.PacketTime == aes67.PacketTime4ms && c.Stream.Rate > 48000 {
		return fmt.Sprintf("not defined at stream.rate = %d", c.Stream.Rate), "take 1ms or shorter, or stream.rate = 48000"
	}
	return "", ""
}

// payload: what is sent must fit a packet (AES67-2018, 6.3).
func payload(c Config, number int) (why, remedy string) {
	stream := aes67.Stream{Encoding: c.Stream.Encoding, Rate: c.Stream.Rate, PacketTime: c.Stream.PacketTime}
	for _, channels := range c.Spread(c.Sinks()[number]) {
		stream.Channels = channels
		break // the first is the widest
	}
	if why, _ := longPackets(c, 0); why != "" || len(stream.Channels) < 2 || stream.PayloadBytes() <= aes67.MaxPayload {
		return "", ""
	}
	why = fmt.Sprintf("%d channels of %v at %d Hz make %d bytes a packet: must be at most %d",
		len(stream.Channels), stream.Encoding, stream.Rate, stream.PayloadBytes(), aes67.MaxPayload)
	for _, shorter := range slices.Backward(aes67.PacketTimes()) {
		if stream.PacketTime = shorter; stream.PayloadBytes() <= aes67.MaxPayload && shorter < c.Stream.PacketTime {
			return why, fmt.Sprintf("take stream.ptime = \"%v\" or stream.layout = \"mono\"", shorter)
		}
	}
	return why, "take stream.layout = \"mono\" or fewer channels"
}

// addressCount: one group a stream.
func addressCount(c Config, _ int) (why, remedy string) {
	if n, want := len(c.Stream.Addresses), c.StreamCount(); n != 0 && n != want {
		return fmt.Sprintf("%s for %s", count(n, "address", "addresses"), count(want, "stream", "streams")),
			fmt.Sprintf("must be %d in channel order, or [] to derive them", want)
	}
	return "", ""
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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
