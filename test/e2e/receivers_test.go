package e2e

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
)

// The tone of each channel: primes, so that no harmonic of one meets the other.
const (
	leftHz   = 997
	rightHz  = 1499
	toneDBFS = -6.02 // amplitude 0.5
)

// makeTones writes the WAV file that is played: float, left and right tone,
// faded in and out over 50 ms so that its own edges are no clicks.
func makeTones(t testing.TB, length time.Duration) string {
	t.Helper()
	return makeTonesAt(t, 48000, length)
}

// makeTonesAt makes them at a rate. Both tones end each second as they began it: in
// what is four seconds long or longer the second one comes again and again.
func makeTonesAt(t testing.TB, rate aes67.Hz, length time.Duration) string {
	t.Helper()
	frames, second := int(aes67.FramesIn(length, rate)), int(rate)
	again := max(0, frames/second-3)
	frames -= again * second
	w := lab.WAV{Rate: rate, Channels: [][]float64{tone(leftHz, second, frames, second/20), tone(rightHz, second, frames, second/20)}}
	return saveWAV(t, func(to io.Writer) error {
		loop := lab.Run{Frame: min(second, frames), Length: max(0, min(second, frames-second))}
		return w.WriteLooped(to, lab.WAVFloat32, loop, 1+again)
	})
}

// writeWAV leaves a file that every user may read.
func writeWAV(t testing.TB, w lab.WAV, format lab.WAVFormat) string {
	t.Helper()
	return saveWAV(t, func(to io.Writer) error { return w.Write(to, format) })
}

func saveWAV(t testing.TB, write func(io.Writer) error) string {
	t.Helper()
	path := filepath.Join(tempDir(t, "wav"), "sound.wav")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		err = errors.Join(write(file), file.Close(), os.Chmod(filepath.Dir(path), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func tone(hz float64, rate, frames, fade int) []float64 {
	x := make([]float64, frames)
	for i := range x {
		x[i] = 0.5 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
		if edge := min(i, frames-1-i); edge < fade {
			x[i] *= (1 - math.Cos(math.Pi*float64(edge)/float64(fade))) / 2
		}
	}
	return x
}

// recorder is a foreign receiver of one stream, given by its description.
type recorder struct {
	*process
	path  string
	begin func() *process
	begun int // how often
	said  int // how much it had printed before the part that counts
}

// startRecorder begins one that leaves its recording at a path.
func startRecorder(path string, begin func() *process) *recorder {
	return &recorder{process: begin(), path: path, begin: begin, begun: 1}
}

// padTwice is what GStreamer (1.22) says when sdpdemux wants to add a stream's pad a second
// time, and ends: seen once in a hundred starts on a busy machine.
const padTwice = "Padname stream_0 is not unique"

// startFFmpeg records a stream as ffmpeg's user does, in 24 bits.
func startFFmpeg(t testing.TB, w wire, description string) *recorder {
	t.Helper()
	need(t, "ffmpeg")
	path := filepath.Join(tempDir(t, "rec"), "ffmpeg.wav")
	return startRecorder(path, func() *process {
		return start(t, "ffmpeg", os.Environ(), w.in(speaker,
			"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-protocol_whitelist", "file,udp,rtp",
			"-localaddr", "10.67.0.2", "-i", description, "-c:a", "pcm_s24le", "-y", path)...)
	})
}

// startGStreamer records a stream as GStreamer's user does, in 24 bits.
func startGStreamer(t testing.TB, w wire, description string) *recorder {
	t.Helper()
	need(t, "gst-launch-1.0")
	path := filepath.Join(tempDir(t, "rec"), "gstreamer.wav")
	return startRecorder(path, func() *process {
		return start(t, "gstreamer", gstreamerEnv(), w.in(speaker,
			"gst-launch-1.0", "-e", "filesrc", "location="+description, "!", "sdpdemux", "name=d", "d.", "!", "rtpL24depay",
			"!", "audioconvert", "!", "audio/x-raw,format=S24LE", "!", "wavenc", "!", "filesink", "location="+path)...)
	})
}

// gstreamerEnv shares one list of GStreamer's plugins between all its runs:
// making it takes a second of both cores.
var gstreamerEnv = sync.OnceValue(func() []string {
	env := append(os.Environ(), "GST_REGISTRY="+filepath.Join("/tmp", uniqueName("gst"), "registry"))
	_, _ = output(env, "gst-inspect-1.0", "sdpdemux")
	return env
})

// records waits until more than a header was recorded, which it begins anew for padTwice.
func (r *recorder) records(within time.Duration) {
	r.t.Helper()
	eventually(r.t, within, r.name+" records", func() bool {
		if r.ended() && r.begun < 3 && strings.Contains(r.output.String(), padTwice) {
			r.t.Logf("%s begins anew: %s", r.name, padTwice)
			_ = os.Remove(r.path)
			r.process, r.begun = r.begin(), r.begun+1
		}
		info, err := os.Stat(r.path)
		return err == nil && info.Size() > 4096
	})
}

// counts tells that what is recorded from now on counts: a receiver may lose
// packets while it starts.
func (r *recorder) counts() { r.said = len(r.output.String()) }

// finish ends the recording, as Ctrl-C does, and returns its one channel.
func (r *recorder) finish() []float64 {
	r.t.Helper()
	r.signal(syscall.SIGINT)
	_ = r.wait(10 * time.Second) // judged by what it recorded
	content, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
	wav, err := lab.ReadWAV(bytes.NewReader(content))
	if err != nil || len(wav.Channels) != 1 {
		r.t.Fatalf("%s: %d bytes, want one channel: %v", r.name, len(content), err)
	}
	if said := r.output.String()[r.said:]; strings.Contains(said, "missed") { // ffmpeg's word for loss
		r.t.Errorf("%s: %s", r.name, said)
	}
	return wav.Channels[0]
}
