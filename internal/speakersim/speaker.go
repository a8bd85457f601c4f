package speakersim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"aes67-sink/internal/wake"
)

// maxRequest is where a request is answered with 413, in bytes.
const maxRequest = 1024

// Config is a speaker. What is left out is made up.
type Config struct {
	Profile               Profile
	Name, Serial, Version string
	// NoSchema refuses osc/schema and osc/limits, as the KH 120 II's 1_7_3 did.
	NoSchema bool
	// WakeTime is how long it needs to wake; 0: some tenths of a second.
	WakeTime time.Duration
}

// Faults are what is wrong with a speaker. The zero value is none.
type Faults struct {
	Slow     time.Duration // before each answer
	HalfOpen bool          // reads and never answers
	Garbage  bool          // answers are bytes without a meaning
	Lines    int           // that many lines about something else before each answer
	Endless  bool          // an answer whose line never ends
	DropSet  bool          // the power goes in the middle of a write: no answer, no connection
	Off      bool          // takes no connection, and ends those there are
}

// Speaker is one simulated speaker. Its methods may be called from anywhere.
type Speaker struct {
	config Config

	mu     sync.Mutex
	leaves map[string]*leaf
	faults Faults
	meter  func() []float64
	onSet  func(path string, value any)
	conns  map[net.Conn]bool
	onWake func()
	asked  int

	standby standby
}

// New makes a speaker.
func New(c Config) *Speaker {
	if c.Profile == "" {
		c.Profile = KH120IIAES67
	}
	if c.Name == "" {
		c.Name = string(c.Profile)
	}
	if c.Serial == "" {
		c.Serial = "6382437000000000"
	}
	if c.Version == "" {
		c.Version = firmware(c.Profile)
	}
	if c.WakeTime == 0 {
		c.WakeTime = usualWakeTime
	}
	return &Speaker{config: c, leaves: tree(c.Profile, c.Name, c.Serial, c.Version), conns: map[net.Conn]bool{}}
}

// Start serves on a free port of [::1] until ctx is done.
func (s *Speaker) Start(ctx context.Context) (netip.AddrPort, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp6", "[::1]:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	go func() { _ = s.Serve(ctx, l) }()
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// Serve answers on a listener until ctx is done, and returns nil then.
func (s *Speaker) Serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() {
		_ = l.Close()
		s.hangUp()
	})()
	var all sync.WaitGroup
	defer all.Wait()
	serving, end := context.WithCancel(ctx)
	defer end()
	all.Go(func() { s.live(serving) })
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil { // which is so before the listener is closed for it; serving may not have ended yet
				return nil
			}
			return err
		}
		s.mu.Lock()
		off := s.faults.Off || serving.Err() != nil
		if !off {
			s.conns[conn] = true
		}
		s.mu.Unlock()
		if off {
			_ = conn.Close()
			continue
		}
		all.Go(func() {
			s.converse(serving, conn)
			_ = conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *Speaker) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// converse answers one connection.
func (s *Speaker) converse(ctx context.Context, conn net.Conn) {
	lines := bufio.NewReaderSize(conn, 16<<10)
	for {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return
		}
		s.mu.Lock()
		f := s.faults
		s.asked++
		var answer string
		var set func()
		if long || len(line) > maxRequest {
			answer = plainError(413, "request too long")
		} else {
			answer, set = s.answer(line, f)
		}
		s.mu.Unlock()
		if set != nil {
			set()
		}
		if f.HalfOpen {
			continue
		}
		if f.DropSet && set != nil {
			return
		}
		if f.Slow > 0 && !wake.Pause(ctx, f.Slow) {
			return
		}
		if err := f.send(conn, answer); err != nil {
			return
		}
	}
}

// send writes an answer, in the way the faults have it.
func (f Faults) send(conn net.Conn, answer string) error {
	if f.Garbage {
		_, err := conn.Write([]byte("\x00\xff{{{]\"level\":\r\n\r\n"))
		return err
	}
	for range f.Lines {
		if _, err := conn.Write([]byte(`{"m":{"other":[-42.0]}}` + "\r\n")); err != nil {
			return err
		}
	}
	for f.Endless {
		if _, err := conn.Write([]byte(`{"audio":{"out":{"level":0000000000000000`)); err != nil {
			return err
		}
	}
	_, err := conn.Write([]byte(answer + "\r\n"))
	return err
}

// SetFaults has it go wrong from the next request on.
func (s *Speaker) SetFaults(f Faults) {
	s.mu.Lock()
	s.faults = f
	s.mu.Unlock()
	if f.Off {
		s.hangUp()
	}
}

// Turn changes a leaf at the speaker itself, as its switches and knobs do; also one
// that the network may not write. The value is a float64, int, bool, string or []any,
// as the leaf has it.
func (s *Speaker) Turn(path string, value any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leaves[path]
	if l == nil {
		return fmt.Errorf("%s has no %s", s.config.Profile, path)
	}
	l.value = value
	return nil
}

// Value is what a leaf holds; nil: there is no such leaf.
func (s *Speaker) Value(path string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == "m/in/level" {
		return s.levels()
	}
	if l := s.leaves[path]; l != nil {
		return l.value
	}
	return nil
}

// Level is audio/out/level in dB SPL.
func (s *Speaker) Level() float64 { x, _ := s.Value("audio/out/level").(float64); return x }

// Muted is audio/out/mute.
func (s *Speaker) Muted() bool { m, _ := s.Value("audio/out/mute").(bool); return m }

// SetLocal turns the switch at the rear to LOCAL or NETWORK.
func (s *Speaker) SetLocal(local bool) {
	mode := "NETWORK"
	if local {
		mode = "LOCAL"
	}
	_ = s.Turn("ui/control_mode", mode)
}

// SetMeter sets what the input meters show, in dB, one a channel; it is called from
// any goroutine, with the speaker's lock held.
func (s *Speaker) SetMeter(levels func() []float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meter = levels
}

// OnSet is told of each leaf that the network sets, after it is set.
func (s *Speaker) OnSet(told func(path string, value any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onSet = told
}

// Asked counts the requests.
func (s *Speaker) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// levels are the input meters.
func (s *Speaker) levels() []any {
	levels := []any{-120.0, -120.0}
	if s.meter == nil || s.standby.asleep {
		return levels
	}
	levels = levels[:0]
	for _, x := range s.meter() {
		levels = append(levels, x)
	}
	return levels
}
