package drift

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// Monitor messages as they came from real servers on a busy machine with two
// cores, 100 s each, stereo at 48 kHz, 5 ms asked for. Each message is two
// varints: microseconds since the one before, and frames.
//
//	pipewire              0.3.65, a player of 44.1 kHz
//	pipewire-lost-cycles  0.3.65, overloaded: 18 cycles of 256 frames are skipped
//	pulseaudio            16.1, a player of 44.1 kHz, which splits half of the pieces

func recording(t *testing.T, name string) []message {
	t.Helper()
	file, err := os.Open("testdata/" + name + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []message
	var sum message
	for r := bufio.NewReader(unzipped); ; {
		us, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return all
		}
		frames, err2 := binary.ReadUvarint(r)
		if err != nil || err2 != nil {
			t.Fatal(name, err, err2)
		}
		sum.at += aes67.MonoTime(us) * 1000
		sum.total += aes67.Frames(frames)
		all = append(all, sum)
	}
}

func recorded(messages []message, tick time.Duration) server {
	return server{rate: 48000, block: 256, tick: tick, fast: share(0), recorded: messages}
}

func TestRecordings(t *testing.T) {
	const length = 96 * time.Second
	// The machine's own latency wanders by 40 us in a minute: 0.7 ppm, were it followed.
	noisy := limits{fine: 12 * time.Second, early: 100, last: 100, fill: 30, slope: 0.26, step: 0.21, wander: 150}
	judge(t, []scenario{
		{
			"recorded pipewire",
			world{server: recorded(recording(t, "pipewire"), tickPipeWire), target: 2400, length: length},
			noisy,
		},
		{
			"recorded pipewire, grandmaster +100 ppm",
			world{
				server: recorded(recording(t, "pipewire"), tickPipeWire), target: 2400, length: length,
				master: share(100e-6),
			},
			noisy,
		},
		{
			"recorded pipewire, cycles lost",
			world{server: recorded(recording(t, "pipewire-lost-cycles"), tickPipeWire), target: 2400, length: length},
			limits{slope: 0.26, step: 0.21, underruns: 2, restarts: 2}, // what runs dry restarts
		},
		{
			"recorded pulseaudio",
			world{server: recorded(recording(t, "pulseaudio"), tickPulseAudio), target: 2400, length: length},
			limits{fine: 12 * time.Second, early: 3000, last: 3000, fill: 30, slope: 0.26, step: 0.21, wander: 4000},
		},
	})
}
