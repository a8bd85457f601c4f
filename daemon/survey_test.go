package daemon

import (
	"net/netip"
	"slices"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/netif"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
	"aes67-sink/rtsp"
	"aes67-sink/sap"
	"aes67-sink/sdp"
	"aes67-sink/status"
)

func TestASessionHeardInTwoWaysIsListedOnce(t *testing.T) {
	d := sdp.Description{
		Name: "Stage 1", Origin: sdp.Origin{ID: 7, Version: 3, Addr: netip.MustParseAddr("10.0.0.2")},
		Group: netip.MustParseAddr("239.69.2.1"), Port: 5004, Encoding: "L24", Rate: 44100, Channels: 2, Frames: 48,
	}
	other := d
	other.Group, other.Name = netip.MustParseAddr("239.69.2.2"), "Stage 2"
	s := survey{
		used:       "eth0",
		interfaces: []netif.Candidate{{Index: 2, Name: "eth0"}},
		heard: []sap.Heard{
			{Index: 2, Source: netip.MustParseAddr("10.0.0.2"), Description: other},
			{Index: 2, Source: netip.MustParseAddr("10.0.0.2"), Description: d},
		},
		found: []describedSession{{host: "stage.local", Found: rtsp.Found{
			Target:      rtsp.Target{Name: "Stage 1", Index: 2, Address: netip.MustParseAddrPort("10.0.0.2:554")},
			Description: d,
		}}},
	}
	l := s.list()
	if len(l.Sessions) != 2 || l.Sessions[0].Name != "Stage 1" || l.Sessions[1].Name != "Stage 2" {
		t.Fatalf("sessions %+v", l.Sessions)
	}
	if got := l.Sessions[0]; !slices.Equal(got.Via, []string{"sap", "mdns"}) || got.Host != "stage.local" || got.PtimeUS != 1088 || got.Interface != "eth0" {
		t.Errorf("session %+v", got)
	}
	if got := l.Sessions[1]; !slices.Equal(got.Via, []string{"sap"}) || got.Host != "" || got.TTL != nil {
		t.Errorf("session %+v", got)
	}
}

func TestBothLegsAreListedAndKeptClearOf(t *testing.T) {
	d := sdp.Description{
		Name: "Both", Group: netip.MustParseAddr("239.69.2.1"), Port: 5004, Second: netip.MustParseAddrPort("239.70.2.1:5006"),
	}
	s := survey{used: "eth0", heard: []sap.Heard{{Index: 2, Source: netip.MustParseAddr("10.0.0.2"), Description: d}}}
	l := s.list()
	if len(l.Sessions) != 2 || l.Sessions[0].Group != "239.69.2.1" || l.Sessions[1].Group != "239.70.2.1" || l.Sessions[1].Port != 5006 {
		t.Errorf("sessions %+v", l.Sessions)
	}
	n := neighbours{
		chosen: func() int { return 2 }, refused: func() []string { return nil },
		foreign: func(int) []bridge.Foreign { return foreign(d.Name, &d) }, host: func() string { return "pc" },
		changed: make(chan struct{}, 1),
	}
	n.gather()
	if got := n.latest().Sessions; len(got) != 2 || got[0].Group != d.Group || got[1].Group != d.Second.Addr() {
		t.Errorf("kept clear of %+v", got)
	}
}

func TestTheFollowedMasterIsMarked(t *testing.T) {
	clock := func(last byte) aes67.ClockIdentity { return aes67.ClockIdentity{0, 1, 2, 0xFF, 0xFE, 0, 0, last} }
	announce := func(last byte, domain uint8, priority byte) ptp.Announcement {
		return ptp.Announcement{
			Interface: 2, Sender: wire.PortIdentity{Clock: clock(last), Port: 1}, Address: netip.MustParseAddr("10.0.0.2"), Domain: domain,
			Properties: wire.Properties{Priority1: priority, Identity: clock(last)},
		}
	}
	s := survey{
		used:       "eth0",
		interfaces: []netif.Candidate{{Index: 2, Name: "eth0"}, {Index: 3, Name: "eth1"}},
		masters:    []ptp.Announcement{announce(3, 1, 128), announce(2, 0, 200), announce(1, 0, 128)},
		clock:      &ptp.Status{Role: ptp.RoleFollower, Parent: wire.PortIdentity{Clock: clock(1), Port: 1}},
	}
	l := s.list()
	if len(l.Masters) != 3 || !l.Masters[0].Followed || l.Masters[1].Followed || l.Masters[2].Domain != 1 {
		t.Errorf("masters %+v", l.Masters)
	}
	s.clock = &ptp.Status{Role: ptp.RoleGrandmaster, Grandmaster: clock(9), Announced: wire.Properties{Priority1: 250, Class: 248, Priority2: 250, Identity: clock(9)}}
	own := status.ListedMaster{Grandmaster: clock(9).String(), Own: true, Interface: "eth0", Priority1: 250, Class: 248, Priority2: 250}
	if l := s.list(); len(l.Masters) != 4 || !slices.Contains(l.Masters, own) {
		t.Errorf("masters %+v", l.Masters)
	}
}
