package bridge

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/mediaclock"
	"aes67-sink/sdp"
)

// roomsRig plays a program into each sink of several, in simulated time, as rig does
// into one.
type roomsRig struct {
	*Rooms
	clock    mediaclock.Clock
	now      aes67.MonoTime
	sent     aes67.Frames
	programs []program // nil: silence
	out      [][]float64
	heard    [][]float64 // all that was pulled, a channel
	open     bool
}

// program is the sample of a channel at a frame.
type program func(channel int, n aes67.Frames) float64

func newRoomsRig(t *testing.T, ceiling float64, rooms ...Room) *roomsRig {
	t.Helper()
	r := &roomsRig{open: true, programs: make([]program, len(rooms))}
	r.clock.Step(0, 1e18, 0)
	m, _ := r.clock.Load()
	m.Tied = true
	r.clock.Set(m)
	for i := range rooms {
		p, err := NewPipeline(PipelineConfig{
			Channels: len(rooms[i].Channels), SinkRate: testRate, StreamRate: testRate, PacketFrames: block, CeilingDBFS: ceiling,
		}, &r.clock)
		if err != nil {
			t.Fatal(err)
		}
		p.SetConfirmed(true)
		rooms[i].Pipeline = p
	}
	var err error
	if r.Rooms, err = NewRooms(RoomsConfig{StreamRate: testRate, PacketFrames: block, CeilingDBFS: ceiling}, rooms); err != nil {
		t.Fatal(err)
	}
	r.out = newPlanes(r.Channels(), block)
	r.heard = make([][]float64, r.Channels())
	return r
}

// pull advances the world by a packet.
func (r *roomsRig) pull() (silent bool) {
	r.now = r.now.Add(lessThan1)
	for r.sent.Duration(testRate) <= time.Duration(r.now) {
		for i, p := range r.all {
			channels := p.cfg.Channels
			samples := make([]float32, channels*message)
			if play := r.programs[i]; play != nil {
				for f := range message {
					for c := range channels {
						samples[f*channels+c] = float32(play(c, r.sent+aes67.Frames(f)))
					}
				}
			}
			p.Frames(samples, aes67.MonoTime(r.sent.Duration(testRate)))
		}
		r.sent += message
	}
	silent = r.Pull(r.out, r.now, r.open)
	for c := range r.out {
		r.heard[c] = append(r.heard[c], r.out[c]...)
	}
	return silent
}

func (r *roomsRig) run(d time.Duration) {
	for range int(d / lessThan1) {
		r.pull()
	}
}

// noise24 is a program of random values of 24 bits, other ones a sink, that is as loud as
// level.
func noise24(sink int, level float64) program {
	return func(c int, n aes67.Frames) float64 {
		x := (uint64(n)<<8 + uint64(sink*8+c) + 1) * 0x9E3779B97F4A7C15 // splitmix64 (Vigna 2015)
		x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
		x = (x ^ x>>27) * 0x94D049BB133111EB
		return math.Round(float64(int64(x^x>>31))/(1<<63)*level*(1<<23-1)) / (1 << 23)
	}
}

// follows returns the latest frame of a program that is heard in the last second, and
// demands that all of that second is the program, bit for bit.
func follows(t *testing.T, heard []float64, play func(aes67.Frames) float64) (frame aes67.Frames) {
	t.Helper()
	second := heard[len(heard)-testRate:]
	for from := aes67.Frames(len(heard)-testRate) + 1; from > 0; from-- {
		if play(from) == second[0] && play(from+1) == second[1] && play(from+7) == second[7] {
			for i, x := range second {
				if want := play(from + aes67.Frames(i)); x != want {
					t.Fatalf("frame %d of the last second is %v, want %v", i, x, want)
				}
			}
			return from + testRate - 1
		}
	}
	t.Fatalf("the program is not heard: %v …", second[:8])
	return 0
}

var stereo = []string{"front-left", "front-right"}

func twoRoomsAndEverywhere() []Room {
	return []Room{{Channels: stereo}, {Channels: stereo}, {Channels: stereo, Into: []int{0, 1}}}
}

func TestOneSoundAloneIsUntouchedAndInTheSameFrameOfEachRoom(t *testing.T) {
	plainOnly(t)
	for sink, want := range [][]int{{0, 1}, {2, 3}, {0, 1, 2, 3}} {
		r := newRoomsRig(t, 0, twoRoomsAndEverywhere()...)
		play := noise24(sink, 1)
		r.programs[sink] = play
		r.run(3 * time.Second)
		var frames []aes67.Frames
		for c, heard := range r.heard {
			if !slices.Contains(want, c) {
				if slices.ContainsFunc(heard, func(x float64) bool { return x != 0 }) {
					t.Errorf("sink %d is heard in channel %d", sink, c)
				}
				continue
			}
			frames = append(frames, follows(t, heard, func(n aes67.Frames) float64 { return play(c%2, n) }))
		}
		if len(slices.Compact(frames)) != 1 {
			t.Errorf("sink %d: frames %v at the same instant, want one", sink, frames)
		}
		if !r.Exact(sink) {
			t.Errorf("sink %d: not told as exact", sink)
		}
	}
}

func TestWhatIsPlayedTogetherIsTheSum(t *testing.T) {
	r := newRoomsRig(t, 0, twoRoomsAndEverywhere()...)
	room, everywhere := noise24(0, 0.2), noise24(2, 0.2)
	r.programs[0], r.programs[2] = room, everywhere
	r.run(3 * time.Second)
	follows(t, r.heard[1], func(n aes67.Frames) float64 { return room(1, n) + everywhere(1, n) })
	follows(t, r.heard[2], func(n aes67.Frames) float64 { return everywhere(0, n) })
	if r.Exact(0) || r.Exact(2) || r.GainReduction(0) != 0 {
		t.Error("a sum is told as exact, or as limited")
	}
}

// TestASumKeepsTheCeilingWithoutAClick lets everybody play as loud as can be, coming
// and going, under several ceilings.
func TestASumKeepsTheCeilingWithoutAClick(t *testing.T) {
	plainOnly(t)
	tone := func(hz float64, from, to aes67.Frames) program {
		return func(_ int, n aes67.Frames) float64 {
			edge := float64(max(0, min(n-from, to-n, testRate/50))) / (testRate / 50)
			return 0.99 * (0.5 - 0.5*math.Cos(math.Pi*edge)) * math.Sin(2*math.Pi*hz*float64(n)/testRate)
		}
	}
	for _, ceiling := range []float64{0, -6, -20} {
		rooms := append(twoRoomsAndEverywhere(), Room{Channels: []string{"mono"}, Into: []int{0}})
		rooms[0].Delays = []time.Duration{0, 3 * time.Millisecond}
		r := newRoomsRig(t, ceiling, rooms...)
		r.programs[0] = tone(200, 0, 3*testRate)
		r.programs[2] = tone(330, testRate, 5*testRate)
		r.programs[3] = tone(470, 2*testRate, 5*testRate)
		r.run(4 * time.Second)
		most, limit := 0.0, math.Pow(10, ceiling/20)
		for c, heard := range r.heard {
			for _, x := range heard {
				if most = max(most, math.Abs(x)); math.Abs(x) > limit {
					t.Fatalf("ceiling %v dB: channel %d has %v", ceiling, c, x)
				}
			}
		}
		if most < 0.9*limit {
			t.Errorf("ceiling %v dB: the loudest sample is %v", ceiling, most)
		}
		if r.GainReduction(0) < 3 {
			t.Errorf("ceiling %v dB: limited by %.1f dB", ceiling, r.GainReduction(0))
		}
		// Three sines of at most 470 Hz, limited together, turn no faster than they do.
		bend := 3 * math.Pow(2*math.Pi*470/testRate, 2) * limit
		if worst, at := bends(r.heard[0][testRate/2:]); worst > bend {
			t.Errorf("ceiling %v dB: bends by %v at %d, want at most %v", ceiling, worst, at, bend)
		}
	}
}

// bends is the largest second difference: a click has one.
func bends(x []float64) (worst float64, at int) {
	for i := 2; i < len(x); i++ {
		if b := math.Abs(x[i] - 2*x[i-1] + x[i-2]); b > worst {
			worst, at = b, i
		}
	}
	return worst, at
}

func TestDelaysAreOfWholeFramesAndEndInAFade(t *testing.T) {
	room := func(delays ...time.Duration) Room { return Room{Channels: stereo, Delays: delays} }
	r := newRoomsRig(t, 0, room(0, 500*time.Millisecond), room(), room(125*time.Microsecond, 10*time.Millisecond))
	play := noise24(1, 0.5)
	for i := range r.programs {
		r.programs[i] = play
	}
	r.run(4 * time.Second)
	for c, want := range []aes67.Frames{0, 24000, 0, 0, 6, 480} {
		plain := follows(t, r.heard[2+c%2], func(n aes67.Frames) float64 { return play(c%2, n) })
		if got := plain - follows(t, r.heard[c], func(n aes67.Frames) float64 { return play(c%2, n) }); got != want {
			t.Errorf("channel %d is %d frames behind, want %d", c, got, want)
		}
	}
	for i := range r.programs {
		r.programs[i] = func(_ int, n aes67.Frames) float64 { return 0.3 * math.Sin(2*math.Pi*100*float64(n)/testRate) }
	}
	r.run(time.Second)
	from := len(r.heard[0]) - 1000
	r.open = false
	for i := 0; !r.pull(); i++ {
		if i > 20 {
			t.Fatal("delayed sound goes on after the end")
		}
	}
	r.pull()
	for c, plane := range r.out {
		if slices.ContainsFunc(plane, func(x float64) bool { return x != 0 }) {
			t.Errorf("channel %d sounds after the end", c)
		}
		if peak := maxOf(r.heard[c][from : from+1000]); peak < 0.29 {
			t.Errorf("channel %d: the tone has a peak of %v before the end", c, peak)
		}
		if worst, at := bends(r.heard[c][from:]); worst > 2e-4 { // the sine's own is 0.5e-4
			t.Errorf("channel %d ends with a bend of %v at %d", c, worst, at)
		}
	}
}

// A ceiling that falls is a slow turning down, of what is delayed too: nothing is cut off.
func TestACeilingThatFallsClipsNothingThatIsDelayed(t *testing.T) {
	const late = 24_000
	r := newRoomsRig(t, 0, Room{Channels: stereo, Delays: []time.Duration{0, aes67.Frames(late).Duration(testRate)}})
	r.programs[0] = func(_ int, n aes67.Frames) float64 { return 0.9 * math.Sin(2*math.Pi*997*float64(n)/float64(testRate)) }
	r.run(2 * time.Second)
	r.SetCeiling(-20)
	r.run(time.Second)
	r.SetCeiling(-30) // while it falls
	r.run(2 * time.Second)
	least := 1.0
	for i := late + int(testRate); i < len(r.heard[1]); i++ {
		if got, want := r.heard[1][i], r.heard[0][i-late]; math.Abs(got-want) > 1e-9 {
			t.Fatalf("frame %d is %v, want %v of %d frames before", i, got, want, late)
		}
		if i%2400 == 0 {
			least = min(least, maxOf(r.heard[1][i-2400:i]))
		}
	}
	if want := math.Pow(10, -30.0/20); least > want*1.0001 {
		t.Errorf("in the end the peak is %v, want %v", least, want)
	}
}

func maxOf(x []float64) float64 { return max(slices.Max(x), -slices.Min(x)) }

func TestTheLeastDelayIsToldAsLatency(t *testing.T) {
	r := newRoomsRig(t, 0,
		Room{Channels: stereo, Delays: []time.Duration{30 * time.Millisecond, 20 * time.Millisecond}},
		Room{Channels: stereo, Delays: []time.Duration{40 * time.Millisecond}},
		Room{Channels: stereo, Delays: []time.Duration{50 * time.Millisecond, 60 * time.Millisecond}},
		Room{Channels: stereo, Into: []int{0, 2}})
	for number, want := range []time.Duration{20*time.Millisecond + lookAhead, 0, 50*time.Millisecond + lookAhead, 20*time.Millisecond + lookAhead} {
		if got := r.Adds(number); got != want {
			t.Errorf("room %d adds %v, want %v", number, got, want)
		}
	}
}

func TestGainsChangeWithoutAClick(t *testing.T) {
	r := newRoomsRig(t, 0, Room{Channels: stereo, GainsDB: []float64{0, -6}}, Room{Channels: stereo})
	r.programs[0] = func(_ int, n aes67.Frames) float64 { return 0.9 * math.Sin(2*math.Pi*100*float64(n)/testRate) }
	r.run(2 * time.Second)
	level := func(c int) float64 { return slices.Max(r.heard[c][len(r.heard[c])-testRate/10:]) }
	if math.Abs(level(0)-0.9) > 1e-3 || math.Abs(level(1)-0.9*math.Pow(10, -0.3)) > 1e-3 {
		t.Errorf("levels %v and %v", level(0), level(1))
	}
	from := len(r.heard[0]) - 1000
	for _, gains := range [][]float64{{-40, 0}, {-3}, {0, -80}, nil} {
		if err := r.SetGains(0, gains); err != nil {
			t.Fatal(err)
		}
		r.run(17 * time.Millisecond)
	}
	r.run(time.Second)
	for c := range 2 {
		if worst, at := bends(r.heard[c][from:]); worst > 5e-4 { // the sine's own is 1.5e-4
			t.Errorf("channel %d bends by %v at %d", c, worst, at)
		}
	}
	if level(1) < 0.89 || !r.Exact(0) {
		t.Error("without gains the sound is not as it came")
	}
	if r.SetGains(0, []float64{0, 0, 0}) == nil {
		t.Error("three gains of two channels are taken")
	}
}

func TestAGapBeginsAtZeroInEachRoom(t *testing.T) {
	rooms := twoRoomsAndEverywhere()
	rooms[1].Delays = []time.Duration{5 * time.Millisecond, 0}
	r := newRoomsRig(t, 0, rooms...)
	r.programs[2] = func(int, aes67.Frames) float64 { return 0.5 }
	r.run(time.Second)
	r.Skipped(480)
	from := len(r.heard[0])
	r.run(time.Second)
	for c, heard := range r.heard {
		if heard[from] != 0 {
			t.Errorf("channel %d begins at %v", c, heard[from])
		}
		if worst, at := bends(heard[from:]); worst > 1e-3 {
			t.Errorf("channel %d bends by %v at %d", c, worst, at)
		}
		if heard[len(heard)-1] != 0.5 {
			t.Errorf("channel %d ends at %v", c, heard[len(heard)-1])
		}
	}
}

func TestRoomsDoNotAllocate(t *testing.T) {
	rooms := append(twoRoomsAndEverywhere(), Room{Channels: stereo, GainsDB: []float64{-3, 0}, Delays: []time.Duration{time.Millisecond, 0}})
	r := newRoomsRig(t, 0, rooms...)
	for i := range r.programs {
		r.programs[i] = noise24(i, 0.9)
	}
	r.run(time.Second)
	now := r.now
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(lessThan1)
		r.Pull(r.out, now, true)
	}); n != 0 {
		t.Errorf("%v allocations a pull", n)
	}
}

func TestRoomsRefuseWhatCannotBe(t *testing.T) {
	var clock mediaclock.Clock
	pipeline := func() *Pipeline {
		p, err := NewPipeline(PipelineConfig{Channels: 2, SinkRate: testRate, StreamRate: testRate, PacketFrames: block}, &clock)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, rooms := range map[string][]Room{
		"no streams":     {{Pipeline: pipeline(), Channels: stereo, Into: []int{0}}},
		"a chain":        {{Pipeline: pipeline(), Channels: stereo}, {Pipeline: pipeline(), Channels: stereo, Into: []int{0}}, {Pipeline: pipeline(), Channels: stereo, Into: []int{1}}},
		"a room unknown": {{Pipeline: pipeline(), Channels: stereo}, {Pipeline: pipeline(), Channels: stereo, Into: []int{2}}},
		"too many gains": {{Pipeline: pipeline(), Channels: stereo, GainsDB: make([]float64, 3)}},
		"other channels": {{Pipeline: pipeline(), Channels: stereo[:1]}},
	} {
		if _, err := NewRooms(RoomsConfig{StreamRate: testRate, PacketFrames: block}, rooms); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		delay := random.IntN(300)
		l := newLine(aes67.Frames(delay))
		var in, out []float64
		for range 20 {
			plane := make([]float64, random.IntN(200))
			for i := range plane {
				plane[i] = random.Float64()
			}
			in = append(in, plane...)
			l.through(plane)
			out = append(out, plane...)
		}
		if want := append(make([]float64, delay), in...)[:len(in)]; !slices.Equal(out, want) {
			t.Fatalf("a delay of %d frames is not", delay)
		}
	}
}

func TestRemix(t *testing.T) {
	surround := []string{"front-left", "front-right", "front-center", "lfe", "rear-left", "rear-right"}
	for _, test := range []struct {
		name    string
		out, in []string
		want    [][]float64
	}{
		{"the same", stereo, stereo, [][]float64{{1, 0}, {0, 1}}},
		{"swapped", []string{"front-right", "front-left"}, stereo, [][]float64{{0, 1}, {1, 0}}},
		{"mono into stereo", stereo, []string{"mono"}, [][]float64{{1}, {1}}},
		{"stereo into mono", []string{"mono"}, stereo, [][]float64{{0.5, 0.5}}},
		{"stereo into 5.1", surround, stereo, [][]float64{{1, 0}, {0, 1}, {0.5, 0.5}, {0, 0}, {1, 0}, {0, 1}}},
		{"5.1 into stereo", stereo, surround, [][]float64{
			{0.9 * 0.625, 0, 0.375, 0, 0.1 * 0.625, 0}, {0, 0.9 * 0.625, 0.375, 0, 0, 0.1 * 0.625},
		}},
		{"a sub has what is its own", []string{"lfe"}, stereo, [][]float64{{0, 0}}},
		{"aux by name", []string{"aux1"}, []string{"aux0", "aux1"}, [][]float64{{0, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for o, row := range remix(test.out, test.in) {
				for i, share := range row {
					if math.Abs(share-test.want[o][i]) > 1e-12 {
						t.Errorf("%s of %s: %v, want %v", test.in[i], test.out[o], share, test.want[o][i])
					}
				}
			}
		})
	}
	all := []string{"mono", "front-left", "front-right", "front-center", "rear-left", "rear-right", "lfe", "aux0", "side-left", "rear-center"}
	random := rand.New(rand.NewPCG(3, 4))
	pick := func() []string {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return slices.Clone(all[:1+random.IntN(8)])
	}
	for range 2000 {
		out, in := pick(), pick()
		for o, row := range remix(out, in) {
			if total := sum(row); total > 1+1e-12 || slices.Min(row) < 0 {
				t.Fatalf("%v into %v: %s gets %v", in, out, out[o], row)
			}
		}
	}
}

// TestEachSinkOpensByItsOwnVolume confirms the second of two sinks only.
func TestEachSinkOpensByItsOwnVolume(t *testing.T) {
	r := newRoomsRig(t, 0, Room{Channels: stereo}, Room{Channels: stereo})
	w, _ := newWorld(t)
	w.in.Sinks = []SinkInput{{Ready: true}, {Ready: true, VolumeConfirmed: true}}
	b := New(w, r.Rooms, testPlan(11, 12), RestPolicy{}, zerolog.Nop())
	b.look(w.mono)
	for i := range r.programs {
		r.programs[i] = noise24(i, 0.5)
	}
	r.run(time.Second)
	if r.Peak(0, 0) != 0 || r.Peak(1, 0) == 0 {
		t.Errorf("peaks %v and %v, want the second sink alone", r.Peak(0, 0), r.Peak(1, 0))
	}
	if b.look(w.mono); b.Snapshot().State != Sending {
		t.Errorf("state %v while one sink sounds", b.Snapshot().State)
	}
	w.in.Sinks[0].VolumeConfirmed, w.in.Sinks[1].Ready = true, false
	b.look(w.mono)
	r.run(time.Second)
	if tail := r.heard[2][len(r.heard[2])-48:]; r.Peak(0, 0) == 0 || slices.Max(tail) != 0 {
		t.Errorf("the second sink sounds on without being ready")
	}
}

// TestStreamsThatAreAddedLeaveTheGroupsOfTheOthers grows from two streams, one of which
// had to move to where another would begin, to 64.
func TestStreamsThatAreAddedLeaveTheGroupsOfTheOthers(t *testing.T) {
	groups := func(n int) func(netip.Addr, func(netip.Addr) bool) ([]netip.Addr, error) {
		return func(a netip.Addr, used func(netip.Addr) bool) ([]netip.Addr, error) {
			return sdp.Groups(sdp.GroupPrefix{239, 69}, a, n, used)
		}
	}
	many, err := groups(aes67.MaxStreams)(addr("192.168.10.1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	plan := testPlan(1, 2)
	plan.Groups = groups(aes67.MaxStreams)
	plan.Identity.Streams[0].Group, plan.Identity.Streams[1].Group = many[8], many[1]
	for id := uint64(3); id <= aes67.MaxStreams; id++ {
		plan.Streams = append(plan.Streams, plan.Streams[0])
		plan.Identity.Streams = append(plan.Identity.Streams, SessionIdentity{ID: id})
	}
	s := newSessions(plan)
	if _, err := s.settle(addr("192.168.10.1"), &Neighbours{Host: "pc"}); err != nil {
		t.Fatal(err)
	}
	if s.identity.Streams[0].Group != many[8] || s.identity.Streams[1].Group != many[1] {
		t.Errorf("the first streams moved to %v", s.identity.Streams[:2])
	}
	seen := map[netip.Addr]bool{}
	for _, i := range s.identity.Streams {
		seen[i.Group] = true
	}
	if len(seen) != aes67.MaxStreams {
		t.Errorf("%d streams have %d groups", aes67.MaxStreams, len(seen))
	}
}
