package rtpsend

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tone is a FrameSource: every channel has its own level; it fades in 5 ms.
type tone struct {
	level   [aes67.MaxChannels]float64
	gain    float64
	pulls   atomic.Int64
	skipped atomic.Int64
	unsent  atomic.Int64
	due     atomic.Int64 // the latest, aes67.MonoTime
	nearest atomic.Int64 // ns, from the instant that a block was due to that of its pull, at least
}

func (s *tone) Pull(out [][]float64, due aes67.MonoTime, open bool) bool {
	s.due.Store(int64(due))
	if off := int64(rtthread.Now().Sub(due).Abs()); s.pulls.Add(1) == 1 || off < s.nearest.Load() {
		s.nearest.Store(off)
	}
	for i := range out[0] {
		if open {
			s.gain = math.Min(1, s.gain+1.0/240)
		} else {
			s.gain = math.Max(0, s.gain-1.0/240)
		}
		for c := range out {
			out[c][i] = s.level[c] * s.gain
		}
	}
	return s.gain == 0
}

func (s *tone) Skipped(frames aes67.Frames) { s.skipped.Add(int64(frames)) }

func (s *tone) Unsent() { s.unsent.Add(1) }

func loopback(t *testing.T) net.Interface {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil || lo.Flags&net.FlagUp == 0 {
		t.Skip("needs a loopback interface that is up")
	}
	return *lo
}

// onLoopback returns a configuration whose packets stay on this host: two mono
// streams on groups of their own.
func onLoopback(t *testing.T, last byte) Config {
	t.Helper()
	left := testStream(aes67.L24, 48000, aes67.PacketTime1ms, "front-left")
	left.Group = netip.AddrFrom4([4]byte{239, 69, 255, last})
	left.Port = 15004
	right := left
	right.Name, right.Channels, right.First = "right", []string{"front-right"}, 1
	right.Group = netip.AddrFrom4([4]byte{239, 69, 255, last + 1})
	return Config{
		Streams: []aes67.Stream{left, right}, Interface: loopback(t), Source: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		DSCP: 34, Loop: true, Priority: 10,
	}
}

// heard is one packet as a receiver sees it.
type heard struct {
	group     netip.Addr
	source    netip.AddrPort
	ttl, tos  int
	at        aes67.RawTime
	sequence  uint16
	timestamp aes67.RTPTime
	ssrc      uint32
	payload   []byte
}

// listener collects the packets of some streams.
type listener struct {
	conn    *ipv4.PacketConn
	packets []heard
}

func listen(t *testing.T, cfg Config) *listener {
	t.Helper()
	lc := net.ListenConfig{}
	conn, err := lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:15004")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UDPConn).SetReadBuffer(8 << 20); err != nil { // as much as is allowed
		t.Fatal(err)
	}
	l := &listener{conn: ipv4.NewPacketConn(conn)}
	t.Cleanup(func() { _ = conn.Close() })
	for _, s := range cfg.Streams {
		if err = l.conn.JoinGroup(&cfg.Interface, &net.UDPAddr{IP: s.Group.AsSlice()}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }); err != nil || controlErr != nil {
		t.Fatal(err, controlErr)
	}
	if err := l.conn.SetControlMessage(ipv4.FlagTTL|ipv4.FlagDst, true); err != nil {
		t.Fatal(err)
	}
	return l
}

// collect reads packets until enough says so, or for at most ten seconds.
func (l *listener) collect(t *testing.T, enough func(packets []heard) bool) []heard {
	t.Helper()
	if err := l.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	message := []ipv4.Message{{Buffers: [][]byte{make([]byte, 2000)}, OOB: make([]byte, 200)}}
	for !enough(l.packets) {
		if _, err := l.conn.ReadBatch(message, 0); err != nil {
			t.Fatalf("after %d packets: %v", len(l.packets), err)
		}
		m := message[0]
		b := m.Buffers[0][:m.N]
		h := heard{
			at: rtthread.Raw(), sequence: binary.BigEndian.Uint16(b[2:]), ssrc: binary.BigEndian.Uint32(b[8:]),
			timestamp: aes67.RTPTime(binary.BigEndian.Uint32(b[4:])), payload: append([]byte(nil), b[12:]...),
			source: m.Addr.(*net.UDPAddr).AddrPort(),
		}
		if b[0] != 0x80 || b[1] != 98 {
			t.Fatalf("packet begins %x, want 8062", b[:2])
		}
		var control ipv4.ControlMessage
		if err := control.Parse(m.OOB[:m.NN]); err != nil {
			t.Fatal(err)
		}
		h.group, _ = netip.AddrFromSlice(control.Dst.To4())
		h.ttl = control.TTL
		h.tos = tosOf(t, m.OOB[:m.NN])
		l.packets = append(l.packets, h)
	}
	return l.packets
}

func tosOf(t *testing.T, oob []byte) int {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS {
			return int(m.Data[0])
		}
	}
	return -1
}

// start runs a sender until the returned function stops it.
func start(t *testing.T, s *Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run did not return within 5 s of its context's end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// startOfPTP is an instant whose media time is far beyond 32 bits.
const startOfPTP = aes67.PTPTime(1_700_000_000_250_000_000)

func TestTwoStreamsReachTheirGroupsFromBeginningToEnd(t *testing.T) {
	cfg := onLoopback(t, 10)
	l := listen(t, cfg)
	var clock mediaclock.Clock
	source := &tone{level: [8]float64{0.5, -0.25}}
	s, err := New(cfg, &clock, source, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, s)
	clock.Step(rtthread.Raw(), startOfPTP, 50_000)

	l.collect(t, func(p []heard) bool { return len(p) >= 400 })
	stop()
	if got := s.Snapshot(); got.Sending {
		t.Error("the snapshot says it still sends")
	}
	stats := s.Snapshot()
	total := int(stats.Streams[0].Packets + stats.Streams[1].Packets)
	packets := l.collect(t, func(p []heard) bool { return len(p) >= total })

	offset := aes67.SendOffset(48, 48000)
	base, _ := clock.Load()
	var streams [2][]heard
	for _, p := range packets {
		i := int(p.group.As4()[3]) - 10
		if p.ttl != 15 || p.tos != 34<<2 {
			t.Fatalf("packet has ttl %d and tos %#x, want 15 and 0x88", p.ttl, p.tos)
		}
		if p.source.Addr().Unmap() != cfg.Source || p.ssrc != stats.Streams[i].SSRC {
			t.Fatalf("packet of stream %d comes from %v with SSRC %08x, want %v and %08x", i, p.source, p.ssrc, cfg.Source, stats.Streams[i].SSRC)
		}
		streams[i] = append(streams[i], p)
	}
	left, right := streams[0], streams[1]
	if len(left) != len(right) || left[0].ssrc == right[0].ssrc {
		t.Fatalf("%d packets left, %d right, SSRCs %08x and %08x; want equal counts and unlike SSRCs", len(left), len(right), left[0].ssrc, right[0].ssrc)
	}
	jumps := 0
	for i := range left {
		if left[i].timestamp != right[i].timestamp {
			t.Fatalf("packet %d: timestamps %d and %d differ", i, left[i].timestamp, right[i].timestamp)
		}
		if left[i].timestamp.Sub(0)%16 != 0 { // 48 does not divide 2^32, 16 does
			t.Fatalf("packet %d: timestamp %d is no multiple of the packet's frames", i, left[i].timestamp)
		}
		instant := base.RawAt(aes67.MediaTime(rtpNear(left[i].timestamp, base.PTPAt(left[i].at))).PTP(48000))
		if age := left[i].at.Sub(instant); age < offset {
			t.Fatalf("packet %d is heard %v after its RTP instant, before %v", i, age, offset)
		}
		if i == 0 {
			continue
		}
		for _, stream := range streams {
			if stream[i].sequence != stream[i-1].sequence+1 {
				t.Fatalf("packet %d: sequence number %d after %d", i, stream[i].sequence, stream[i-1].sequence)
			}
		}
		if left[i].timestamp.Sub(left[i-1].timestamp) != 48 {
			jumps++
		}
	}
	if uint64(jumps) != stats.TimestampJumps {
		t.Errorf("%d jumps heard, %d counted", jumps, stats.TimestampJumps)
	}
	for i, want := range [][]byte{{0x40, 0, 0, 0x40, 0, 0}, {0xE0, 0, 0, 0xE0, 0, 0}} { // 0.5 and -0.25, once they have risen
		if !slices.ContainsFunc(streams[i], func(p heard) bool { return bytes.HasPrefix(p.payload, want) }) {
			t.Errorf("stream %d never carries %x", i, want)
		}
	}
	for _, stream := range streams {
		checkEnd(t, stream)
	}
	if stats.LatenessP50 <= 0 || stats.LatenessP99 < stats.LatenessP50 || stats.LatenessWorst == 0 || stats.Grant.Policy == "" {
		t.Errorf("statistics are not filled: %+v", stats)
	}
}

// checkEnd demands a fade without a step above its slope, then packets of zeros.
func checkEnd(t *testing.T, stream []heard) {
	t.Helper()
	var samples []float64
	for _, p := range stream[len(stream)-12:] {
		for i := 0; i < len(p.payload); i += 3 {
			v := int32(uint32(p.payload[i])<<24|uint32(p.payload[i+1])<<16|uint32(p.payload[i+2])<<8) >> 8
			samples = append(samples, float64(v)/(1<<23))
		}
	}
	for i := range samples[1:] {
		if step := math.Abs(samples[i+1] - samples[i]); step > 0.5/240+1e-6 {
			t.Fatalf("the end steps by %v at frame %d: a click", step, i)
		}
	}
	for _, x := range samples[len(samples)-tailPackets*48:] {
		if x != 0 {
			t.Fatalf("the stream ends in %v, want zeros", x)
		}
	}
}

// The sound is due by the clock, not by the readings of the decision, between which
// the thread may have been interrupted: drift would take that for the server's.
func TestTheSoundIsDueByTheClock(t *testing.T) {
	var clock mediaclock.Clock
	clock.Tie(mediaclock.Tie{Raw: 1_000_000, Mono: 77_000, Rate: 30_000})
	clock.Step(1_000_000, startOfPTP, 0)
	source := &tone{}
	cfg := onLoopback(t, 77)
	s, err := New(cfg, &clock, source, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	m, _ := clock.Load()
	for i := range 100 {
		due := aes67.RawTime(2_000_000 + i*1_000_000)
		interrupted := time.Duration(i%7) * 10 * time.Microsecond
		s.send(decision{act: actSend, open: true, due: due}, m, instant{mono: m.MonoAt(due), raw: due.Add(interrupted)})
		if got := aes67.MonoTime(source.due.Load()); got != m.MonoAt(due) {
			t.Fatalf("due %d ns off", got-m.MonoAt(due))
		}
	}
}

// When CLOCK_MONOTONIC is slewed and the clock does not know it yet, two readings count;
// but not the first, between which the thread may have been interrupted.
func TestTheSoundIsDueByReadingsWhileTheClockIsBehind(t *testing.T) {
	var clock mediaclock.Clock
	mono, raw := rtthread.Now(), rtthread.Raw()
	clock.Tie(mediaclock.Tie{Raw: raw, Mono: mono})
	clock.Step(raw, startOfPTP, 0)
	m, _ := clock.Load()
	s := Sender{raw: rtthread.Raw}
	if got := s.soundDue(raw, m, instant{mono: mono, raw: raw.Add(time.Millisecond)}); got != mono {
		t.Errorf("after an interruption it is due %v off", got.Sub(mono))
	}
	m.Local.Mono = mono.Add(5 * time.Millisecond) // it was slewed since
	off := time.Hour
	for range 5 { // of which an interruption spoils one
		off = min(off, s.soundDue(raw, m, instant{mono: mono, raw: raw}).Sub(mono).Abs())
	}
	if off > time.Millisecond {
		t.Errorf("in a slew it is due %v off", off)
	}
}

// rtpNear returns the media time with timestamp r that is nearest to t.
func rtpNear(r aes67.RTPTime, t aes67.PTPTime) int64 {
	m := aes67.MediaAt(t, 48000)
	return int64(m) + int64(r.Sub(m.RTP()))
}

func TestAStepOfTheClockIsHeardAsOneJumpWithFades(t *testing.T) {
	cfg := onLoopback(t, 20)
	l := listen(t, cfg)
	var clock mediaclock.Clock
	source := &tone{level: [8]float64{0.5, 0.5}}
	s, err := New(cfg, &clock, source, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, s)
	clock.Tie(mediaclock.Tie{Raw: rtthread.Raw(), Mono: rtthread.Now()})
	clock.Step(rtthread.Raw(), startOfPTP, 0)
	l.collect(t, func(p []heard) bool { return len(p) >= 100 })
	now := rtthread.Raw()
	clock.Step(now, startOfPTP.Add(time.Hour), 0)
	const stepped = 60 * 48000 // and more, in frames; a machine that stands still skips less
	jumped := 0                // packets before the first that has jumped
	l.collect(t, func(p []heard) bool {
		for ; jumped < len(p) && !(jumped > 0 && p[jumped].timestamp.Sub(p[jumped-1].timestamp) > stepped); jumped++ {
		}
		return len(p) >= jumped+100
	})
	stop()
	stats := s.Snapshot()
	if stats.TimestampJumps < 1 {
		t.Fatalf("%d jumps counted, want at least 1", stats.TimestampJumps)
	}
	if off := time.Duration(source.nearest.Load()); off > 5*time.Millisecond { // of CLOCK_MONOTONIC, not of the oscillator
		t.Errorf("blocks are pulled %v off the instant that they are due, by the source's clock", off)
	}
	var last heard
	for _, p := range l.packets {
		if p.group != cfg.Streams[0].Group {
			continue
		}
		if last.payload != nil {
			if p.sequence != last.sequence+1 {
				t.Fatalf("sequence number %d after %d: it must go on across a step", p.sequence, last.sequence)
			}
			if p.timestamp.Sub(last.timestamp) > stepped && [3]byte(last.payload[141:]) != [3]byte{} {
				t.Errorf("the last sample before the jump is %x, want zero", last.payload[141:])
			}
		}
		last = p
	}
}

func TestABlockOfWhichNothingLeavesIsTold(t *testing.T) {
	cfg, source := onLoopback(t, 30), &tone{}
	s, err := New(cfg, new(mediaclock.Clock), source, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for refused, want := range []int64{0, 0, 1} { // the packets of so many streams
		for i := range refused {
			s.first.messages[i] = newMessage(make([]byte, 70_000), netip.AddrPortFrom(cfg.Streams[i].Group, cfg.Streams[i].Port))
		}
		s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
		if got := source.unsent.Load(); got != want {
			t.Errorf("%d of 2 packets refused: %d blocks have not left, want %d", refused, got, want)
		}
	}
	if err := s.SetLegs(Leg{Interface: cfg.Interface}, Leg{}); err != nil {
		t.Fatal(err)
	}
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	s.send(decision{act: actSend, mute: true}, mediaclock.Map{}, instant{}) // nothing was pulled
	if got := source.unsent.Load(); got != 2 {
		t.Errorf("without an interface: %d blocks have not left, want 2", got)
	}
}

func TestRefusedPacketsAreCountedAndSendingResumes(t *testing.T) {
	cfg := onLoopback(t, 30)
	var clock mediaclock.Clock
	s, err := New(cfg, &clock, &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	// More than a datagram holds, in place of the left packet.
	packet := s.first.messages[0]
	s.first.messages[0] = newMessage(make([]byte, 70_000), netip.AddrPortFrom(cfg.Streams[0].Group, cfg.Streams[0].Port))
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	stats := s.Snapshot()
	if stats.Streams[0].Dropped != 1 || stats.Streams[0].Packets != 0 || stats.Streams[1].Packets != 1 || stats.Problem == "" {
		t.Errorf("after one refusal: %+v; want left dropped, right sent, a problem", stats)
	}
	var log bytes.Buffer
	s.log = zerolog.New(&log)
	s.first.messages[0] = packet
	s.send(decision{act: actSend, open: true}, mediaclock.Map{}, instant{})
	stats = s.Snapshot()
	if stats.Streams[0].Packets != 1 || stats.Streams[1].Packets != 2 || stats.Problem != "" {
		t.Errorf("after the cause is gone: %+v; want both sent and no problem", stats)
	}
	problems := 0
	s.config.OnProblem = func() { problems++ }
	was := faults{errno: [2]uintptr{uintptr(syscall.EMSGSIZE)}} // as it was told after the refusal
	for range 2 {
		was = s.tell(was)
	}
	if problems != 1 {
		t.Errorf("the end of one problem was told %d times", problems)
	}
	s.log, problems = zerolog.Nop(), 0
	if s.tell(faults{}); problems != 1 {
		t.Errorf("a problem that began and ended since the last look was told %d times", problems)
	}
	s.log = zerolog.New(&log)
	if n := testing.AllocsPerRun(100, func() { was = s.tell(was) }); n != 0 {
		t.Errorf("telling nothing takes %v allocations", n)
	}
	const want = `{"level":"error","packets":1,"interface":"lo","why":"message too long","over":true,"message":"packets could not be sent"}` + "\n"
	if got := log.String(); got != want {
		t.Errorf("the log says %s, want %s", got, want)
	}
}

func TestOnePacketTimeDoesNotAllocate(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes sync.Pool allocate")
	}
	cfg := onLoopback(t, 40)
	told := &toldSent{}
	cfg.Recorder = told
	var clock mediaclock.Clock
	s, err := New(cfg, &clock, &tone{level: [8]float64{0.5, 0.5}}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := rtthread.Raw()
	var at instant // of the decision; the test's time runs ahead of the clock's
	s.raw = func() aes67.RawTime { return at.raw.Add(rtthread.Now().Sub(at.mono)) }
	clock.Step(now, startOfPTP, 0)
	if n := testing.AllocsPerRun(2000, func() {
		m, set := clock.Load()
		for {
			d := s.pacer.decide(now, m, set, false)
			if d.act == actSend {
				at = instant{rtthread.Now(), now, true}
				s.send(d, m, at)
				break
			}
			now = d.until
		}
	}); n != 0 {
		t.Fatalf("one packet time allocates %v times, want 0", n)
	}
	if got := s.Snapshot().Streams[0].Packets; got < 2000 || told.packets != got {
		t.Errorf("%d packets sent, %d told, want 2000", got, told.packets)
	}
	if told.disorder > 0 {
		t.Errorf("%d packets were ready before their thread woke up, or sent before they were ready", told.disorder)
	}
}

// toldSent counts what a recorder is told.
type toldSent struct{ packets, disorder, refused uint64 }

func (r *toldSent) Sent(_, woke, ready, done aes67.RawTime, _, refused bool) {
	r.packets++
	if refused {
		r.refused++
	}
	if ready < woke || done < ready {
		r.disorder++
	}
}

func TestLatePacketsAreCountedByTheLimitsOfReceivers(t *testing.T) {
	c := counters{streams: make([]streamCounters, 2)}
	c.lateness.window = 100
	for _, us := range []time.Duration{-1000, 0, 1000, 1001, 1500, 2000, 2001, 2500, 17000, 17001, 100_000} {
		c.timed(us*time.Microsecond, time.Millisecond)
	}
	for i := range c.streams {
		s := &c.streams[i]
		if late, late2, late17 := s.late.Load(), s.late2.Load(), s.late17.Load(); late != 8 || late2 != 5 || late17 != 2 {
			t.Errorf("stream %d: %d, %d and %d late, want 8, 5 and 2", i, late, late2, late17)
		}
	}
}

// Each packet makes the socket writable anew: in an epoll set of the runtime's it
// would wake another thread each time.
func TestNoPollerWatchesTheSocket(t *testing.T) {
	s, err := New(onLoopback(t, 90), new(mediaclock.Clock), &tone{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	listen(t, onLoopback(t, 90)) // one that is watched
	watched := 0
	files, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) { // of an epoll set, one for each file in it (proc(5))
			var fd int
			if _, err := fmt.Sscanf(line, "tfd: %d", &fd); err == nil {
				watched++
				if fd == s.first.socket.fd {
					t.Error("an epoll set watches the sender's socket")
				}
			}
		}
	}
	if watched == 0 {
		t.Error("no epoll set was found")
	}
}

func TestTwoSendersShareAHost(t *testing.T) {
	var clock mediaclock.Clock
	for _, last := range []byte{50, 60} {
		s, err := New(onLoopback(t, last), &clock, &tone{}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
	}
}

func TestNewRefusesWhatCannotBeSent(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(c *Config)
		want  string
	}{
		{"no streams", func(c *Config) { c.Streams = nil }, "no streams"},
		{"a stream that is not valid", func(c *Config) { c.Streams[0].Port = 0 }, "port 0"},
		{"unlike packet times", func(c *Config) { c.Streams[1].PacketTime = aes67.PacketTime4ms }, "ptime 4ms"},
		{"unlike TTLs", func(c *Config) { c.Streams[1].TTL = 1 }, "ttl 1"},
		{"no source address", func(c *Config) { c.Source = netip.Addr{} }, "source address"},
		{"a source address that is not ours", func(c *Config) { c.Source = netip.MustParseAddr("192.0.2.1") }, "192.0.2.1"},
		{"no interface", func(c *Config) { c.Interface = net.Interface{Name: "none"} }, `"none"`},
		{"a DSCP of seven bits", func(c *Config) { c.DSCP = 64 }, "dscp 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := onLoopback(t, 70)
			tt.spoil(&cfg)
			s, err := New(cfg, new(mediaclock.Clock), &tone{}, zerolog.Nop())
			if err == nil {
				_ = s.Close()
				t.Fatal("New took it")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "rtpsend: ") {
				t.Errorf("error %q does not name %q", err, tt.want)
			}
		})
	}
}

func TestAPanicOfTheSourceBecomesAnError(t *testing.T) {
	var clock mediaclock.Clock
	clock.Step(rtthread.Raw(), startOfPTP, 0)
	s, err := New(onLoopback(t, 80), &clock, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("Run = %v, want the panic told", err)
	}
}

// eager notes how long before it was due the earliest block was pulled.
type eager struct {
	tone
	most atomic.Int64
}

func (e *eager) Pull(out [][]float64, due aes67.MonoTime, open bool) bool {
	e.most.Store(max(e.most.Load(), int64(due.Sub(rtthread.Now()))))
	return e.tone.Pull(out, due, open)
}

// TestWhatComesBetweenTwoReadingsSendsNothingEarly has a machine that stands still after
// the one clock is read and before the other.
func TestWhatComesBetweenTwoReadingsSendsNothingEarly(t *testing.T) {
	const stands = 600 * time.Microsecond // of a packet time of 1 ms: a backlog has gaps, and the clocks are read anew in each
	source := &eager{tone: tone{level: [8]float64{0.5, 0.5}}}
	var clock mediaclock.Clock
	s, err := New(onLoopback(t, 40), &clock, source, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	readings := 0
	s.raw = func() aes67.RawTime {
		if readings++; readings%20 == 0 {
			for until := rtthread.Now().Add(stands); rtthread.Now() < until; {
			}
		}
		return rtthread.Raw()
	}
	var at instant
	for range 1000 {
		if at = s.read(); at.whole {
			break
		}
	}
	clock.Tie(mediaclock.Tie{Raw: at.raw, Mono: at.mono})
	clock.Step(at.raw, startOfPTP, 0)
	stop := start(t, s)
	for deadline := time.Now().Add(20 * time.Second); source.pulls.Load() < 500; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no 500 packets within 20 s")
		}
	}
	stop()
	if early := time.Duration(source.most.Load()); early > 100*time.Microsecond+tieDoubt {
		t.Errorf("a packet is sent %v before it is due", early)
	}
}
