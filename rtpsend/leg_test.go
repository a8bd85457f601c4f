package rtpsend

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
)

// onTwoLegs is onLoopback with a second destination for each stream, by the same
// interface but from another address.
func onTwoLegs(t *testing.T, last byte) Config {
	t.Helper()
	cfg := onLoopback(t, last)
	for i := range cfg.Streams {
		cfg.Streams[i].Second = netip.AddrFrom4([4]byte{239, 69, 254, last + byte(i)})
	}
	cfg.Second = Leg{cfg.Interface, netip.AddrFrom4([4]byte{127, 0, 0, 2})}
	return cfg
}

// seconds is what a receiver of the second leg alone would be told.
func (c Config) seconds() Config {
	c.Streams = append([]aes67.Stream(nil), c.Streams...)
	for i := range c.Streams {
		c.Streams[i].Group = c.Streams[i].Second
	}
	return c
}

// TestBothLegsCarryTheSamePackets holds the sender to SMPTE ST 2022-7:2019, 6: header
// and payload are alike, whatever becomes of the other leg.
func TestBothLegsCarryTheSamePackets(t *testing.T) {
	cfg := onTwoLegs(t, 100)
	for i := range cfg.Streams {
		cfg.Streams[i].PacketTime = aes67.PacketTime4ms // few enough for a queue
	}
	l := listen(t, cfg)
	for _, s := range cfg.seconds().Streams {
		if err := l.conn.JoinGroup(&cfg.Interface, &net.UDPAddr{IP: s.Group.AsSlice()}); err != nil {
			t.Fatal(err)
		}
	}
	var clock mediaclock.Clock
	s, err := New(cfg, &clock, &tone{level: [8]float64{0.3, -0.2}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, s)
	clock.Step(rtthread.Raw(), startOfPTP, 0)
	l.collect(t, func(p []heard) bool { return len(p) >= 100 })

	first, second := Leg{cfg.Interface, cfg.Source}, cfg.Second
	for _, legs := range [][2]Leg{{first, {}}, {first, second}, {{}, second}, {first, {cfg.Interface, netip.AddrFrom4([4]byte{127, 0, 0, 3})}}, {first, second}} {
		if err := s.SetLegs(legs[0], legs[1]); err != nil {
			t.Fatal(err)
		}
		n := len(l.packets)
		l.collect(t, func(p []heard) bool { return len(p) >= n+100 })
	}
	stop()
	stats := s.Snapshot()
	for _, stream := range stats.Streams {
		if stream.Dropped != 0 || stream.SecondDropped != 0 || stream.SecondPackets == 0 {
			t.Errorf("%+v: want none dropped, some on the second leg", stream)
		}
	}
	type key struct {
		ssrc     uint32
		sequence uint16
	}
	seen := map[key][]heard{}
	for _, p := range l.packets {
		at := key{p.ssrc, p.sequence}
		seen[at] = append(seen[at], p)
	}
	both, sources := 0, map[netip.Addr]bool{}
	for at, copies := range seen {
		for _, p := range copies {
			sources[p.source.Addr().Unmap()] = true
			if p.timestamp != copies[0].timestamp || string(p.payload) != string(copies[0].payload) {
				t.Fatalf("%+v: the copies differ", at)
			}
		}
		if len(copies) == 2 {
			both++
		}
	}
	if len(stats.Streams) != 2 || len(seen) < 300 || both < 150 || both == len(seen) || len(sources) != 3 {
		t.Errorf("%d packets, %d of them twice, from %v", len(seen), both, sources)
	}
}

// Streams that rest begin again by the second leg where the first is away, and use the first
// when it is back.
func TestAFirstLegThatIsAwayDoesNotKeepTheSecondFromBeginning(t *testing.T) {
	cfg := onTwoLegs(t, 113)
	there := cfg.Source
	cfg.Source = netip.Addr{}
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	if st := s.Snapshot().Streams[0]; st.Packets != 0 || st.SecondPackets != 1 {
		t.Errorf("%+v, want it sent by the second leg alone", st)
	}
	if err := s.SetLegs(Leg{cfg.Interface, there}, cfg.Second); err != nil {
		t.Fatal(err)
	}
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	if st := s.Snapshot().Streams[0]; st.Packets != 1 || st.SecondPackets != 2 {
		t.Errorf("%+v, want it sent by both", st)
	}
}

func TestALegThatIsRefusedDoesNotTouchTheOther(t *testing.T) {
	cfg := onTwoLegs(t, 110)
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	told := &toldSent{}
	s.config.Recorder = told
	defer func() { _ = s.Close() }()
	for i := range s.second.messages {
		s.second.messages[i] = newMessage(make([]byte, 70_000), netip.AddrPortFrom(cfg.Streams[i].Second, 15004))
	}
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	stats := s.Snapshot()
	if st := stats.Streams[0]; st.Packets != 1 || st.Dropped != 0 || st.SecondPackets != 0 || st.SecondDropped != 1 || stats.Problem != "" || stats.SecondProblem == "" {
		t.Errorf("%+v: want the first leg sent, the second dropped, its problem told", stats)
	}
	if err := s.SetLegs(Leg{cfg.Interface, cfg.Source}, Leg{}); err != nil {
		t.Fatal(err)
	}
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	if stats = s.Snapshot(); stats.Streams[0].Packets != 2 || stats.Streams[0].SecondDropped != 1 || stats.SecondProblem != "" {
		t.Errorf("%+v: a leg that rests has no problem", stats)
	}
	if told.refused != 0 {
		t.Errorf("%d packet times are recorded as refused, though each packet left once", told.refused)
	}
	if err := s.SetLegs(Leg{cfg.Interface, netip.MustParseAddr("192.0.2.1")}, Leg{}); err == nil {
		t.Error("an address that is not ours is taken")
	}
}

// TestALegThatCannotBePlacedSaysWhyUntilItIs: an interface that has just come up has not its
// address yet.
func TestALegThatCannotBePlacedSaysWhyUntilItIs(t *testing.T) {
	cfg := onTwoLegs(t, 115)
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	first, second, foreign := Leg{cfg.Interface, cfg.Source}, cfg.Second, Leg{cfg.Interface, netip.MustParseAddr("192.0.2.1")}
	for i, step := range []struct {
		legs  [2]Leg
		fails [2]bool
	}{
		{[2]Leg{first, second}, [2]bool{}},
		{[2]Leg{first, foreign}, [2]bool{false, true}},
		{[2]Leg{foreign, second}, [2]bool{true, false}},
		{[2]Leg{foreign, {}}, [2]bool{true, false}}, // one that is to rest has no reason
		{[2]Leg{first, second}, [2]bool{}},
	} {
		before := s.Snapshot().Streams[0]
		err := s.SetLegs(step.legs[0], step.legs[1])
		one, two := s.Unplaced()
		if fails := [2]bool{one != nil, two != nil}; fails != step.fails || (err != nil) != (fails != [2]bool{}) {
			t.Errorf("step %d: %v, of the legs %v and %v", i, err, one, two)
		}
		s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
		after := s.Snapshot().Streams[0]
		sent := [2]bool{after.Packets > before.Packets, after.SecondPackets > before.SecondPackets}
		if want := [2]bool{!step.fails[0], !step.fails[1] && step.legs[1].Source.IsValid()}; sent != want {
			t.Errorf("step %d: packets leave by %v, want %v", i, sent, want)
		}
	}
}

func TestALegIsNotMovedOnceTheSenderIsClosed(t *testing.T) {
	cfg := onTwoLegs(t, 120)
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetLegs(Leg{cfg.Interface, cfg.Source}, cfg.Second); !errors.Is(err, errClosed) {
		t.Errorf("SetLegs = %v, want %v", err, errClosed)
	}
}

func TestTwoLegsDoNotAllocate(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	var clock mediaclock.Clock
	clock.Step(rtthread.Raw(), startOfPTP, 0)
	s, err := New(onTwoLegs(t, 130), &clock, &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	m, _ := clock.Load()
	if n := testing.AllocsPerRun(1000, func() { s.send(decision{act: actSend, open: true}, m, s.read()) }); n != 0 {
		t.Errorf("a packet time on two legs allocates %v times", n)
	}
}

// TestToOneReceiver sends to single addresses: with the TTL that was asked for, by the
// interface that was asked for, and though nobody listens.
func TestToOneReceiver(t *testing.T) {
	cfg := onLoopback(t, 140)
	cfg.Loop = false // which is for groups alone
	for i := range cfg.Streams {
		cfg.Streams[i].Group, cfg.Streams[i].Port = netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i)}), 15014
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 9, 1), Port: 15014})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTTL, 1) })
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 20 { // nobody has the second one's port open: the kernel says so by ICMP
		s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	}
	b, oob := make([]byte, 2048), make([]byte, 256)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, used, _, from, err := conn.ReadMsgUDPAddrPort(b, oob)
	if err != nil || n != headerBytes+cfg.Streams[0].PayloadBytes() || from.Addr().Unmap() != cfg.Source {
		t.Fatalf("%d bytes from %v: %v", n, from, err)
	}
	if messages, err := unix.ParseSocketControlMessage(oob[:used]); err != nil || len(messages) != 1 || messages[0].Data[0] != cfg.Streams[0].TTL {
		t.Errorf("control %v: %v, want TTL %d", messages, err, cfg.Streams[0].TTL)
	}
	stats := s.Snapshot()
	for _, stream := range stats.Streams {
		if stream.Packets != 20 || stream.Dropped != 0 || stats.Problem != "" {
			t.Errorf("%+v, %q: want all of them sent", stream, stats.Problem)
		}
	}
}

// TestADestinationThatIsRefusedIsCountedAndToldButEndsNothing: the kernel alone knows
// which addresses are those of all receivers of a subnet.
func TestADestinationThatIsRefusedIsCountedAndToldButEndsNothing(t *testing.T) {
	cfg := onLoopback(t, 150)
	cfg.Streams[0].Group = netip.AddrFrom4([4]byte{127, 255, 255, 255})
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 3 {
		s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	}
	stats := s.Snapshot()
	if stats.Streams[0].Dropped != 3 || stats.Streams[1].Packets != 3 || stats.Problem == "" {
		t.Errorf("%+v: want three dropped, three sent, and the reason", stats)
	}
}

func TestASecondLegThatCannotBeginRests(t *testing.T) {
	cfg := onTwoLegs(t, 160)
	good := cfg.Second
	cfg.Second.Source = netip.MustParseAddr("192.0.2.1") // not ours, any more
	s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	if st := s.Snapshot().Streams[0]; st.Packets != 1 || st.SecondPackets+st.SecondDropped != 0 {
		t.Errorf("%+v: want one packet on the first leg", st)
	}
	if err := s.SetLegs(Leg{cfg.Interface, cfg.Source}, good); err != nil {
		t.Fatal(err)
	}
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	if st := s.Snapshot().Streams[0]; st.Packets != 2 || st.SecondPackets != 1 {
		t.Errorf("%+v: want the second leg in use", st)
	}
}
