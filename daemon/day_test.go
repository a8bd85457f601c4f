package daemon

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/wake"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/sdp"
)

// day is a desk in simulated time: the real chooser of the interface and the real
// supervisor between a network, a sound server and a computer that are played. It
// satisfies bridge.Parts.
type day struct {
	cfg     config.Config
	began   time.Time
	chooser *netif.Chooser
	network *network

	candidates []netif.Candidate
	signs      []netif.Sign
	plays      bool // a program, into our sink
	sounds     bool // what it plays is no silence
	asleep     bool // the computer
	hidden     bool // the sink: programs play elsewhere
	carrier    bool

	state     networkState
	sends     bool
	served    bool
	announced int
	changed   chan struct{}

	supervisor *bridge.Bridge
	pipeline   *bridge.Pipeline
	end        func()
}

func (d *day) Inputs() bridge.Inputs {
	in := bridge.Inputs{
		Sink:    bridge.SinkInput{Ready: !d.hidden || !d.state.Usable, VolumeConfirmed: true},
		Network: d.state.NetworkInput,
		Clock:   bridge.ClockInput{State: bridge.ClockLocked, Grandmaster: aes67.ClockIdentity{1}},
	}
	if d.asleep {
		in.Network = bridge.NetworkInput{Problem: "the computer goes to sleep"}
	}
	return in
}

func (d *day) StartSender(bridge.Network, []aes67.Stream) error  { d.sends = true; return nil }
func (d *day) StopSender()                                       { d.sends = false }
func (d *day) Announce(_ bridge.Network, sessions []sdp.Session) { d.announced = len(sessions) }
func (d *day) Serve(yes bool)                                    { d.served = yes }
func (d *day) Neighbours() *bridge.Neighbours                    { return noNeighbours }
func (d *day) NTPSeconds() uint64                                { return 4e9 }
func (d *day) Now() aes67.MonoTime                               { return aes67.MonoTime(time.Second + time.Since(d.began)) }
func (d *day) Changed() <-chan struct{}                          { return d.changed }

var noNeighbours = &bridge.Neighbours{Host: "pc"}

// start starts the bridge, as a login or an upgrade does.
func (d *day) start(t *testing.T) {
	t.Helper()
	pipeline, err := bridge.NewPipeline(bridge.PipelineConfig{Channels: 2, SinkRate: 48000, StreamRate: 48000, PacketFrames: 48}, &mediaclock.Clock{})
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := bridge.NewRooms(bridge.RoomsConfig{StreamRate: 48000, PacketFrames: 48}, []bridge.Room{{Pipeline: pipeline, Channels: make([]string, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	last := netif.ChooserConfig{Interface: d.cfg.Network.Interface}
	if d.state.Usable { // it goes on where it was
		last.Last, last.LastAddr = d.state.Chosen.Interface.Name, d.state.Chosen.Address
	}
	d.chooser, d.network, d.pipeline, d.changed = netif.NewChooser(last), &network{playing: func() bool { return d.plays && !d.hidden && !d.asleep }}, pipeline, make(chan struct{}, 1)
	d.network.withdraw = func(yes bool) bool {
		played := d.network.playing()
		d.hidden = yes
		return yes && played
	}
	plan := planSessions(d.cfg, noMemory(t).identities, nameOf(d.cfg))
	plan.Keep = func(bridge.Identity) {}
	d.supervisor = bridge.New(d, rooms, plan, bridge.RestPolicy{Rests: d.cfg.Rests(), After: d.cfg.Stream.IdleAfter}, zerolog.Nop())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.supervisor.Run(ctx) }()
	d.end = func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	synctest.Wait()
}

// step is how much of the day passes at a time.
const step = 5 * time.Second

// pass lets one step pass.
func (d *day) pass() {
	now, playing := d.Now(), d.network.playing() || d.network.interrupted
	var up []netif.Candidate
	for _, c := range d.candidates {
		c.Carrier = c.Wireless || d.carrier && !d.asleep
		up = append(up, c)
	}
	decision := d.chooser.Decide(now, up, d.signs, playing)
	d.state = stateOf(decision, up, d.cfg.Network.Automatic() && !playing && len(d.chooser.Interfaces(up)) > 0, playing)
	d.network.offline(now, !d.state.Usable && !d.state.Idle)
	if d.network.playing() {
		block := make([]float32, 512)
		if d.sounds {
			block[3] = 0.1
		}
		d.pipeline.Frames(block, now)
	}
	wake.Signal(d.changed)
	synctest.Wait()
	time.Sleep(step)
	synctest.Wait()
}

// event is what happens at the desk at a time of the day.
type event struct {
	at   string
	what string
	do   func(d *day)
}

func sound(d *day)   { d.plays, d.sounds = true, true }
func silence(d *day) { d.plays = false }

// desk is a day of a laptop with a dock and a user with two loudspeakers.
var desk = []event{
	{"00:00", "asleep, on the dock", func(d *day) { d.asleep, d.carrier = true, true }},
	{"07:30", "awake, undocked: Wi-Fi alone", func(d *day) { d.asleep, d.carrier = false, false }},
	{"07:40", "music, which goes to the laptop's own loudspeakers", sound},
	{"07:55", "no music", silence},
	{"08:00", "docked; a Dante device announces itself by DNS-SD", func(d *day) {
		d.carrier = true
		d.signs = []netif.Sign{{Index: 2, Kind: netif.SignDNSSD, Detail: "Dante device", At: d.Now()}}
	}},
	{"08:30", "a notification", sound},
	{"08:30:05", "no sound", silence},
	{"09:30", "music", sound},
	{"10:00", "pause, the player open and silent", func(d *day) { d.sounds = false }},
	{"10:05", "music", sound},
	{"10:45", "no music", silence},
	{"11:45", "music", sound},
	{"12:00", "undocked while it plays", func(d *day) { d.carrier = false }},
	{"12:00:30", "no music", silence},
	{"12:10", "docked", func(d *day) { d.carrier = true }},
	{"13:00", "a PTP grandmaster and its sessions appear", func(d *day) {
		d.signs = append(d.signs, netif.Sign{Index: 2, Kind: netif.SignPTP, Detail: "PTP grandmaster", At: d.Now()})
	}},
	{"14:00", "music", sound},
	{"14:30", "lid closed while it plays", func(d *day) { d.asleep = true }},
	{"15:00", "lid opened, the music goes on", func(d *day) { d.asleep = false }},
	{"15:30", "the player is open and silent", func(d *day) { d.sounds = false }},
	{"16:00", "an upgrade restarts the bridge at rest", nil},
	{"17:00", "music", sound},
	{"17:10", "an upgrade restarts the bridge while it plays", nil},
	{"17:30", "no music", silence},
	{"19:00", "a film", sound},
	{"21:00", "no film", silence},
	{"23:00", "a notification", sound},
	{"23:00:05", "no sound", silence},
	{"24:00", "", nil},
}

// on is when packets are to be sent that day, from and to: from each sound until the
// idle time after it, as long as the network that was chosen for it is there and the
// computer awake.
var on = map[string][][2]string{
	"auto": {
		{"08:30", "08:50:05"},
		{"09:30", "11:05"},
		{"11:45", "12:00:05"},
		{"12:10", "12:20:05"}, // back within the idle time
		{"14:00", "14:30"},
		{"15:00", "15:50"},
		{"17:00", "17:50"},
		{"19:00", "21:20"},
		{"23:00", "23:20:05"},
	},
	"eno1": {{"08:00", "12:00"}, {"12:10", "14:30"}, {"15:00", "24:00"}},
}

func clockTime(t *testing.T, s string) time.Duration {
	t.Helper()
	var hours, minutes, seconds int
	if n, _ := fmt.Sscanf(s, "%d:%d:%d", &hours, &minutes, &seconds); n < 2 {
		t.Fatalf("no time of the day: %q", s)
	}
	return time.Duration(hours*3600+minutes*60+seconds) * time.Second
}

func timeOfDay(at time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", int(at.Hours()), int(at.Minutes())%60, int(at.Seconds())%60)
}

// TestADayAtADesk plays 24 hours and compares when packets were sent with when they
// should have been. Say -v for the table.
func TestADayAtADesk(t *testing.T) {
	for _, iface := range []string{"auto", "eno1"} {
		t.Run(iface, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playDay(t, iface) })
		})
	}
}

func playDay(t *testing.T, iface string) {
	// slack is how long choosing the network may take, or giving it up: 6 s to
	// listen where the network is new, and 5 s of patience; and what is looked at once
	// a step is known a step late.
	const slack = 7*time.Second + step
	d := &day{cfg: config.Default(), began: time.Now()}
	d.cfg.Network.Interface = iface
	d.candidates = []netif.Candidate{
		{Index: 2, Name: "eno1", Kind: "device", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Wired: true, DefaultRoute: true, Metric: 100, MTU: 1500, Addrs: []netip.Prefix{netip.MustParsePrefix("192.168.10.1/24")}},
		{Index: 3, Name: "wlan0", Kind: "device", Wireless: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.9.0.2/24")}, MTU: 1500},
	}
	d.start(t)
	defer func() { d.end() }()
	var table strings.Builder
	sent, wrong := time.Duration(0), time.Duration(0)
	for i, e := range desk[:len(desk)-1] {
		switch {
		case e.do != nil:
			e.do(d)
		default:
			d.end()
			d.start(t)
		}
		from, to := clockTime(t, e.at), clockTime(t, desk[i+1].at)
		part := time.Duration(0)
		for at := from; at < to; at += step {
			d.pass()
			if d.sends {
				part += step
			}
			if d.sends && !d.served {
				t.Errorf("%s: sends, and does not serve", timeOfDay(at))
			}
			should, edge := false, time.Duration(math.MaxInt64)
			for _, span := range on[iface] {
				begins, ends := clockTime(t, span[0]), clockTime(t, span[1])
				should = should || begins <= at && at < ends
				edge = min(edge, (at - begins).Abs(), (at - ends).Abs())
			}
			if d.sends != should && edge > slack {
				if wrong += step; wrong < 5*step {
					t.Errorf("%s: sends %v, want %v (%+v, %+v)", timeOfDay(at), d.sends, should, d.state, d.supervisor.Snapshot().Decision)
				}
			}
		}
		sent += part
		fmt.Fprintf(&table, "%-9s %-52s sends %8s of %8s, then %s, %d sessions announced\n", e.at, e.what, part, to-from, d.supervisor.Snapshot().State, d.announced)
	}
	const packetsPerSecond = 2000 // two streams, each a millisecond
	fmt.Fprintf(&table, "in all %s of sending, %.1f million packets; always sending would be %.1f\n", sent, sent.Seconds()*packetsPerSecond/1e6, 24*3600*packetsPerSecond/1e6)
	t.Log("network.interface = " + iface + "\n" + table.String())
	if wrong > 0 {
		t.Errorf("%v of the day sent wrongly, or not", wrong)
	}
}
