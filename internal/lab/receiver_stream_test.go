package lab

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

func monoSubscription() Subscription {
	return Subscription{Name: "left", Channels: 1, Stream: aes67.Stream{
		Group: SAPGroup(), Port: 5004, PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms,
	}}
}

// fakeSender makes packets of a ramp, so that each frame's value tells which
// one it is.
type fakeSender struct {
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	frame     int
}

func (f *fakeSender) next() []byte {
	b := make([]byte, 12, 12+144)
	b[0], b[1] = 0x80, 98
	binary.BigEndian.PutUint16(b[2:], f.sequence)
	binary.BigEndian.PutUint32(b[4:], f.timestamp)
	binary.BigEndian.PutUint32(b[8:], f.ssrc)
	for range 48 {
		f.frame++
		b = append(b, byte(f.frame>>16), byte(f.frame>>8), byte(f.frame))
	}
	f.sequence++
	f.timestamp += 48
	return b
}

// play sends packets through a stream; each letter is one packet time: "."
// arrives, "x" is lost, "d" comes twice, "s" is held back and comes after the
// next, "q" arrives in its turn and is read after the next, "j" is preceded by a
// jump of 96 frames, "n" begins a new SSRC with new numbers, "w" is too short, "p" has another payload type, "m" is no RTP.
func play(s *stream, f *fakeSender, script string) {
	at := aes67.MonoTime(1_000_000_000)
	var held []byte
	var since aes67.MonoTime
	for n, letter := range script {
		switch letter {
		case 'j':
			f.timestamp += 96
			f.frame += 96
		case 'n':
			f.ssrc++
			f.sequence += 20_000
			f.timestamp += 1 << 30
		}
		b := f.next()
		at = at.Add(time.Millisecond)
		arrive := func(b []byte, at aes67.MonoTime) { s.take(arrival{datagram: b, at: at, ttl: 15, tos: 0x88}) }
		switch letter {
		case 'x':
			continue
		case 's', 'q':
			held, since = b, at
			continue
		case 'd':
			arrive(b, at)
		case 'w':
			b = b[:len(b)-3]
		case 'p':
			b[1] = 99
		case 'm':
			b[0] = 0
		}
		arrive(b, at)
		if held != nil {
			if script[n-1] == 's' {
				since = at
			}
			arrive(held, since)
			held = nil
		}
	}
}

func TestEveryFaultHasItsCounter(t *testing.T) {
	tests := []struct {
		name, script string
		want         Counts
	}{
		{"nothing wrong", "......", Counts{Packets: 6}},
		{"one lost", "...x..", Counts{Packets: 5, Lost: 1}},
		{"five lost", "..xxxxx..", Counts{Packets: 4, Lost: 5}},
		{"one comes twice", "..d..", Counts{Packets: 5, Duplicates: 1}},
		{"two change places", "..s...", Counts{Packets: 6, Reordered: 1}},
		{"two change places in this machine", "..q...", Counts{Packets: 6}},
		{"a jump of the timestamps", "...j..", Counts{Packets: 6, TimestampJumps: 1}},
		{"a jump and a loss", "..xj..", Counts{Packets: 5, Lost: 1, TimestampJumps: 1}},
		{"a new sender", "...n..", Counts{Packets: 6, SSRCChanges: 1}},
		{"a short packet", "..w..", Counts{Packets: 4, Lost: 1, WrongSize: 1}},
		{"another payload type", "..p..", Counts{Packets: 4, Lost: 1, WrongPayload: 1}},
		{"no RTP", "..m..", Counts{Packets: 4, Lost: 1, Malformed: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(monoSubscription(), nil, 0, 0)
			play(s, &fakeSender{sequence: 0xFFFD, timestamp: 0xFFFF_FFF0, ssrc: 7}, tt.script)
			if diff := cmp.Diff(tt.want, s.counts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if s.ttl != 15 || s.dscp != 34 {
				t.Errorf("ttl %d, dscp %d; want 15 and 34", s.ttl, s.dscp)
			}
		})
	}
}

func TestTheRecordingKeepsEveryFrameInItsPlace(t *testing.T) {
	tests := []struct {
		name, script string
		gaps         []Run
		splices      []int
	}{
		{"nothing wrong", "......", nil, nil},
		{"one lost", "...x..", []Run{{144, 48}}, nil},
		{"two change places", "..s...", nil, nil},
		{"one of two lost comes after all", "..xs...", []Run{{96, 48}}, nil},
		{"a jump of the timestamps", "...j..", []Run{{144, 96}}, nil},
		{"a new sender is joined", "...n..", nil, []int{144}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStream(monoSubscription(), nil, 0, 48000)
			play(s, &fakeSender{timestamp: 0xFFFF_FFD0}, tt.script)
			r := s.copyRecording()
			if diff := cmp.Diff(tt.gaps, r.Gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.splices, r.Splices); diff != "" {
				t.Errorf("splices (-want +got):\n%s", diff)
			}
			missing := 0
			for _, g := range r.Gaps {
				missing += g.Length
			}
			zeros := 0
			for i, v := range r.Channels[0] {
				if v == 0 {
					zeros++
				} else if want := float32(i+1) / (1 << 23); v != want {
					t.Fatalf("frame %d holds %v, want %v", i, v, want)
				}
			}
			if zeros != missing {
				t.Errorf("%d frames are empty, but the gaps hold %d", zeros, missing)
			}
		})
	}
}

func TestARecordingStopsAtItsLimit(t *testing.T) {
	s := newStream(monoSubscription(), nil, 0, 100)
	play(s, &fakeSender{}, "......")
	if got := len(s.copyRecording().Channels[0]); got != 96 {
		t.Errorf("%d frames kept, want 96", got)
	}
}

func TestLevelsAreThoseOfTheSamples(t *testing.T) {
	s := newStream(monoSubscription(), nil, 0, 0)
	b := (&fakeSender{}).next()
	for i := range 48 {
		copy(b[12+3*i:], []byte{0x40, 0, 0})
		if i%2 == 1 {
			copy(b[12+3*i:], []byte{0xC0, 0, 0})
		}
	}
	s.take(arrival{datagram: b, at: 1})
	got := s.total[0].level()
	within(t, "peak", got.PeakDBFS, -6.0206, 1e-3)
	within(t, "rms", got.RMSDBFS, -6.0206, 1e-3)
}

func TestArrivalsAreJudgedByTheGrandmastersClock(t *testing.T) {
	// The grandmaster is 80 ppm fast; the sender follows it 0.2 ppm slow, and
	// its packets are up to 400 µs late, the earliest 30 µs.
	gm := Oscillator{Epoch: 1_700_000_000_000_000_000, Skew: 80_000}
	sender := Oscillator{Epoch: gm.Epoch, Skew: 79_800}
	s := newStream(monoSubscription(), gm.At, time.Second, 0)
	random := rand.New(rand.NewPCG(4, 4))
	f := &fakeSender{}
	media := aes67.MediaAt(sender.Epoch, 48000) / 48 * 48
	for range 100_000 {
		media += 48
		f.timestamp = uint32(media.RTP())
		due := media.PTP(48000).Add(500 * time.Microsecond)
		// The sender's clock shows due at this instant of the oscillator.
		at := aes67.MonoTime(float64(due-sender.Epoch) / (1 + 79_800e-9))
		at = at.Add(30*time.Microsecond + min(time.Duration(random.ExpFloat64()*50_000), 370*time.Microsecond))
		s.take(arrival{datagram: f.next(), at: at, raw: aes67.RawTime(at)})
	}
	r := s.report(60 * time.Second)
	// After 100 s the sender is 20 µs behind.
	within(t, "slope in ppm", *r.SlopePPM, 0.2, 0.01)
	if r.SlopeSeconds < 55 || r.SlopeSeconds > 61 {
		t.Errorf("slope over %.1f s, want 60", r.SlopeSeconds)
	}
	within(t, "least delay in µs", r.Delay.Min, 30, 2)
	within(t, "median delay in µs", r.Delay.P50, 30+35+10, 4)
	within(t, "greatest delay in µs", r.Delay.Max, 400+20, 25)
	if r.Early != 0 || r.Delay.Count < 98_900 || r.Delay.Count > 99_100 {
		t.Errorf("early %d, count %d; want none, and the first second left out", r.Early, r.Delay.Count)
	}
}

func TestPacketsBeforeTheirInstantAreCounted(t *testing.T) {
	gm := Oscillator{Epoch: 5_000_000_000}
	s := newStream(monoSubscription(), gm.At, 0, 0)
	f := &fakeSender{timestamp: 240_000 + 48} // 5.001 s
	s.take(arrival{datagram: f.next(), at: 999_000, raw: 999_000})
	f.timestamp = 240_000 + 48
	s.take(arrival{datagram: f.next(), at: 1_001_000, raw: 1_001_000})
	if s.early != 1 {
		t.Errorf("%d early packets, want 1", s.early)
	}
}

func TestSlopeSurvivesSpoiltSeconds(t *testing.T) {
	var e envelope
	random := rand.New(rand.NewPCG(1, 9))
	for second := range 120 {
		spoilt := second%7 == 3
		for i := range 1000 {
			at := aes67.MonoTime(second)*1e9 + aes67.MonoTime(i)*1e6
			delay := time.Duration(float64(at)*0.05e-6) + time.Duration(random.ExpFloat64()*20_000)
			if spoilt {
				delay += 3 * time.Millisecond
			}
			e.add(at, delay)
		}
	}
	ppm, _, ok := e.slope(0)
	if !ok {
		t.Fatal("no slope")
	}
	within(t, "slope in ppm", ppm, 0.05, 0.002)
}

func TestDistributionQuantiles(t *testing.T) {
	var d Distribution
	for i := -5000; i <= 5000; i++ {
		d.Add(time.Duration(i) * time.Microsecond)
	}
	for share, want := range map[float64]float64{0.01: -4900, 0.25: -2500, 0.5: 0, 0.99: 4900} {
		got := float64(d.Quantile(share)) / 1e3
		if math.Abs(got-want) > math.Abs(want)/100+1 {
			t.Errorf("quantile %v = %v µs, want %v", share, got, want)
		}
	}
	r := d.Report()
	if r.Min != -5000 || r.Max != 5000 || math.Abs(r.Mean) > 1e-6 {
		t.Errorf("min %v, max %v, mean %v", r.Min, r.Max, r.Mean)
	}
	d.Add(time.Duration(math.MaxInt64))
	d.Add(time.Duration(math.MinInt64))
}

func TestRealTimeIsMappedToTheMonotonicClock(t *testing.T) {
	var c clockPair
	c.refresh()
	now := c.read
	got := c.mono(int64(now)+c.ahead-5000, now)
	if d := now.Sub(got); d != 5*time.Microsecond {
		t.Errorf("5 µs ago became %v ago", d)
	}
	// A timestamp that cannot be: the clock was stepped meanwhile.
	if got = c.mono(int64(now)+c.ahead+int64(time.Hour), now); got > now {
		t.Errorf("a timestamp of the future was believed")
	}
}

func TestTheRawClockIsKnownBetweenTwoReadings(t *testing.T) {
	var c clockPair
	const ms = aes67.MonoTime(time.Millisecond)
	c.before.read, c.before.rawAhead = 100*ms, 7000
	c.read, c.rawAhead = 200*ms, 12_000 // 50 ppm
	for at, want := range map[aes67.MonoTime]int64{90 * ms: 7000, 100 * ms: 7000, 150 * ms: 9500, 200 * ms: 12_000, 201 * ms: 12_000} {
		if got := int64(c.raw(at)) - int64(at); got != want {
			t.Errorf("at %v: %d ns ahead, want %d", at, got, want)
		}
	}
	c.before.read = 0 // one reading alone
	if got := int64(c.raw(150*ms)) - int64(150*ms); got != 12_000 {
		t.Errorf("by one reading: %d ns ahead, want 12000", got)
	}
}

func FuzzParseRTP(f *testing.F) {
	f.Add((&fakeSender{sequence: 7, timestamp: 9, ssrc: 1}).next())
	f.Add([]byte{0xB1, 0xE2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0xBE, 0xDE, 0, 1, 1, 2, 3, 4, 9, 9, 0, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStream(monoSubscription(), nil, 0, 4800)
		for i := range 3 {
			s.take(arrival{datagram: b, at: aes67.MonoTime(i)})
		}
		p, err := parseRTP(b)
		if err != nil {
			return
		}
		if len(p.payload) > len(b)-12 || p.sequence != binary.BigEndian.Uint16(b[2:]) {
			t.Fatalf("%x parsed as %+v", b, p)
		}
	})
}

func FuzzParseSAP(f *testing.F) {
	f.Add([]byte("\x20\x00\x12\x34\x0a\x43\x00\x01application/sdp\x00v=0\r\no=- 1 1 IN IP4 10.67.0.1\r\n"))
	f.Add([]byte("\x24\x00\x12\x34\x0a\x43\x00\x01o=- 1 1 IN IP4 10.67.0.1\r\n"))
	f.Add([]byte("\x20\x01\x12\x34\x0a\x43\x00\x01authv=0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseSAP(b)
		if err != nil {
			return
		}
		if !a.Origin.IsValid() || len(a.Text) > len(b)-8 {
			t.Fatalf("%x parsed as %+v", b, a)
		}
	})
}

func TestParseSAPReadsBothFormsOfPayload(t *testing.T) {
	for name, packet := range map[string]string{
		"with its type":    "\x20\x00\x12\x34\x0a\x43\x00\x01application/sdp\x00v=0\r\n",
		"without its type": "\x20\x00\x12\x34\x0a\x43\x00\x01v=0\r\n",
		"authenticated":    "\x20\x01\x12\x34\x0a\x43\x00\x01authv=0\r\n",
	} {
		a, err := parseSAP([]byte(packet))
		if err != nil || a.Hash != 0x1234 || a.Origin.String() != "10.67.0.1" || string(a.Text) != "v=0\r\n" || a.Delete {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}
