package config

import (
	"net/netip"
	"strings"
	"time"

	"aes67-sink/aes67"
)

// Option is one row of the table.
type Option struct {
	Key     string // table.key
	Default string // as TOML
	Unit    string // of the number, where it has one
	Help    string // one line: what it is
	Detail  string // when to change it, and when not to
	Alive   bool   // a running bridge takes it over
	field
}

// Table returns the part of the key that stands in brackets in the file.
func (o Option) Table() string { table, _, _ := strings.Cut(o.Key, "."); return table }

// Name returns the part of the key before the equals sign in the file.
func (o Option) Name() string { _, name, _ := strings.Cut(o.Key, "."); return name }

// Type returns the TOML type in words, such as "whole number".
func (o Option) Type() string { return o.form() }

// Allowed returns the values that are accepted, in words that follow "must be".
func (o Option) Allowed() string { return o.allowed() }

// Tables are the headings of the file, in order, and what each is about.
var Tables = []struct{ Name, Help string }{
	{"sink", "What programs play into."},
	{"network", "Where the streams go out."},
	{"stream", "The form of what is sent. The defaults are what every AES67 receiver takes."},
	{"clock", "The bridge's place among the PTP clocks of the network."},
	{"safety", "What keeps loudspeakers and ears unhurt."},
	{"speakers", "The loudspeakers themselves."},
	{"announce", "How receivers learn of the streams."},
	{"status", "What the running bridge tells about itself."},
	{"log", "What goes to the log."},
}

// Options is the table: every key there is, in the order of the file.
var Options = []Option{
	{
		Key: "sink.name", Default: `"AES67 Speakers"`,
		Help:   "the label in the desktop's sound settings",
		Detail: "Free to choose. It is also part of the stream names, unless stream.name is given.",
		field:  text(func(c *Config) *string { return &c.Sink.Name }, checkSinkName, "1 to 63 bytes of text without control characters or backslashes"),
	},
	{
		Key: "sink.id", Default: `"aes67"`,
		Help:   "the sink's name for pactl, PULSE_SINK and the like",
		Detail: "Change it only if another sink has this name already. Desktops remember volumes and defaults under it, so a new one starts anew.",
		field:  text(func(c *Config) *string { return &c.Sink.ID }, checkSinkID, "a letter, then up to 62 letters, digits, dots, underscores or hyphens"),
	},
	{
		Key: "sink.rate", Default: "48000", Unit: "Hz",
		Help:   "the sample rate that programs play into",
		Detail: "Leave it equal to stream.rate unless nearly everything you play has another rate; the bridge resamples anyway. \"auto\" is 48000 or 44100, whichever was played last: it changes while nothing plays, so that music from discs is not resampled by the sound server. That takes PipeWire, and its leave to switch (docs/latency.md). So does a fixed rate above what PipeWire allows (`default.clock.allowed-rates`, 48000 alone as it comes): its graph runs at 48000 else, and what is played goes through its resampler twice.",
		field:  ratesOrAuto(func(c *Config) *aes67.Hz { return &c.Sink.Rate }),
	},
	{
		Key: "sink.channels", Default: `["front-left", "front-right"]`,
		Help:   "the sink's channels, as PulseAudio position names",
		Detail: "1 to 8 of them, each once. With the layout \"mono\" each becomes a stream of its own, in this order: swap two names to swap two speakers.",
		field:  texts(func(c *Config) *[]string { return &c.Sink.Channels }, checkChannels, "1 to 8 different position names such as \"front-left\""),
	},
	{
		Key: "sink.latency", Default: `"auto"`,
		Help:   "the buffer between sound server and network",
		Detail: "\"auto\" begins with what this sound server's cycles need (8.4 ms at 256 frames), learns what comes late, and forgets it after ten minutes. A duration is kept as it is: longer for a computer that is always busy. Less than a cycle, a packet and half a millisecond cannot be kept (6.9 ms at 256 frames): then it is as with \"auto\", and status says so.",
		field: duration(func(c *Config) *time.Duration { return &c.Sink.Latency },
			2*time.Millisecond, 2*time.Second, Auto),
	},
	{
		Key: "sink.when-offline", Default: `"hide"`,
		Help:   "what the sink does when there has been no network for 10 s: \"hide\" or \"keep\"",
		Detail: "\"hide\" takes it out of the sound settings, so that the desktop chooses another output, and puts it back when the network is there; it is the chosen output again then. \"keep\" leaves it: what is played goes nowhere meanwhile.",
		field: choice(func(c *Config) *bool { return &c.Sink.KeepOffline }, []bool{false, true}, func(keep bool) string {
			if keep {
				return "keep"
			}
			return "hide"
		}),
	},
	{
		Key: "sink.layout", Default: `""`,
		Help:   "the layout of this sink's streams: \"mono\", \"pairs\", \"multi\" as in stream.layout, or \"\": that one",
		Detail: "For several sinks of which one is, for example, a surround receiver.",
		field: choice(func(c *Config) **Layout { return &c.Sink.Layout }, []*Layout{nil, new(Mono), new(Pairs), new(Multi)}, func(l *Layout) string {
			if l == nil {
				return ""
			}
			return l.String()
		}),
	},
	{
		Key: "sink.gains", Default: "[]",
		Alive:  true,
		Help:   "by how much each channel is turned down, in the order of the channels",
		Detail: "[] turns none down, and a channel at 0 is not touched. Turn down the loudspeaker that is nearer or louder: [0, -2.5].",
		field:  decimals(func(c *Config) *[]float64 { return &c.Sink.Gains }, minGainDB, 0, "dB"),
	},
	{
		Key: "sink.delays", Default: "[]",
		Help:   "by how much each channel is later, in the order of the channels",
		Detail: "[] delays none. A loudspeaker that is one metre nearer than the others is delayed by \"2.9ms\". It is kept to the sample.",
		field:  durations(func(c *Config) *[]time.Duration { return &c.Sink.Delays }, 0, maxDelay),
	},
	{
		Key: "sink.plays-into", Default: "[]",
		Help:   "the ids of other sinks whose loudspeakers play this one's sound",
		Detail: "Such a sink, as one for everywhere, has no streams of its own: it is mixed into those of the sinks named, at the same instant in each. [] is a sink with streams of its own. See docs/rooms.md.",
		field:  otherSinks(func(c *Config) *[]string { return &c.Sink.PlaysInto }),
	},
	{
		Key: "network.interface", Default: `"auto"`,
		Help:   "the network interface that the streams leave by",
		Detail: "\"auto\" listens for signs of AES67 on every wired interface and stays silent until there are some or a program plays. A named interface, such as \"eno1\", is used at once. Wi-Fi is used only when named: multicast audio over it seldom works.",
		field:  text(func(c *Config) *string { return &c.Network.Interface }, checkInterface, "\"auto\" or the name of an interface, 1 to 127 bytes without spaces or slashes"),
	},
	{
		Key: "network.address", Default: `""`,
		Help:   "the IPv4 address that the streams leave from, where an interface has several",
		Detail: "Empty is the one whose subnet the PTP master is in, else that of the sessions or devices heard, else the first. With network.interface = \"auto\" the interface that has the address named here is used.",
		field:  sendFrom(func(c *Config) *netip.Addr { return &c.Network.Address }),
	},
	{
		Key: "network.secondary", Default: `""`,
		Help:   "a second network interface that everything is sent on too (SMPTE ST 2022-7); empty: none",
		Detail: "For receivers with two network sockets, each on a network of its own: what is lost on one comes by the other. Name the interface, such as \"eno2\". The clock is that of network.interface, and after a start the streams begin when that one is there; when it is lost later they go on, and begin after a rest, by this one (docs/formats.md).",
		field:  text(func(c *Config) *string { return &c.Network.Secondary }, checkSecondary, "empty or the name of an interface, 1 to 127 bytes without spaces or slashes"),
	},
	{
		Key: "stream.layout", Default: `"mono"`,
		Help:   "\"mono\": one session a channel; \"pairs\": one session for each two; \"multi\": one session with all channels",
		Detail: "Single loudspeakers want \"mono\". Choose \"multi\" for receivers that take a whole stereo or surround stream, and \"pairs\" for those that take stereo alone.",
		field:  choice(func(c *Config) *Layout { return &c.Stream.Layout }, Layouts, Layout.String),
	},
	{
		Key: "stream.rate", Default: "48000", Unit: "Hz",
		Help:   "the sample rate on the network",
		Detail: "48000 is the one that every receiver takes, and the only one that Dante devices take from AES67.",
		field:  rates(func(c *Config) *aes67.Hz { return &c.Stream.Rate }),
	},
	{
		Key: "stream.encoding", Default: `"L24"`,
		Help:   "the sample format on the network",
		Detail: "L24 is 24 bits, L16 is 16. Choose L16 only for a receiver that cannot take L24, or to fit more channels into a packet.",
		field: choice(func(c *Config) *aes67.Encoding { return &c.Stream.Encoding },
			aes67.Encodings(), aes67.Encoding.String),
	},
	{
		Key: "stream.ptime", Default: `"1ms"`,
		Help:   "the time of sound in one packet",
		Detail: "1ms is the one that every receiver takes. Shorter packets lower the latency, cost more of the computer and the network, and want real-time priority: with 125us a standstill of 2 ms is a jump of the timestamps; 4ms exists at 44100 and 48000 Hz alone.",
		field: choice(func(c *Config) *aes67.PacketTime { return &c.Stream.PacketTime },
			aes67.PacketTimes(), aes67.PacketTime.String),
	},
	{
		Key: "stream.receiver-latency", Default: `"0ms"`,
		Help:   "the time from the network to the ear: the link offset that the loudspeakers are set to",
		Detail: "Only for what is told: where the sound server can tell programs how late the sound is, films are in step with their sound then. It changes nothing of the sound itself.",
		field: duration(func(c *Config) *time.Duration { return &c.Stream.ReceiverLatency },
			0, 500*time.Millisecond, ""),
		Alive: true,
	},
	{
		Key: "stream.address-prefix", Default: `"239.69"`,
		Help:   "the first two numbers of the multicast groups, which are derived from the host and checked for conflicts",
		Detail: "Dante devices take streams of their own prefix only, which is 239.69 unless somebody changed it. 239.0 to 239.255 stay within a site; take another only if the network's plan says so. 224.0 and 232 are refused: the first belongs to routers, the second needs receivers that name the sender.",
		field:  prefix(func(c *Config) *Prefix { return &c.Stream.AddressPrefix }),
	},
	{
		Key: "stream.addresses", Default: "[]",
		Help:   "where the streams are sent one by one, in channel order: multicast groups, or single receivers",
		Detail: "Empty: groups derived from address-prefix. Otherwise one for each stream: as many as sink.channels with the layout \"mono\", half of that with \"pairs\", one with \"multi\"; of several sinks those of the first come first. The bridge uses groups without looking for conflicts. A stream to the address of a single receiver, such as \"192.168.1.20\", is not announced; give that receiver the description (aes67-sink sdp).",
		field:  addresses(func(c *Config) *addressList { return &c.Stream.Addresses }),
	},
	{
		Key: "stream.secondary-addresses", Default: "[]",
		Help:   "the same on network.secondary",
		Detail: "Empty: groups derived from address-prefix, others than those of the first interface.",
		field:  addresses(func(c *Config) *addressList { return &c.Stream.SecondaryAddresses }),
	},
	{
		Key: "stream.port", Default: "5004",
		Help:   "the UDP port that the streams are sent to",
		Detail: "Every AES67 device defaults to 5004. Change it only for a receiver that is fixed to another one.",
		field:  integer(func(c *Config) *uint16 { return &c.Stream.Port }, 1024, 65534),
	},
	{
		Key: "stream.payload-type", Default: "98",
		Help:   "the RTP payload type number",
		Detail: "Receivers read it from the session description. Change it only for one that is fixed to another number.",
		field:  integer(func(c *Config) *uint8 { return &c.Stream.PayloadType }, 96, 127),
	},
	{
		Key: "stream.ttl", Default: "15", Unit: "hops",
		Help:   "how many routers a packet may pass",
		Detail: "15 keeps the streams within a site. 1 keeps them in the local network; raise it only where multicast is routed further.",
		field:  integer(func(c *Config) *uint8 { return &c.Stream.TTL }, 1, 255),
	},
	{
		Key: "stream.dscp", Default: "34",
		Help:   "the priority mark of audio packets for switches (DiffServ code point)",
		Detail: "34 is AF41, the AES67 default; Dante networks use 46 for audio and 56 for the clock. Change it together with the switches.",
		field:  integer(func(c *Config) *int { return &c.Stream.DSCP }, 0, 63),
	},
	{
		Key: "stream.name", Default: `""`,
		Alive:  true,
		Help:   "the name that receivers show; empty: \"HOST SINK-NAME\"",
		Detail: "With the layout \"mono\" each stream's channel follows the name: \"Left\", \"Right\" and so on. Receivers may find streams by it, so leave it alone once they are set up.",
		field:  text(func(c *Config) *string { return &c.Stream.Name }, checkStreamName, "empty or up to 63 bytes of text without control characters"),
	},
	{
		Key: "stream.when", Default: `"auto"`,
		Help:   "when the streams are on the wire: \"auto\", \"playing\" or \"always\"",
		Detail: "\"playing\": from the first sound until it has been silent for stream.idle-after. \"auto\": so where the interface was chosen by itself, and always where network.interface names one, as on a network for sound alone. The sessions stay announced while the streams rest, and they are back within 0.3 s of a sound; a receiver needs some time of its own to lock to them again (docs/troubleshooting.md).",
		field:  choice(func(c *Config) *When { return &c.Stream.When }, []When{WhenAuto, WhenPlaying, WhenAlways}, When.String),
	},
	{
		Key: "stream.idle-after", Default: `"20m"`,
		Help:   "silence after which the streams rest; \"0\": never",
		Detail: "Shorter frees the network sooner; longer keeps receivers that take long to lock from missing the first notes after a pause.",
		field: duration(func(c *Config) *time.Duration { return &c.Stream.IdleAfter },
			time.Second, 24*time.Hour, "0"),
	},
	{
		Key: "clock.mode", Default: `"auto"`,
		Help:   "\"auto\": follow the best PTP master, serve when there is none; \"follower\": never serve; \"grandmaster\": serve unless a better one is heard",
		Detail: "\"auto\" serves while something is sent, and on while anybody follows: a desk on which nothing plays is no grandmaster (stream.when). Leave it at \"auto\" unless the network has a master that must never be replaced (\"follower\").",
		field: choice(func(c *Config) *aes67.ClockMode { return &c.Clock.Mode },
			[]aes67.ClockMode{aes67.ClockAuto, aes67.ClockFollower, aes67.ClockGrandmaster}, aes67.ClockMode.String),
	},
	{
		Key: "clock.domain", Default: "0",
		Help:   "the PTP domain",
		Detail: "Masters of other domains are listed (`aes67-sink list`) but not followed. AES67, RAVENNA and Dante use 0; change it only together with every device.",
		field:  integer(func(c *Config) *uint8 { return &c.Clock.Domain }, 0, 127),
	},
	{
		Key: "clock.dscp", Default: "46",
		Help:   "the priority mark of PTP packets for switches (DiffServ code point)",
		Detail: "46 is EF, the AES67 default; Dante networks use 56. Change it together with the switches.",
		field:  integer(func(c *Config) *int { return &c.Clock.DSCP }, 0, 63),
	},
	{
		Key: "clock.priority1", Default: "250",
		Help:   "the bridge's rank when a grandmaster is chosen; the lowest number wins",
		Detail: "250 lets any real master win. A lower number makes this computer's clock drive the loudspeakers: leave it alone.",
		field:  integer(func(c *Config) *uint8 { return &c.Clock.Priority1 }, 0, 255),
	},
	{
		Key: "clock.priority2", Default: "250",
		Help:   "the same between masters of equal rank and quality",
		Detail: "Only of use between several bridges: the one with the lowest number serves.",
		field:  integer(func(c *Config) *uint8 { return &c.Clock.Priority2 }, 0, 255),
	},
	{
		Key: "safety.first-volume", Default: "-40.0", Unit: "dB",
		Help:   "the sink's volume the very first time it exists",
		Detail: "Afterwards the volume you set is remembered. It is never above safety.max-volume. Active loudspeakers at full gain are loud at -20 already: raise this only if you know yours.",
		field:  decimal(func(c *Config) *float64 { return &c.Safety.FirstVolumeDB }, -100, 0),
	},
	{
		Key: "safety.ceiling", Default: "0.0", Unit: "dBFS",
		Alive:  true,
		Help:   "no sample on the network is ever above it",
		Detail: "A limiter holds it: it sees peaks, those between the samples too, before they come, without added latency, and status tells by how much it turns the sound down. At 0 it acts only on what would be clipped; lower it to bound the loudness whatever the volume says.",
		field:  decimal(func(c *Config) *float64 { return &c.Safety.CeilingDBFS }, -60, 0),
	},
	{
		Key: "safety.max-volume", Default: "0.0", Unit: "dB",
		Alive:  true,
		Help:   "the sink's volume is never above it",
		Detail: "Whoever sets the sink louder, finds it turned back to this at once. Lower it where 100 % on the slider would be too loud for the room.",
		field:  decimal(func(c *Config) *float64 { return &c.Safety.MaxVolumeDB }, -60, 0),
	},
	{
		Key: "safety.jump-guard", Default: "true",
		Help:   "no jump from quiet to loud by surprise, as by flat volumes",
		Detail: "A rise of the sink's volume of more than 12 dB at once, or one that a program causes, is heard at 6 dB a second while something sounds (after 12 dB at once where something plays already), and is not remembered until you set it so or have listened to it for a minute. Volume keys and a slider that is dragged act at once.",
		field:  boolean(func(c *Config) *bool { return &c.Safety.JumpGuard }),
	},
	{
		Key: "speakers.volume", Default: `"auto"`,
		Alive:  true,
		Help:   "what the desktop's slider moves: \"sink\", or \"device\": the speakers' own level",
		Detail: "\"device\" leaves the stream at full resolution, bit for bit, and turns the two speakers of the pair (`aes67-sink speakers pair`) together; whenever one cannot be reached or is not alike, the stream has the slider's volume again. It needs PipeWire: PulseAudio scales what is recorded whatever one does. \"auto\" is \"sink\" until there is a pair, then \"device\". With several sinks it is \"sink\", since each has a slider and a speaker has one level; \"device\" is an error there.",
		field: choice(func(c *Config) *SpeakerVolume { return &c.Speakers.Volume },
			[]SpeakerVolume{VolumeAuto, VolumeSink, VolumeDevice}, SpeakerVolume.String),
	},
	{
		Key: "announce.sap", Default: "true",
		Alive:  true,
		Help:   "announce the streams by SAP, as Dante and most other receivers want",
		Detail: "Turn it off only if every receiver is set up by hand.",
		field:  boolean(func(c *Config) *bool { return &c.Announce.SAP }),
	},
	{
		Key: "announce.mdns", Default: "true",
		Help:   "announce the streams by mDNS, as RAVENNA receivers want",
		Detail: "Needs Avahi on this computer and announce.rtsp-port. Without Avahi it does no harm.",
		field:  boolean(func(c *Config) *bool { return &c.Announce.MDNS }),
	},
	{
		Key: "announce.rtsp-port", Default: "8554",
		Help:   "the TCP port from which RAVENNA receivers fetch the session descriptions; 0: none",
		Detail: "If other programs have this port, the first of the next nine that is free is taken, and receivers are told by mDNS. 1024 or above. With 0 nothing is announced by mDNS either.",
		field:  integer(func(c *Config) *uint16 { return &c.Announce.RTSPPort }, 0, 65535),
	},
	{
		Key: "announce.sap-interval", Default: `"30s"`,
		Alive:  true,
		Help:   "how often each stream is announced by SAP",
		Detail: "30 s is what other senders do. A shorter one makes streams appear faster in a receiver that has just been switched on.",
		field: duration(func(c *Config) *time.Duration { return &c.Announce.SAPInterval },
			5*time.Second, 300*time.Second, ""),
	},
	{
		Key: "status.listen", Default: `"127.0.0.1:6767"`,
		Help:   "address and port of the page that shows what is going on; \"\" turns it off",
		Detail: "Open it with a browser; docs/page.md tells what is there, and how to put a proxy before it. 127.0.0.1 is seen by this computer only. Another address lets the whole network read it, without a password, and mute the speakers of a pair or let them show themselves; nothing else can be changed by it. /bundle.zip has names and addresses replaced; aes67-sink bundle writes the whole one.",
		field:  text(func(c *Config) *string { return &c.Status.Listen }, checkListen, "\"\" or an IP address with a port, such as \"127.0.0.1:6767\""),
	},
	{
		Key: "status.notifications", Default: "true",
		Help:   "tell on the desktop how to begin, and when what plays is not heard",
		Detail: "How to begin is told once, at the first start as a service; that nothing is heard after ten seconds of it, and at most every ten minutes.",
		field:  boolean(func(c *Config) *bool { return &c.Status.Notifications }),
	},
	{
		Key: "log.level", Default: `"info"`,
		Alive:  true,
		Help:   "the least important message that is logged",
		Detail: "\"debug\" and \"trace\" are for hunting a fault.",
		field:  choice(func(c *Config) *string { return &c.Log.Level }, []string{"trace", "debug", "info", "warn", "error"}, identity),
	},
}

// find returns the option of that key.
func find(key string) (Option, bool) {
	for _, o := range Options {
		if o.Key == key {
			return o, true
		}
	}
	return Option{}, false
}
