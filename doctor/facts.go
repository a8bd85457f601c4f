package doctor

import (
	"cmp"
	"context"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"aes67-sink/health"
	"aes67-sink/status"
)

// Facts are what checks look at. Whoever runs them fills in what is exported;
// Probes may be those of Machine.
type Facts struct {
	Version string // of this program
	Root    fs.FS  // the file system
	UID     int    // whose bridge it is
	Program string // the file of this program

	Bridge         *status.Model   // nil: it did not answer, for which Unreachable is the reason
	Unreachable    error           // status.ErrNotRunning, or another
	Listing        *status.Listing // nil: not known
	StartCommand   string          // what the user types
	RestartCommand string          // empty: there is no one command
	Unit           string          // the service in some words; empty: not known

	Configuration  error  // its faults
	Interface      string // network.interface; empty or "auto": chosen
	SinkID         string
	SinkName       string
	SinkRateHz     int
	RateFollows    bool // sink.rate is "auto"
	StateDirectory string

	// Service asks the user's manager whether the unit starts by itself and whether it
	// runs, in its words; nil, or empty words: not known.
	Service func(context.Context) (enabled, active string)
	// Sound asks the sound server. It is called once.
	Sound func(context.Context) (SoundServer, error)

	// Speakers asks those of the pair that is remembered; nil, or none: there is no pair.
	Speakers func(context.Context) []status.Speaker

	Probes

	iface Interface // in use, or, without a bridge, the one that would be
	sound func() (SoundServer, error)
}

// SoundServer is what a sound server tells of itself.
type SoundServer struct {
	Name      string // such as "PulseAudio (on PipeWire 1.4.2)"
	RateHz    int    // what it mixes at
	Default   string // name of the chosen output
	SinkThere bool   // ours
}

// Interface is a network interface as it is now.
type Interface struct {
	Name     string
	AltNames []string // others by which it is known (ip-link(8), property)
	Index    int
	Carrier  bool
	Wireless bool
	Leased   bool         // its address has a lifetime, as one of DHCP has
	Addrs    []netip.Addr // IPv4
}

// Probes are the questions to the kernel and to others that no file answers.
type Probes struct {
	Interfaces func() ([]Interface, error)                               // but loopback
	Capable    func(path string) (bool, error)                           // a file has CAP_NET_BIND_SERVICE
	Ethernet   func(iface string) (Ethernet, error)                      // the card's energy saving
	Disk       func(directory string) (Disk, error)                      //
	Echo       func(context.Context, int) (bool, error)                  // what is sent to a group by an interface comes back
	Packets    func(context.Context, int, []netip.AddrPort) (int, error) // seen to leave for groups
	Querier    func(context.Context) (netip.Addr, error)                 // whose IGMP query is heard
	Bus        func(ctx context.Context, name string) (Presence, error)
	Realtime   func() bool                                      // this user may have real-time priority by himself
	PipeWire   func(context.Context) (map[string]string, error) // its settings
}

// Ethernet is Energy Efficient Ethernet (IEEE 802.3az) of a link.
type Ethernet struct{ Enabled, Active bool }

// Disk is what a directory's file system has left.
type Disk struct {
	Writable bool
	Free     uint64 // bytes, for this user
}

// Presence is a service on the system bus.
type Presence uint8

// The presences.
const (
	Absent    Presence = iota
	Startable          // the bus starts it when it is asked
	Running
)

// prepare finds the interface, and lets the sound server be asked once.
func (f *Facts) prepare(ctx context.Context) {
	f.sound = sync.OnceValues(func() (SoundServer, error) {
		ctx, stop := context.WithTimeout(ctx, usualDeadline)
		defer stop()
		return f.Sound(ctx)
	})
	all, _ := f.Interfaces() // none: as if there were none, which a check tells
	name := f.Interface
	if f.Bridge != nil && f.Bridge.Network.Interface != "" {
		name = f.Bridge.Network.Interface
	}
	automatic := name == "" || name == "auto"
	f.iface = Interface{Name: name}
	if automatic {
		f.iface.Name = ""
	}
	leads := f.defaultRoute()
	best := -1
	for i := range all {
		e := &all[i]
		rank := 0
		for _, good := range []bool{e.Carrier, len(e.Addrs) > 0, e.Name == leads} {
			rank *= 2
			if good {
				rank++
			}
		}
		if wanted := !automatic && (e.Name == name || slices.Contains(e.AltNames, name)) || automatic && !e.Wireless && rank > 0; wanted && rank > best {
			f.iface, best = *e, rank
		}
	}
}

// defaultRoute is the interface that it leaves by, empty: none (proc(5), net/route).
func (f *Facts) defaultRoute() string {
	for line := range strings.Lines(f.read("proc/self/net/route")) {
		if fields := strings.Fields(line); len(fields) > 7 && fields[1] == "00000000" && fields[7] == "00000000" {
			return fields[0]
		}
	}
	return ""
}

// read returns a file's text without space around it, empty: it cannot be read.
func (f *Facts) read(name string) string {
	text, err := fs.ReadFile(f.Root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// sends reports whether the running bridge has streams on the wire.
func (f *Facts) sends() bool {
	return f.Bridge != nil && len(f.Bridge.Streams) > 0 && slices.Contains([]string{status.Filling, status.Sending, status.Holdover}, f.Bridge.State)
}

// hasPTP reports whether the running bridge has the PTP ports.
func (f *Facts) hasPTP() bool { return f.Bridge != nil && f.Bridge.Clock.State != "" }

// tells reports whether the running bridge tells of something.
func (f *Facts) tells(code health.Code) bool {
	return f.Bridge != nil && slices.ContainsFunc(f.Bridge.Problems, func(p health.Finding) bool { return p.Code == code })
}

// link names the interface.
func (f *Facts) link() string { return cmp.Or(f.iface.Name, "no interface") }
