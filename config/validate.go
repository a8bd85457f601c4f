package config

import (
	"fmt"
	"net/netip"
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
	{[]string{"stream.ptime", "stream.layout", "stream.encoding", "stream.rate", "sink.channels"}, format},
	{[]string{"stream.addresses", "stream.layout", "sink.channels"}, addressCount},
	{[]string{"network.secondary", "network.interface"}, otherInterface},
	{[]string{"stream.secondary-addresses", "stream.addresses", "stream.layout", "sink.channels", "network.secondary"}, secondaryAddresses},
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

// Format is that of the stream with the most channels.
func (c Config) Format() aes67.Format {
	return aes67.Format{Rate: c.Stream.Rate, Encoding: c.Stream.Encoding, PacketTime: c.Stream.PacketTime, Channels: c.Stream.Layout.widest(len(c.Sink.Channels))}
}

// format: what is sent must fit a packet.
func format(c Config) (why, remedy string) {
	refused := c.Format().Check()
	if refused == nil {
		return "", ""
	}
	remedy = fmt.Sprintf("take stream.ptime = \"%v\"", refused.Nearest.PacketTime)
	alone := c.Format()
	if alone.Channels = Mono.widest(len(c.Sink.Channels)); alone.Check() == nil {
		remedy += fmt.Sprintf(" or stream.layout = \"%v\"", Mono)
	}
	return refused.Why, remedy
}

// addressCount: one destination a stream.
func addressCount(c Config) (why, remedy string) { return oneAStream(c, c.Stream.Addresses) }

// otherInterface: two legs on one interface would be lost together.
func otherInterface(c Config) (why, remedy string) {
	if c.Network.Secondary != "" && c.Network.Secondary == c.Network.Interface {
		return "is network.interface too", "must be another interface, or \"\""
	}
	return "", ""
}

// secondaryAddresses: a receiver on both networks tells the legs apart by where they go.
func secondaryAddresses(c Config) (why, remedy string) {
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
