package e2e

import (
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
	"aes67-sink/sdp"
)

// surround is a sink of eight channels; fewer are its first ones.
var surround = []string{"front-left", "front-right", "front-center", "lfe", "side-left", "side-right", "rear-left", "rear-right"}

// combination is one way to send, by the options of the configuration.
type combination struct {
	rate     aes67.Hz
	encoding aes67.Encoding
	ptime    aes67.PacketTime
	layout   config.Layout
	channels int // of the sink
}

func (c combination) String() string {
	return fmt.Sprintf("%d %v %v %v %d", c.rate, c.encoding, c.ptime, c.layout, c.channels)
}

func (c combination) config() config.Config {
	cfg := config.Default()
	cfg.Stream.Rate, cfg.Stream.Encoding, cfg.Stream.PacketTime, cfg.Stream.Layout = c.rate, c.encoding, c.ptime, c.layout
	cfg.Sink.Channels = surround[:c.channels]
	return cfg
}

// combinations are all that the configuration knows, and those of them that it allows.
func combinations() (all, allowed []combination) {
	for _, rate := range aes67.Rates {
		for _, encoding := range aes67.Encodings() {
			for _, ptime := range aes67.PacketTimes() {
				for _, layout := range config.Layouts {
					for channels := 1; channels <= len(surround); channels++ {
						c := combination{rate, encoding, ptime, layout, channels}
						all = append(all, c)
						if c.config().Validate() == nil {
							allowed = append(allowed, c)
						}
					}
				}
			}
		}
	}
	return all, allowed
}

// pairs names each two values that meet in a combination.
func (c combination) pairs() (all []string) {
	values := []string{fmt.Sprint("rate ", c.rate), c.encoding.String(), c.ptime.String(), c.layout.String(), fmt.Sprint("channels ", c.channels)}
	for i := range values {
		for j := range i {
			all = append(all, values[j]+" with "+values[i])
		}
	}
	return all
}

// pairwise picks some in which each two values meet that meet in any. It prefers those
// of few kinds of packets, since these are sent at once.
func pairwise(all []combination) (some []combination) {
	missing, kinds := map[string]bool{}, map[packets]bool{}
	for _, c := range all {
		for _, pair := range c.pairs() {
			missing[pair] = true
		}
	}
	worth := func(c combination) (n int) {
		for _, pair := range c.pairs() {
			if missing[pair] {
				n += 10
			}
		}
		if n > 0 && kinds[c.packets()] {
			n += 15
		}
		return n
	}
	for len(missing) > 0 {
		best := slices.MaxFunc(all, func(a, b combination) int { return worth(a) - worth(b) })
		some, kinds[best.packets()] = append(some, best), true
		for _, pair := range best.pairs() {
			delete(missing, pair)
		}
	}
	return some
}

func TestPairsMeet(t *testing.T) {
	all, allowed := combinations()
	if refused := len(all) - len(allowed); len(allowed) < 546 || refused < 94 {
		t.Errorf("%d are allowed, %d refused", len(allowed), refused)
	}
	some, met := pairwise(allowed), map[string]bool{}
	for _, c := range some {
		for _, pair := range c.pairs() {
			met[pair] = true
		}
	}
	for _, c := range allowed {
		for _, pair := range c.pairs() {
			if !met[pair] {
				t.Fatalf("%s does not meet", pair)
			}
		}
	}
	if n := len(batches(some, combination.last)); len(some) > 60 || n > 30 {
		t.Errorf("%d of %d in %d batches", len(some), len(allowed), n)
	} else {
		t.Logf("%d of %d in %d batches", len(some), len(allowed), n)
	}
}

// packets is what all streams of one sender share, and the encoding.
type packets struct {
	rate     aes67.Hz
	encoding aes67.Encoding
	ptime    aes67.PacketTime
}

func (c combination) packets() packets { return packets{c.rate, c.encoding, c.ptime} }

// cut is which channels of the sink a stream carries.
type cut struct{ first, channels int }

// cuts are the streams of a combination.
func (c combination) cuts() (all []cut) {
	widest := c.config().Format().Channels
	for first := 0; first < c.channels; first += widest {
		all = append(all, cut{first, min(widest, c.channels-first)})
	}
	return all
}

// last is one of them, for short forms: all are cut alike.
func (c combination) last() []cut {
	all := c.cuts()
	return all[len(all)-1:]
}

// batch is what is sent and received at once.
type batch struct {
	packets
	cuts []cut
}

// packetsASecond is what receivers on a small machine take at once.
const packetsASecond = 16_000

// batches are streams of combinations, each once.
func batches(all []combination, cuts func(combination) []cut) (out []batch) {
	streams := map[packets][]cut{}
	var order []packets
	for _, c := range all {
		p := c.packets()
		if streams[p] == nil {
			order = append(order, p)
		}
		for _, cut := range cuts(c) {
			if !slices.Contains(streams[p], cut) {
				streams[p] = append(streams[p], cut)
			}
		}
	}
	for _, p := range order {
		most := max(1, packetsASecond*int(p.ptime.Frames(p.rate))/int(p.rate))
		for cuts := range slices.Chunk(streams[p], most) {
			out = append(out, batch{p, cuts})
		}
	}
	return out
}

// counting is a source whose samples tell which frame they are of, by a bijection of
// numbers of as many bits as a sample has.
type counting struct {
	encoding aes67.Encoding
	next     uint32
}

func (s *counting) Pull(out [][]float64, _ aes67.MonoTime, _ bool) bool {
	full := float64(int64(1) << (s.encoding.Bits() - 1))
	for c := range out {
		for i := range out[c] {
			out[c][i] = float64(sampleAt(s.encoding, c, s.next+uint32(i))) / full
		}
	}
	s.next += uint32(len(out[0]))
	return false
}

func (s *counting) Skipped(frames aes67.Frames) { s.next += uint32(frames) }

func (s *counting) Unsent() {}

// Odd numbers, and their inverses modulo powers of two.
const (
	mixer      = 0x9E3779B1
	channelGap = 7919
)

// sampleAt is the sample of a channel in a frame.
func sampleAt(e aes67.Encoding, channel int, frame uint32) int32 {
	b, mask := e.Bits(), uint32(1)<<e.Bits()-1
	x := (frame + channelGap*uint32(channel)) * mixer & mask
	x ^= x >> (b / 2)
	x = x * mixer & mask
	return int32(x<<(32-b)) >> (32 - b)
}

// frameOf returns which frame has a sample in channel 0, modulo the sample's range.
func frameOf(e aes67.Encoding, v int32, channel int) uint32 {
	b, mask := e.Bits(), uint32(1)<<e.Bits()-1
	inverse := uint32(mixer)
	for range 5 { // Newton: each round doubles the bits that are right
		inverse *= 2 - mixer*inverse
	}
	x := uint32(v) & mask * inverse & mask
	x ^= x >> (b / 2)
	return (x*inverse - channelGap*uint32(channel)) & mask
}

func TestFramesAreTold(t *testing.T) {
	for _, e := range aes67.Encodings() {
		for frame := range uint32(20_000) {
			for _, channel := range []int{0, 7} {
				if got := frameOf(e, sampleAt(e, channel, frame), channel); got != frame {
					t.Fatalf("%v: frame %d of channel %d is told as %d", e, frame, channel, got)
				}
			}
		}
	}
	if bits.Len(uint(len(surround)*channelGap)) > 16 {
		t.Error("channels of 16 bits are not told apart")
	}
}

// Bounds of what is not for a decoder to answer for: the machine stands still, and packets
// are left out or lost.
const (
	mostJumps = 100 // in what is judged, a second
	mostAway  = 2 * time.Second
)

// wrongSample begins what differs says of a sample that was not sent there: that is never
// the machine's doing.
const wrongSample = "channel "

// differs tells where the last second of a recording of 24-bit samples is not what was
// sent; no more than three quarters of it, since receivers may lose packets while they
// start. Empty: nowhere.
// Whole packets may be missing, not so many that they cannot be told from a step back;
// each frame that is there is one that was sent, in order, with each channel in its place.
func (b batch) differs(at cut, samples [][]int32) string {
	frames := len(samples[0])
	from, shift := max(frames/4, frames-int(b.rate)), 24-b.encoding.Bits()
	if least := int(b.rate) / 4; frames-from < least {
		return fmt.Sprintf("%d frames, want %d", frames-from, least)
	}
	mask := uint32(1)<<b.encoding.Bits() - 1
	most, packet := uint32(aes67.FramesIn(mostAway, b.rate)), uint32(b.ptime.Frames(b.rate))
	whole := func(missing uint32) bool { // with turns of the numbers, which samples do not tell
		for ; missing <= most; missing += mask + 1 {
			if missing%packet == 0 {
				return true
			}
		}
		return false
	}
	n, jumps := frameOf(b.encoding, samples[0][from]>>shift, at.first), 0
	for i := from; i < frames; i, n = i+1, n+1 {
		if told := frameOf(b.encoding, samples[0][i]>>shift, at.first); told != n&mask {
			missing := (told - n) & mask
			jumps++
			if b.encoding == aes67.L24 && missing <= most && !whole(missing) {
				return fmt.Sprintf(wrongSample+"%d, frame %d of %d: frame %d of what was sent, want %d: no whole packets are missing", at.first, i, frames, told, n&mask)
			}
			if missing > min(most, mask/2) || jumps > mostJumps || !whole(missing) {
				return fmt.Sprintf("frame %d of %d is frame %d of what was sent, want %d", i, frames, told, n&mask)
			}
			n += missing
		}
		for c := range samples {
			if got, want := samples[c][i], sampleAt(b.encoding, at.first+c, n)<<shift; got != want {
				return fmt.Sprintf(wrongSample+"%d of %d, frame %d of %d: %d, want %d (of frame %d, not %d)",
					c, len(samples), i, frames, got, want, frameOf(b.encoding, got>>shift, at.first+c), n&mask)
			}
		}
	}
	return ""
}

// raw reads interleaved 24-bit samples, little-endian.
func raw(content []byte, channels int) [][]int32 {
	samples := make([][]int32, channels)
	for at := 0; at+3*channels <= len(content); at += 3 * channels {
		for c := range channels {
			b := content[at+3*c:]
			samples[c] = append(samples[c], int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8)
		}
	}
	return samples
}

// gstreamerOrder tells which channel GStreamer (1.22) takes for each of its own, by their
// number: it does not read the order of SMPTE ST 2110-30 and supposes L R Ls Rs C LFE.
// Eight channels come out right, since its own order has the rear ones before the sides.
var gstreamerOrder = map[int][]int{5: {0, 1, 3, 4, 2}, 6: {0, 1, 4, 5, 2, 3}, 8: {0, 1, 2, 3, 6, 7, 4, 5}}

// fromGStreamer puts the channels back into the order in which they were sent.
func fromGStreamer(samples [][]int32) [][]int32 {
	order, another := gstreamerOrder[len(samples)]
	if !another {
		return samples
	}
	sent := make([][]int32, len(samples))
	for at, channel := range order {
		sent[channel] = samples[at]
	}
	return sent
}

// descriptions writes those of a batch's streams to a folder.
func (b batch) descriptions(t testing.TB, dir string) (streams []aes67.Stream, paths []string) {
	t.Helper()
	for i, cut := range b.cuts {
		s := aes67.Stream{
			Name: fmt.Sprint("stream ", i), Channels: surround[cut.first : cut.first+cut.channels], First: cut.first,
			Group: netip.AddrFrom4([4]byte{239, 69, 67, byte(1 + i)}), Port: uint16(5004 + 2*i), TTL: 1, PayloadType: 98,
			Encoding: b.encoding, Rate: b.rate, PacketTime: b.ptime,
		}
		session := sdp.Session{Stream: s, ID: uint64(1 + i), Version: 1, Origin: netip.MustParseAddr("10.67.0.1"), Reference: sdp.Reference{Grandmaster: aes67.ClockIdentity{1}}}
		path := filepath.Join(dir, fmt.Sprintf("%d.sdp", i))
		if err := os.WriteFile(path, []byte(session.Text()), 0o644); err != nil {
			t.Fatal(err)
		}
		streams, paths = append(streams, s), append(paths, path)
	}
	return streams, paths
}

// send sends a batch from the pc's side until the test ends.
func (b batch) send(t testing.TB, w wire, streams []aes67.Stream) *rtpsend.Sender {
	t.Helper()
	var sender *rtpsend.Sender
	w.inside(t, pc, func(eth0 net.Interface) (err error) {
		clock := &mediaclock.Clock{}
		clock.Step(rtthread.Raw(), aes67.PTPTime(time.Now().UnixNano()), 0)
		sender, err = rtpsend.New(rtpsend.Config{
			Streams: streams, Interface: eth0, Source: netip.MustParseAddr("10.67.0.1"), DSCP: 34, Priority: 20,
		}, clock, &counting{encoding: b.encoding}, zerolog.Nop())
		return err
	})
	beside(t, "sender", sender.Run)
	return sender
}

// received is what each receiver made of each stream: empty if it is what was sent.
type received map[string][]string

// decode has ffmpeg, GStreamer and the lab's receiver take a batch.
func (b batch) decode(t testing.TB, w wire) received {
	t.Helper()
	dir := tempDir(t, "fmt")
	streams, descriptions := b.descriptions(t, dir)
	own := make([]listener, len(streams))
	for i, description := range descriptions {
		own[i] = listen(t, w, description, nil, 20*time.Second)
	}
	b.send(t, w, streams)

	ffmpeg := []string{"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"}
	var outputs []string
	gstreamer := []string{"gst-launch-1.0", "-q", "-e"}
	for i, description := range descriptions {
		ffmpeg = append(ffmpeg, "-protocol_whitelist", "file,udp,rtp", "-buffer_size", "4000000", "-localaddr", "10.67.0.2", "-i", description)
		outputs = append(outputs, "-map", fmt.Sprintf("%d:a:0", i), "-c:a", "pcm_s24le", "-f", "s24le", "-flush_packets", "1", "-y", filepath.Join(dir, fmt.Sprintf("ffmpeg.%d", i)))
		gstreamer = append(gstreamer, "filesrc", "location="+description, "!", "sdpdemux", "latency=50", fmt.Sprintf("name=d%d", i), fmt.Sprintf("d%d.", i), "!",
			fmt.Sprintf("rtp%vdepay", b.encoding), "!", "audioconvert", "!", "audio/x-raw,format=S24LE", "!",
			"filesink", "buffer-mode=unbuffered", "location="+filepath.Join(dir, fmt.Sprintf("gstreamer.%d", i)))
	}
	players := map[string]*process{
		"ffmpeg":    start(t, "ffmpeg", os.Environ(), w.in(speaker, append(ffmpeg, outputs...)...)...),
		"gstreamer": start(t, "gstreamer", gstreamerEnv(), w.in(speaker, gstreamer...)...),
	}
	for name := range players {
		for i, cut := range b.cuts {
			path := filepath.Join(dir, fmt.Sprintf("%s.%d", name, i))
			enough := int64(b.rate) / 2 * 3 * int64(cut.channels)
			if !soon(10*time.Second, func() bool { info, err := os.Stat(path); return err == nil && info.Size() >= enough }) {
				break // judged by what there is
			}
		}
	}
	told := received{}
	for name, player := range players {
		player.stop()
		twice := strings.Contains(player.output.String(), padTwice)
		for i, cut := range b.cuts {
			content, _ := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s.%d", name, i)))
			samples := raw(content, cut.channels)
			if name == "gstreamer" {
				samples = fromGStreamer(samples)
			}
			word := b.differs(cut, samples)
			switch none := strings.HasSuffix(word, "want "+fmt.Sprint(int(b.rate)/4)); {
			case none && twice:
				word = padTwice
			case none:
				word += ": " + tail(player.output.String(), 3)
			}
			told[name] = append(told[name], word)
		}
	}
	for i, cut := range b.cuts {
		recording := own[i].Recording()
		samples := make([][]int32, len(recording.Channels))
		for c := range recording.Channels {
			end := 0
			for _, gap := range append(recording.Gaps, lab.Run{Frame: len(recording.Channels[c])}) { // which it fills with zeros
				for _, v := range recording.Channels[c][end:gap.Frame] {
					samples[c] = append(samples[c], int32(float64(v)*(1<<23)))
				}
				end = gap.Frame + gap.Length
			}
		}
		told["lab"] = append(told["lab"], b.differs(cut, samples))
		rtp := &attempt{TB: t} // how many are missing is judged above
		own[i].judgeContinuity(rtp, fmt.Sprintf("%v %v %v, stream %d", b.rate, b.encoding, b.ptime, i))
		for _, text := range rtp.failures {
			t.Error(text)
		}
	}
	return told
}

// decoders are those that told of.
var decoders = []string{"ffmpeg", "gstreamer", "lab"}

// sent is a stream's channels in packets of a form.
type sent struct {
	packets
	cut
}

// TestFormats sends what the configuration allows, and holds what three receivers make
// of it to what was sent, bit for bit and channel by channel. FORMATS=all takes each
// combination and prints the table, another word those with it, such as "48000 L24 1ms";
// else each two values meet.
func TestFormats(t *testing.T) {
	shared(t)
	needRoot(t)
	need(t, "ffmpeg", "gst-launch-1.0")
	all, some := combinations()
	cuts := combination.cuts
	switch only := os.Getenv("FORMATS"); only {
	case "":
		some, cuts = pairwise(some), combination.last
	case "all":
	default:
		some = slices.DeleteFunc(some, func(c combination) bool { return !strings.Contains(c.String(), only) })
	}
	if len(some) == 0 {
		t.Fatal("no combination is that of FORMATS")
	}
	w := newWire(t)
	told := map[sent]map[string]*reading{}
	for _, b := range batches(some, cuts) {
		for _, at := range b.cuts {
			of := map[string]*reading{}
			for _, name := range decoders {
				of[name] = &reading{}
			}
			told[sent{b.packets, at}] = of
		}
		for tries := 1; ; tries++ {
			from, inner := rtthread.Now(), partOf(t)
			words := b.decode(inner, w)
			inner.cleanUp()
			now := rtthread.Now()
			stood := watch.stood(now, now.Sub(from))
			well, wrong := true, false
			for i, at := range b.cuts {
				for name, o := range told[sent{b.packets, at}] {
					o.word, o.stood = words[name][i], stood
					o.once = o.once || o.word == ""
					well = well && o.word == ""
					wrong = wrong || strings.HasPrefix(o.word, wrongSample)
				}
			}
			if well {
				break
			}
			t.Logf("%v %v %v, %d streams, try %d, in which the machine stood still for %v: %v", b.rate, b.encoding, b.ptime, len(b.cuts), tries, stood, words)
			if wrong || tries == mostTries || stood <= standstill && !slices.Contains(words["gstreamer"], padTwice) {
				break
			}
		}
	}
	good, judged := 0, len(some)
	words := map[combination]string{}
	for _, c := range some {
		var faults []string
		excused := true
		for _, at := range cuts(c) {
			for _, name := range decoders {
				if o := told[sent{c.packets(), at}][name]; o.word != "" {
					faults = append(faults, fmt.Sprintf("channels from %d on, in a machine that stood still for %v: %s: %s", at.first, o.stood, name, o.word))
					excused = excused && o.excused()
				}
			}
		}
		words[c] = strings.Join(faults, "; ")
		switch {
		case len(faults) == 0:
			good++
			words[c] = "bit for bit in " + strings.Join(decoders, ", ")
		case excused:
			judged--
			figures.not(t, c.String(), fmt.Sprintf("each receiver was right in a try, and not all in one of %d: %s", mostTries, words[c]))
		default:
			t.Errorf("%v: %s", c, words[c])
		}
	}
	figures.atLeast(t, "combinations bit for bit in ffmpeg, GStreamer and the lab's receiver", float64(good), float64(judged), "")
	if os.Getenv("FORMATS") != "" {
		printFormats(all, words)
	}
}

// reading is what a receiver made of a stream.
type reading struct {
	word  string        // of the last try; empty if it was right
	stood time.Duration // for how long the machine stood still in it
	once  bool          // it was right in a try
}

// excused reports whether the machine may be why it was not right at last: the sender left
// packets out, and else it is.
func (o *reading) excused() bool {
	return o.once && o.stood > longStandstill && !strings.HasPrefix(o.word, wrongSample)
}

// printFormats shows what became of each combination, and why it is refused if it is.
func printFormats(all []combination, words map[combination]string) {
	for _, c := range all {
		word := words[c]
		if err := c.config().Validate(); err != nil {
			word = err.Error()
		}
		if word != "" {
			fmt.Printf("%-30v %s\n", c, word)
		}
	}
}

// TestShortPacketsKeepTheirTime sends eight streams in packets of 125 µs: all but one of
// a thousand leave within one packet time of their instant, as AES67-2018, 7.5 wants.
func TestShortPacketsKeepTheirTime(t *testing.T) {
	if os.Getenv("FORMATS") == "" {
		t.Skip("a figure of a quiet machine: said by 'make formats'")
	}
	measured(t, func(t *attempt) {
		w := newWire(t)
		for _, form := range []struct {
			name string
			cuts []cut
		}{
			{"8 streams of one channel", []cut{{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}}},
			{"one stream of 8 channels", []cut{{0, 8}}},
		} {
			b := batch{packets{48000, aes67.L24, aes67.PacketTime125us}, form.cuts}
			inner := partOf(t)
			streams, _ := b.descriptions(inner, tempDir(inner, "fmt"))
			sender := b.send(inner, w, streams)
			var late, packets, all uint64
			last := sender.Snapshot()
			for from, end := rtthread.Now(), rtthread.Now().Add(window(20*time.Second, 60*time.Second)); from < end; {
				pass(100 * time.Millisecond)
				now, stats := rtthread.Now(), sender.Snapshot()
				was, is := last.Streams[0], stats.Streams[0]
				all += is.Packets - was.Packets
				// A standstill is told of when it is over, and its backlog is sent then.
				pass(10 * time.Millisecond)
				if len(watch.between(from.Add(-50*time.Millisecond), now)) == 0 {
					late, packets = late+is.Late-was.Late, packets+is.Packets-was.Packets
				}
				from, last = now, stats
			}
			inner.cleanUp()
			t.Logf("%s: judged %d of %d packets, of which %d were late by more than 125 µs; all: p50 %v, p99 %v, worst %v; %d jumps",
				form.name, packets, all, late, last.LatenessP50, last.LatenessP99, last.LatenessWorst, last.TimestampJumps)
			if packets < all/4 {
				figures.not(t, form.name+" in 125 µs", "the machine stood still in most of the time")
				continue
			}
			figures.atMost(t, form.name+" in 125 µs: late by more than one packet time", 1000*float64(late)/float64(packets), 1, "‰")
		}
	})
}
