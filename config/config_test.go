package config

import (
	"errors"
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs from the option table, refresh it with -update (-want +got):\n%s", path, diff)
	}
}

// read reads a configuration text as Load does.
func read(text string, set ...string) (Config, Faults) {
	s := newSettings()
	s.readFile("config.toml", text)
	for _, setting := range set {
		s.override(setting)
	}
	s.cross()
	return s.config, s.faults
}

// equal compares configurations; addresses have unexported fields.
func equal(t *testing.T, got, want Config) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	equal(t, Default(), Config{
		Sink: Sink{
			Name: "AES67 Speakers", ID: "aes67", Rate: 48000,
			Channels: []string{"front-left", "front-right"},
		},
		Network: Network{Interface: "auto"},
		Stream: Stream{
			Layout: Mono, Rate: 48000, Encoding: aes67.L24, PacketTime: aes67.PacketTime1ms,
			AddressPrefix: Prefix{239, 69}, Port: 5004, PayloadType: 98, TTL: 15, DSCP: 34, IdleAfter: 20 * time.Minute,
		},
		Clock:    Clock{Mode: aes67.ClockAuto, DSCP: 46, Priority1: 250, Priority2: 250},
		Safety:   Safety{FirstVolumeDB: -40, JumpGuard: true},
		Announce: Announce{SAP: true, MDNS: true, RTSPPort: 8554, SAPInterval: 30 * time.Second},
		Status:   Status{Listen: "127.0.0.1:6767", Notifications: true},
		Log:      Log{Level: "info"},
	})
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestOptionTableIsComplete(t *testing.T) {
	known := map[string]bool{}
	for _, table := range Tables {
		known[table.Name] = true
	}
	seen := map[string]bool{}
	for _, o := range Options {
		switch {
		case seen[o.Key]:
			t.Errorf("%s: twice", o.Key)
		case !known[o.Table()]:
			t.Errorf("%s: unknown table", o.Key)
		case o.Help == "" || strings.HasSuffix(o.Help, "."):
			t.Errorf("%s: help must be a line without a full stop", o.Key)
		case !strings.HasSuffix(o.Detail, "."):
			t.Errorf("%s: detail must be sentences", o.Key)
		}
		seen[o.Key] = true
		c := Default()
		if got := tomlText(o.raw(&c)); got != o.Default {
			t.Errorf("%s: default reads back as %s, want %s", o.Key, got, o.Default)
		}
	}
}

func TestPrintedDefaultsAndDocument(t *testing.T) {
	golden(t, "testdata/default.toml", Default().TOML())
	golden(t, "../packaging/config.toml", Default().TOML())
	golden(t, "../docs/configuration.md", Markdown())
	golden(t, "../docs/man/aes67-sink.toml.5", Manual())
}

func pickAddress(r *rand.Rand) netip.Addr {
	return []netip.Addr{{}, netip.MustParseAddr("192.168.10.1"), netip.MustParseAddr("169.254.7.7")}[r.IntN(3)]
}

// random returns a valid configuration.
func random(r *rand.Rand) Config {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	c := Config{
		Sink: Sink{
			Name: pick("AES67 Speakers", "Küche \"links\" \\ rechts", "日本", "a'b#c=d"),
			ID:   pick("aes67", "A.b_c-9"), Rate: aes67.Rates[r.IntN(4)],
			Latency: time.Duration(8+r.IntN(1992)) * time.Millisecond * time.Duration(r.IntN(2)),
		},
		Network: Network{Interface: pick("auto", "eno1", "enx001122334455"), Address: pickAddress(r)},
		Stream: Stream{
			Layout: Layout(r.IntN(3)), Rate: aes67.Rates[r.IntN(4)], Encoding: aes67.Encoding(r.IntN(2)),
			PacketTime: aes67.PacketTimes()[r.IntN(5)], AddressPrefix: Prefix{239, byte(r.IntN(256))},
			Port: uint16(1024 + r.IntN(64511)), PayloadType: uint8(96 + r.IntN(32)), TTL: uint8(1 + r.IntN(255)),
			DSCP: r.IntN(64), Name: pick("", "Studio", "tab is refused, not this"),
			ReceiverLatency: time.Duration(r.IntN(501)) * time.Millisecond,
		},
		Clock: Clock{
			Mode: aes67.ClockMode(r.IntN(3)), Domain: uint8(r.IntN(128)), DSCP: r.IntN(64),
			Priority1: uint8(r.IntN(256)), Priority2: uint8(r.IntN(256)),
		},
		Safety: Safety{FirstVolumeDB: -100 * r.Float64(), CeilingDBFS: -60 * r.Float64(), MaxVolumeDB: -60 * r.Float64(), JumpGuard: r.IntN(2) == 0},
		Announce: Announce{
			SAP: r.IntN(2) == 0, MDNS: r.IntN(2) == 0, RTSPPort: uint16(1024 + r.IntN(64512)),
			SAPInterval: 5*time.Second + time.Duration(r.Int64N(int64(295*time.Second))),
		},
		Status: Status{Listen: pick("", "127.0.0.1:6767", "[::1]:80", "localhost:8080", "0.0.0.0:65535"), Notifications: r.IntN(2) == 0},
		Log:    Log{Level: pick("trace", "debug", "info", "warn", "error")},
	}
	all := []string{"front-left", "front-right", "rear-left", "rear-right", "front-center", "lfe", "aux0", "aux31"}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.Sink.Channels = all[:1+r.IntN(8)]
	furnish(r, &c)
	if r.IntN(2) == 0 {
		for i := range c.StreamCount() {
			c.Stream.Addresses = append(c.Stream.Addresses, netip.AddrFrom4([4]byte{239, 1, byte(r.IntN(256)), byte(i)}))
		}
	}
	return c
}

func TestWhatIsPrintedReadsBack(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	valid := 0
	for range 500 {
		c := random(r)
		if c.Validate() != nil { // laws between options
			continue
		}
		valid++
		got, faults := read(c.TOML())
		if len(faults) != 0 {
			t.Fatalf("%v in\n%s", faults, c.TOML())
		}
		equal(t, got, c)
	}
	if valid < 100 {
		t.Fatalf("%d valid configurations tried, want 100 or more", valid)
	}
}

func TestFaultsOfAFile(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"an unknown key with a typo", "[sink]\n\nnmae = \"x\"", `config.toml:3: sink.nmae: unknown key; did you mean sink.name?`},
		{"a key in the wrong table", "[sink]\nttl = 3", `config.toml:2: sink.ttl: unknown key; did you mean stream.ttl?`},
		{"a key of two tables in a table like one", "[sink]\n[strem]\nrate = 48000", `config.toml:2: strem: unknown table or key; did you mean [stream]?`},
		{"a key of two tables outside any", "rate = 48000", `config.toml:1: rate: unknown table or key; put it below [sink] or [stream]`},
		{"a key like none", "[sink]\ncolour = 3", `config.toml:2: sink.colour: unknown key; aes67-sink config prints every key there is`},
		{"a key outside any table", "ttl = 3", `config.toml:1: ttl: unknown table or key; put it below [stream]`},
		{"an unknown table", "\n[strem]\nttl = 3", `config.toml:2: strem: unknown table or key; did you mean [stream]?`},
		{"a value for a table", "sink = 3", `config.toml:1: sink: not a table; write [sink] on a line of its own and the keys below it`},
		{"a list of tables", "[[network]]\ninterface = \"x\"", `config.toml:1: network: not a table; write [network] on a line of its own and the keys below it`},
		{"a list of no tables", "sink = [3]", `config.toml:1: sink: not a table; write [sink] on a line of its own and the keys below it`},
		{"a table for a value", "[sink.rate]\nhz = 48000", `config.toml:1: sink.rate = {…}: a table where a whole number belongs; must be "auto" or one of 44100, 48000, 88200, 96000 Hz; the default is 48000`},
		{
			"several", "[stream]\nlayout = \"mono\"\naddresses = [\"239.1.1.1\"]\nttl = 0\n[sink]\nx = 1",
			`config.toml:3: stream.addresses = ["239.1.1.1"]: 1 address for 2 streams; must be 2 in channel order, or [] to derive them` + "\n" +
				`config.toml:4: stream.ttl = 0: out of range; must be 1 to 255 hops; the default is 15` + "\n" +
				`config.toml:6: sink.x: unknown key; did you mean sink.id?`,
		},
		{"a broken table", "[sink\nname = \"x\"\n", `config.toml:1: not valid TOML: expected '.' or ']' to end table name, but got '\n' instead; correct the line`},
		{"broken TOML", "[sink]\nname = AES67\n", `config.toml:2: not valid TOML: expected value but found "AES" instead; correct the line`},
		{"a key twice", "[sink]\nname = \"a\"\nname = \"b\"\n", `config.toml:3: not valid TOML: Key 'sink.name' has already been defined.; correct the line`},
		{"a number for a text", "[sink]\nname = 67", `config.toml:2: sink.name = 67: a whole number where a text belongs; must be 1 to 63 bytes of text without control characters or backslashes; the default is "AES67 Speakers"`},
		{"a text for a number", "[stream]\nttl = \"15\"", `config.toml:2: stream.ttl = "15": a text where a whole number belongs; must be 1 to 255 hops; the default is 15`},
		{"a fraction for a whole number", "[stream]\nttl = 15.0", `config.toml:2: stream.ttl = 15.0: a number with a point where a whole number belongs; must be 1 to 255 hops; the default is 15`},
		{"a date for a truth", "[announce]\nsap = 2026-01-01", `config.toml:2: announce.sap = 2026-01-01 00:00:00 +0000 date-local: a date or time where true or false belongs; must be true or false; the default is true`},
		{"a number too large", "[stream]\nttl = 256", `config.toml:2: stream.ttl = 256: out of range; must be 1 to 255 hops; the default is 15`},
		{"a number that would wrap", "[stream]\nttl = 257", `config.toml:2: stream.ttl = 257: out of range; must be 1 to 255 hops; the default is 15`},
		{"a number that is none", "[safety]\nceiling = nan", `config.toml:2: safety.ceiling = NaN: out of range; must be -60 to 0 dBFS; the default is 0.0`},
		{"a ceiling above full scale", "[safety]\nceiling = 0.1", `config.toml:2: safety.ceiling = 0.1: out of range; must be -60 to 0 dBFS; the default is 0.0`},
		{"an unknown rate", "[sink]\nrate = 32000", `config.toml:2: sink.rate = 32000: unknown sample rate; must be "auto" or one of 44100, 48000, 88200, 96000 Hz; the default is 48000`},
		{"a rate that would wrap", "[sink]\nrate = 4295015296", `config.toml:2: sink.rate = 4295015296: unknown sample rate; must be "auto" or one of 44100, 48000, 88200, 96000 Hz; the default is 48000`},
		{"an unknown word", "[stream]\nptime = \"2ms\"", `config.toml:2: stream.ptime = "2ms": unknown word; must be one of "125us", "250us", "333us", "1ms", "4ms"; the default is "1ms"`},
		{"a duration without unit", "[sink]\nlatency = \"20\"", `config.toml:2: sink.latency = "20": not a number with a unit (us, ms, s, m, h); must be "auto" or a duration from 2ms to 2s in quotes; the default is "auto"`},
		{"a duration without quotes", "[sink]\nlatency = 20", `config.toml:2: sink.latency = 20: a whole number where a text belongs; must be "auto" or a duration from 2ms to 2s in quotes; the default is "auto"`},
		{"too short an interval", "[announce]\nsap-interval = \"1s\"", `config.toml:2: announce.sap-interval = "1s": out of range; must be a duration from 5s to 300s in quotes; the default is "30s"`},
		{"a name too long", "[sink]\nname = \"" + strings.Repeat("x", 100) + "\"", `config.toml:2: sink.name = "` + strings.Repeat("x", 79) + `…: 100 bytes long; must be 1 to 63 bytes of text without control characters or backslashes; the default is "AES67 Speakers"`},
		{"a name with a backslash", "[sink]\nname = 'a\\b'", `config.toml:2: sink.name = "a\\b": has a backslash, which the sound servers understand differently; must be 1 to 63 bytes of text without control characters or backslashes; the default is "AES67 Speakers"`},
		{"a name with an escape", "[sink]\nname = \"a\\u001bb\"", `config.toml:2: sink.name = "a\u001Bb": contains a character that cannot be shown; must be 1 to 63 bytes of text without control characters or backslashes; the default is "AES67 Speakers"`},
		{"an id that is a number", "[sink]\nid = \"67\"", `config.toml:2: sink.id = "67": not a name that a sound server takes; must be a letter, then up to 62 letters, digits, dots, underscores or hyphens; the default is "aes67"`},
		{"a position name of another kind", "[sink]\nchannels = [\"left\"]", `config.toml:2: sink.channels = ["left"]: "left" is not a position name; must be 1 to 8 different position names such as "front-left"; the default is ["front-left", "front-right"]`},
		{"a channel twice", "[sink]\nchannels = [\"lfe\", \"lfe\"]", `config.toml:2: sink.channels = ["lfe", "lfe"]: "lfe" twice; must be 1 to 8 different position names such as "front-left"; the default is ["front-left", "front-right"]`},
		{"no channels", "[sink]\nchannels = []", `config.toml:2: sink.channels = []: 0 channels; must be 1 to 8 different position names such as "front-left"; the default is ["front-left", "front-right"]`},
		{"a channel that is a number", "[sink]\nchannels = [1]", `config.toml:2: sink.channels = [1]: item 1 is a whole number, not a text; must be 1 to 8 different position names such as "front-left"; the default is ["front-left", "front-right"]`},
		{"an address that is none", "[network]\naddress = \"eno1\"", `config.toml:2: network.address = "eno1": not an IPv4 address; must be an IPv4 address of this computer, or empty; the default is ""`},
		{"a group as address", "[network]\naddress = \"239.69.1.1\"", `config.toml:2: network.address = "239.69.1.1": not the address of an interface; must be an IPv4 address of this computer, or empty; the default is ""`},
		{"an interface with a space", "[network]\ninterface = \"eno 1\"", `config.toml:2: network.interface = "eno 1": contains a character that no interface name has; must be "auto" or the name of an interface, 1 to 127 bytes without spaces or slashes; the default is "auto"`},
		{"a prefix that is not multicast", "[stream]\naddress-prefix = \"192.168\"", `config.toml:2: stream.address-prefix = "192.168": not multicast; must be two numbers from 224.1 to 239.255 such as "239.69", not 232.x; the default is "239.69"`},
		{"a prefix for source-specific multicast", "[stream]\naddress-prefix = \"232.1\"", `config.toml:2: stream.address-prefix = "232.1": source-specific multicast, which needs receivers that name the sender (RFC 4607); must be two numbers from 224.1 to 239.255 such as "239.69", not 232.x; the default is "239.69"`},
		{"a prefix of three numbers", "[stream]\naddress-prefix = \"239.69.1\"", `config.toml:2: stream.address-prefix = "239.69.1": not two numbers from 0 to 255 with a point between; must be two numbers from 224.1 to 239.255 such as "239.69", not 232.x; the default is "239.69"`},
		{"an address twice", "[stream]\naddresses = [\"239.1.1.1\", \"239.1.1.1\"]", `config.toml:2: stream.addresses = ["239.1.1.1", "239.1.1.1"]: 239.1.1.1 twice: streams cannot share one; must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"the address of announcements", "[stream]\naddresses = [\"239.255.255.255\"]", `config.toml:2: stream.addresses = ["239.255.255.255"]: 239.255.255.255: 239.255.255.x carries announcements (RFC 2365, 9); must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"an address that meets the clock's", "[stream]\naddresses = [\"239.128.1.129\"]", `config.toml:2: stream.addresses = ["239.128.1.129"]: 239.128.1.129: shares its Ethernet address with the clock on 224.0.1.129; must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"an address that meets mDNS", "[stream]\naddresses = [\"239.0.0.251\"]", `config.toml:2: stream.addresses = ["239.0.0.251"]: 239.0.0.251: shares its Ethernet address with 224.0.0.251: switches send it to every port; must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"an address of everybody", "[stream]\naddresses = [\"255.255.255.255\"]", `config.toml:2: stream.addresses = ["255.255.255.255"]: 255.255.255.255 is not an IPv4 address of one receiver, nor a multicast address; must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"one interface for both legs", "[network]\ninterface = \"eno1\"\nsecondary = \"eno1\"", `config.toml:3: network.secondary = "eno1": is network.interface too; must be another interface, or ""`},
		{"a second leg that is to be chosen", "[network]\nsecondary = \"auto\"", `config.toml:2: network.secondary = "auto": chosen by nobody: it has to be named; must be empty or the name of an interface, 1 to 127 bytes without spaces or slashes; the default is ""`},
		{"second addresses without a second leg", "[stream]\nsecondary-addresses = [\"239.2.1.1\", \"239.2.1.2\"]", `config.toml:2: stream.secondary-addresses = ["239.2.1.1", "239.2.1.2"]: there is no network.secondary; name that interface, or take []`},
		{
			"the same address on both legs", "[network]\nsecondary = \"eno2\"\n[stream]\naddresses = [\"239.2.1.1\", \"239.2.1.2\"]\nsecondary-addresses = [\"239.2.1.2\", \"239.2.1.3\"]",
			`config.toml:5: stream.secondary-addresses = ["239.2.1.2", "239.2.1.3"]: 239.2.1.2 is one of stream.addresses too; must be other ones, or [] to derive them`,
		},
		{
			"too few second addresses", "[network]\nsecondary = \"eno2\"\n[stream]\nsecondary-addresses = [\"239.2.1.2\"]",
			`config.toml:4: stream.secondary-addresses = ["239.2.1.2"]: 1 address for 2 streams; must be 2 in channel order, or [] to derive them`,
		},
		{"too few addresses", "[stream]\naddresses = [\"239.1.1.1\"]", `config.toml:2: stream.addresses = ["239.1.1.1"]: 1 address for 2 streams; must be 2 in channel order, or [] to derive them`},
		{"a status page without port", "[status]\nlisten = \"127.0.0.1\"", `config.toml:2: status.listen = "127.0.0.1": not an address with a port; must be "" or an IP address with a port, such as "127.0.0.1:6767"; the default is "127.0.0.1:6767"`},
		{"a port of RTSP", "[announce]\nrtsp-port = 554", `config.toml:2: announce.rtsp-port = 554: needs a privilege, and the bridge keeps none; must be 0 or 1024 to 65535`},
		{"long packets at a high rate", "[stream]\nptime = \"4ms\"\nrate = 96000", `config.toml:2: stream.ptime = "4ms": packets of 4ms are not defined at 96000 Hz; take stream.ptime = "1ms"`},
		{
			"a packet too large",
			"[sink]\nchannels = [\"aux0\", \"aux1\", \"aux2\", \"aux3\", \"aux4\", \"aux5\", \"aux6\", \"aux7\"]\n[stream]\nlayout = \"multi\"\nrate = 96000",
			`config.toml:4: stream.ptime = "1ms": 8 channels of L24 at 96000 Hz make 2304 bytes a packet: must be at most 1440; take stream.ptime = "333us" or stream.layout = "mono"`,
		},
		{"a buffer shorter than packets", "[sink]\nlatency = \"5ms\"\n[stream]\nptime = \"4ms\"", `config.toml:2: sink.latency = "5ms": shorter than two packets of stream.ptime = "4ms"; must be "auto" or at least "8ms"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := read(test.text)
			if diff := cmp.Diff(test.want, faults.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAllFaultsAreNamedInTheOrderOfTheLines(t *testing.T) {
	_, faults := read("[stream]\nttl = 0\ndscp = 64\n[clock]\ndomain = 128\n[sink]\nid = \"\"", "log.level=loud", "log.leve=info")
	var keys []string
	for _, f := range faults {
		keys = append(keys, f.Key)
	}
	want := []string{"stream.ttl", "stream.dscp", "clock.domain", "sink.id", "log.level", "log.leve"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestARefusedValueBringsNoSecondFault(t *testing.T) {
	_, faults := read("[sink]\nchannels = [\"left\"]\n[stream]\naddresses = [\"239.1.1.1\"]")
	if len(faults) != 1 || faults[0].Key != "sink.channels" {
		t.Errorf("got %v, want the fault of sink.channels alone", faults)
	}
}

func TestOverrides(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		change(&c)
		return c
	}
	for _, test := range []struct {
		name string
		set  []string
		want Config
	}{
		{"a text without quotes", []string{"sink.name=Living room"}, with(func(c *Config) { c.Sink.Name = "Living room" })},
		{"a text in quotes", []string{`sink.name="Living room"`}, with(func(c *Config) { c.Sink.Name = "Living room" })},
		{"a text with an equals sign", []string{`sink.name=a=b`}, with(func(c *Config) { c.Sink.Name = "a=b" })},
		{"a text of digits", []string{"sink.name=67"}, with(func(c *Config) { c.Sink.Name = "67" })},
		{"a number", []string{"stream.ttl=1"}, with(func(c *Config) { c.Stream.TTL = 1 })},
		{"a whole number for a decimal", []string{"safety.ceiling=-6"}, with(func(c *Config) { c.Safety.CeilingDBFS = -6 })},
		{"a word", []string{"clock.mode=follower"}, with(func(c *Config) { c.Clock.Mode = aes67.ClockFollower })},
		{"a duration", []string{"sink.latency=20ms"}, with(func(c *Config) { c.Sink.Latency = 20 * time.Millisecond })},
		{"back to the default", []string{"sink.latency=20ms", "sink.latency=auto"}, Default()},
		{"a list", []string{`sink.channels=["front-right", "front-left"]`}, with(func(c *Config) { c.Sink.Channels = []string{"front-right", "front-left"} })},
		{"nothing for a text", []string{"status.listen="}, with(func(c *Config) { c.Status.Listen = "" })},
		{"no announcements by mDNS", []string{"announce.mdns=false"}, with(func(c *Config) { c.Announce.MDNS = false })},
		{"no descriptions by RTSP", []string{"announce.rtsp-port=0"}, with(func(c *Config) { c.Announce.RTSPPort = 0 })},
		{"spaces around", []string{" stream.ttl = 1 "}, with(func(c *Config) { c.Stream.TTL = 1 })},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, faults := read("", test.set...)
			if len(faults) != 0 {
				t.Fatal(faults)
			}
			equal(t, got, test.want)
		})
	}
}

func TestFaultsOfOverrides(t *testing.T) {
	for _, test := range []struct{ name, set, want string }{
		{"no equals sign", "sink.name", `--set: "sink.name": not table.key=value; write it like --set sink.latency=20ms`},
		{"no table", "name=x", `--set: "name=x": not table.key=value; write it like --set sink.latency=20ms`},
		{"an unknown key", "sink.latancy=x", `--set: sink.latancy: unknown key; did you mean sink.latency?`},
		{"a table with a typo", "strem.rate=48000", `--set: strem.rate: unknown key; did you mean stream.rate?`},
		{"two letters changed places", "straem.name=x", `--set: straem.name: unknown key; did you mean stream.name?`},
		{"a table like none", "a.ttl=3", `--set: a.ttl: unknown key; did you mean stream.ttl?`},
		{"a letter is missing", "cloc.dscp=46", `--set: cloc.dscp: unknown key; did you mean clock.dscp?`},
		{"no number", "stream.ttl=many", `--set: stream.ttl = many: not a TOML value; must be 1 to 255 hops; the default is 15`},
		{"no value", "stream.ttl=", `--set: stream.ttl: not a TOML value; must be 1 to 255 hops; the default is 15`},
		{"a list without brackets", "stream.addresses=239.1.1.1", `--set: stream.addresses = 239.1.1.1: not a TOML value; must be a list of different IPv4 addresses, of groups or of single receivers, such as "239.69.10.1", or []; the default is []`},
		{"a second key smuggled in", "stream.ttl=1\nvalue2=3", `--set: stream.ttl = 1 value2=3: not a TOML value; must be 1 to 255 hops; the default is 15`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := read("", test.set)
			if diff := cmp.Diff(test.want, faults.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnOverrideWinsOverTheFile(t *testing.T) {
	c, faults := read("[stream]\nttl = 3\nport = 6000\n", "stream.ttl=4")
	if len(faults) != 0 || c.Stream.TTL != 4 || c.Stream.Port != 6000 {
		t.Errorf("ttl %d, port %d, faults %v; want 4, 6000, none", c.Stream.TTL, c.Stream.Port, faults)
	}
}

func TestValidateNamesEveryFaultOfATypedConfiguration(t *testing.T) {
	c := Default()
	c.Stream.TTL, c.Stream.PayloadType, c.Sink.Rate = 0, 95, 1
	c.Stream.Addresses = []netip.Addr{netip.MustParseAddr("239.1.1.1")}
	var faults Faults
	if !errors.As(c.Validate(), &faults) || len(faults) != 4 {
		t.Errorf("got %v, want four faults", faults)
	}
}

func TestFilesAreLookedUpInOrder(t *testing.T) {
	directory := t.TempDir()
	env := func(values map[string]string) func(string) string {
		return func(key string) string { return values[key] }
	}
	write := func(path, text string) string {
		t.Helper()
		path = filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := write("named.toml", "[stream]\nttl = 1")
	ofXDG := write("xdg/aes67-sink/config.toml", "[stream]\nttl = 2")
	ofHome := write("home/.config/aes67-sink/config.toml", "[stream]\nttl = 3")
	home := filepath.Join(directory, "home")
	for _, test := range []struct {
		name    string
		request Request
		file    string
		ttl     uint8
	}{
		{"the named one first", Request{File: named, Env: env(map[string]string{"XDG_CONFIG_HOME": filepath.Join(directory, "xdg")})}, named, 1},
		{"then XDG_CONFIG_HOME", Request{Env: env(map[string]string{"XDG_CONFIG_HOME": filepath.Join(directory, "xdg"), "HOME": home})}, ofXDG, 2},
		{"else the home directory", Request{Env: env(map[string]string{"HOME": home})}, ofHome, 3},
		{"a relative XDG_CONFIG_HOME does not count", Request{Env: env(map[string]string{"XDG_CONFIG_HOME": "xdg", "HOME": home})}, ofHome, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Load(test.request)
			if err != nil || got.File != test.file || got.Config.Stream.TTL != test.ttl {
				t.Errorf("got %s, ttl %d, %v; want %s, %d", got.File, got.Config.Stream.TTL, err, test.file, test.ttl)
			}
		})
	}
	if got := (Request{Env: env(map[string]string{"HOME": home})}).usual(); got[len(got)-1] != systemFile {
		t.Errorf("usual places %q, want %s last", got, systemFile)
	}
}

func TestANamedFileMustExist(t *testing.T) {
	_, err := Load(Request{File: "/nonexistent/aes67.toml", Set: []string{"stream.ttl=0"}})
	want := "/nonexistent/aes67.toml: no such file or directory; give a file that can be read, or leave --config out\n" +
		"--set: stream.ttl = 0: out of range; must be 1 to 255 hops; the default is 15"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestAnUnreadableUsualFileIsAFault(t *testing.T) {
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".config/aes67-sink/config.toml"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Request{Env: func(key string) string { return map[string]string{"HOME": home}[key] }})
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v, want the directory refused", err)
	}
}
