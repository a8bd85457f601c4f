package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// recordedFrames is what the independent recorder asks for: PipeWire's least
// message at its quantum of 256, so that it makes no graph run faster.
const recordedFrames = 256

// recordBeside records the sink's monitor beside the bridge, as any program does,
// and hands over the left channel with the instant at which it came. It runs in
// real time, so that a busy machine does not add to what is measured.
func recordBeside(t testing.TB, s *server, take func(x []float32, at aes67.MonoTime)) {
	t.Helper()
	recordEach(t, s, stereoFrame, take)
}

// stereoFrame is the size of a frame in bytes.
const stereoFrame = 2 * 4

// recordEach hands over the first sample of each so many bytes.
func recordEach(t testing.TB, s *server, each int, take func(x []float32, at aes67.MonoTime)) {
	t.Helper()
	cmd := exec.Command("chrt", "--rr", "20", "parec", "--device=aes67.monitor", "--raw", "--format=float32le", "--rate=48000", "--channels=2",
		"--latency="+strconv.Itoa(recordedFrames*stereoFrame))
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("parec: %v", err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its priority
		rtthread.Lock("recorder", 20)
		readFrames(bufio.NewReaderSize(out, 1<<16), each, take)
	}()
}

// readFrames takes what there is at once as one block, until the end.
func readFrames(in *bufio.Reader, frame int, take func([]float32, aes67.MonoTime)) {
	var x []float32
	for {
		if _, err := in.Peek(frame); err != nil {
			return
		}
		at := rtthread.Now()
		raw := make([]byte, in.Buffered()/frame*frame)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		x = x[:0]
		for ; len(raw) > 0; raw = raw[frame:] {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		take(x, at)
	}
}

// markRecorder looks for marks in the monitor.
type markRecorder struct {
	mu     sync.Mutex
	finder lab.MarkFinder
}

func recordMarks(t testing.TB, s *server) *markRecorder {
	t.Helper()
	r := &markRecorder{}
	recordBeside(t, s, func(x []float32, at aes67.MonoTime) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.finder.Take(x, at)
	})
	return r
}

func (r *markRecorder) Marks() []lab.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.finder.Found())
}

// tap keeps what the monitor gave, and when.
type tap struct {
	mu     sync.Mutex
	x      []float64
	blocks []block
}

type block struct {
	at   aes67.MonoTime
	from int // its first frame
	peak float64
}

func tapMonitor(t testing.TB, s *server) *tap {
	t.Helper()
	r := &tap{}
	recordBeside(t, s, func(x []float32, at aes67.MonoTime) {
		r.mu.Lock()
		defer r.mu.Unlock()
		b := block{at: at, from: len(r.x)}
		for _, v := range x {
			r.x = append(r.x, float64(v))
			b.peak = max(b.peak, math.Abs(float64(v)))
		}
		r.blocks = append(r.blocks, b)
	})
	return r
}

// sounds returns when the first sound since an instant came.
func (r *tap) sounds(since aes67.MonoTime) (at aes67.MonoTime, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.blocks {
		if b.at >= since && b.peak > soundingPeak {
			return b.at, true
		}
	}
	return 0, false
}

// since returns what came since an instant.
func (r *tap) since(at aes67.MonoTime) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.blocks {
		if b.at >= at {
			return slices.Clone(r.x[b.from:])
		}
	}
	return nil
}
