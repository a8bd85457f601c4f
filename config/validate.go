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
	for _, o := range Options {
		raw := o.raw(&c)
		if err := o.read(&s.config, raw); err != nil {
			s.faulty[o.Key] = true
			s.fault(source{}, Fault{Key: o.Key, Value: tomlText(raw), Why: err.Error(), Remedy: o.remedy()})
		}
	}
	s.cross()
	return s.faults.or()
}

// rule is a law between options.
type rule struct {
	keys  []string // the first is the one to blame
	check func(Config) (why, remedy string)
}

var rules = []rule{
	{[]string{"stream.ptime", "stream.rate"}, longPackets},
	{[]string{"stream.ptime", "stream.layout", "stream.encoding", "stream.rate", "sink.channels"}, payload},
	{[]string{"stream.addresses", "stream.layout", "sink.channels"}, addressCount},
	{[]string{"sink.latency", "stream.ptime"}, leastLatency},
	{[]string{"announce.rtsp-port"}, rtspPort},
}

// cross checks the laws between options, except where one of them was refused.
func (s *settings) cross() {
	for _, r := range rules {
		refused := false
		for _, key := range r.keys {
			refused = refused || s.faulty[key]
		}
		if refused {
			continue
		}
		if why, remedy := r.check(s.config); why != "" {
			o, _ := find(r.keys[0])
			s.fault(s.blame(r.keys), Fault{Key: o.Key, Value: tomlText(o.raw(&s.config)), Why: why, Remedy: remedy})
		}
	}
	s.faults.sort()
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
func longPackets(c Config) (why, remedy string) {
	if c.Stream.PacketTime == aes67.PacketTime4ms && c.Stream.Rate > 48000 {
		return fmt.Sprintf("not defined at stream.rate = %d", c.Stream.Rate), "take 1ms or shorter, or stream.rate = 48000"
	}
	return "", ""
}

// payload: what is sent must fit a packet (AES67-2018, 6.3).
func payload(c Config) (why, remedy string) {
	stream := aes67.Stream{
		Channels: c.Sink.Channels, Encoding: c.Stream.Encoding, Rate: c.Stream.Rate, PacketTime: c.Stream.PacketTime,
	}
	if why, _ := longPackets(c); why != "" || c.Stream.Layout == Mono || stream.PayloadBytes() <= aes67.MaxPayload {
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
func addressCount(c Config) (why, remedy string) {
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
func leastLatency(c Config) (why, remedy string) {
	if least := 2 * time.Duration(c.Stream.PacketTime); c.Sink.Latency != 0 && c.Sink.Latency < least {
		return fmt.Sprintf("shorter than two packets of stream.ptime = \"%v\"", c.Stream.PacketTime),
			fmt.Sprintf("must be \"auto\" or at least %q", shortDuration(least))
	}
	return "", ""
}

func rtspPort(c Config) (why, remedy string) {
	if p := c.Announce.RTSPPort; p != 0 && p < firstOpenPort {
		return "needs a privilege, and the bridge keeps none", fmt.Sprintf("must be 0 or %d to 65535", firstOpenPort)
	}
	return "", ""
}
