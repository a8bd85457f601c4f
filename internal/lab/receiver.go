package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"time"

	"aes67-sink/aes67"
)

// ReceiverConfig says what one receiver hears and keeps.
type ReceiverConfig struct {
	Interface    net.Interface
	Subscription Subscription
	// Second is where copies of the same packets come in: of each the first that comes is
	// taken, as receivers of SMPTE ST 2022-7 do. No group: nowhere.
	Second SecondLeg
	// Clock is the grandmaster's time by this machine's oscillator; nil if it is
	// not known.
	Clock  func(aes67.RawTime) aes67.PTPTime
	Skip   time.Duration // arrival times are not judged before
	Record aes67.Frames  // kept in memory from the first packet on, 0: none
	Marks  bool          // looks for marks in the first channel
	Keep   bool          // keeps the arrival of each packet, 40 bytes
}

// SecondLeg is the other network of a redundant stream.
type SecondLeg struct {
	Interface net.Interface
	Group     netip.Addr
	Port      uint16
}

// Receiver is an AES67 receiver that judges what it hears: continuity,
// timestamps, arrival times and content of one stream.
type Receiver struct {
	config ReceiverConfig
	conns  []*net.UDPConn

	mu     sync.Mutex
	stream *stream
}

// NewReceiver joins the group. Run or Close leaves it.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	s := cfg.Subscription
	if s.Channels < 1 || !s.Stream.Group.Is4() || s.Stream.Rate < 1 || s.Stream.PacketFrames() < 1 {
		return nil, fmt.Errorf("receiver %q: %d channels, group %v, %d Hz: not a stream", s.Name, s.Channels, s.Stream.Group, s.Stream.Rate)
	}
	conn, err := joinGroup(cfg.Interface, s.Stream.Group, s.Stream.Port)
	if err != nil {
		return nil, fmt.Errorf("receiver %q: %v port %d on %s: %w", s.Name, s.Stream.Group, s.Stream.Port, cfg.Interface.Name, err)
	}
	conns := []*net.UDPConn{conn}
	if second := cfg.Second; second.Group.IsValid() {
		other, err := joinGroup(second.Interface, second.Group, second.Port)
		if err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("receiver %q: %v port %d on %s: %w", s.Name, second.Group, second.Port, second.Interface.Name, err)
		}
		conns = append(conns, other)
	}
	stream := newStream(s, cfg.Clock, cfg.Skip, cfg.Record)
	if cfg.Marks {
		stream.marks = &MarkFinder{}
	}
	stream.keep = cfg.Keep
	return &Receiver{config: cfg, conns: conns, stream: stream}, nil
}

// Close leaves the group of a receiver that does not run.
func (r *Receiver) Close() (err error) {
	for _, conn := range r.conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}

// Run receives until ctx ends.
func (r *Receiver) Run(ctx context.Context) error {
	unblock := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer unblock()
	defer func() { _ = r.Close() }()
	ended := make(chan error, len(r.conns))
	for _, conn := range r.conns {
		go func() { ended <- r.read(ctx, conn) }()
	}
	err := <-ended
	_ = r.Close()
	for range r.conns[1:] {
		err = errors.Join(err, <-ended)
	}
	return err
}

func (r *Receiver) read(ctx context.Context, conn *net.UDPConn) error {
	reader := newReader(conn)
	for {
		a, err := reader.next()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil //nolint:nilerr // it was to end
		case err != nil:
			return fmt.Errorf("receiver %q: %w", r.config.Subscription.Name, err)
		}
		r.mu.Lock()
		r.stream.take(a)
		r.mu.Unlock()
	}
}

// Report is what a receiver has to say; times in the units of their names.
type Report struct {
	Name  string `json:"name"`
	Group string `json:"group"`
	Port  uint16 `json:"port"`
	SSRC  uint32 `json:"ssrc"`
	TTL   int    `json:"ttl"` // of the last packet, -1: none came
	DSCP  int    `json:"dscp"`
	Counts
	Seconds        float64       `json:"seconds"` // from the first packet to the last
	FirstTimestamp aes67.RTPTime `json:"first_timestamp"`
	LastTimestamp  aes67.RTPTime `json:"last_timestamp"`
	Levels         []Level       `json:"levels"`
	// Early counts packets that came before their RTP instant, of those judged.
	Early uint64 `json:"early"`
	// Delay is arrival less RTP instant less the sender's constant, by the
	// grandmaster's clock; nil if that is not known.
	Delay *DistributionReport `json:"delay,omitempty"`
	// Deviation is |time between packets - packet time|.
	Deviation *DistributionReport `json:"deviation,omitempty"`
	// Slope of the lower envelope of arrival less RTP instant: plus = the RTP
	// clock is slow against the grandmaster (without one: CLOCK_MONOTONIC).
	SlopePPM     *float64 `json:"envelope_slope_ppm,omitempty"`
	SlopeSeconds float64  `json:"envelope_seconds,omitempty"`
	// Gaps and splices of the recording, if one was made.
	Recorded int   `json:"recorded_frames,omitempty"`
	Gaps     []Run `json:"gaps,omitempty"`
	Splices  []int `json:"splices,omitempty"`
}

// Report returns the account so far. The slope is that of the last window of
// time; 0: of all.
func (r *Receiver) Report(window time.Duration) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.report(window)
}

func (s *stream) report(window time.Duration) Report {
	report := Report{
		Name: s.subscription.Name, Group: s.subscription.Stream.Group.String(), Port: s.subscription.Stream.Port,
		SSRC: s.ssrc, TTL: s.ttl, DSCP: s.dscp, Counts: s.counts,
		FirstTimestamp: s.firstTimestamp, LastTimestamp: s.timestamp,
		Early: s.early, Delay: s.delays.Report(), Deviation: s.gaps.Report(),
		Recorded: int(s.recording.length), Gaps: s.recording.gaps, Splices: s.recording.splices,
	}
	if s.lastAt > s.firstAt {
		report.Seconds = s.lastAt.Sub(s.firstAt).Seconds()
	}
	for i := range s.total {
		report.Levels = append(report.Levels, s.total[i].level())
	}
	if ppm, seconds, ok := s.least.slope(window); ok {
		report.SlopePPM, report.SlopeSeconds = &ppm, seconds
	}
	return report
}

// Heard returns the time from the first packet to the last, and how many frames are
// recorded: of the Report, what is looked at often.
func (r *Receiver) Heard() (length time.Duration, frames int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stream
	return max(0, s.lastAt.Sub(s.firstAt)), int(s.recording.length)
}

// TakeLevels returns the level of each channel since it was last called.
func (r *Receiver) TakeLevels() []Level {
	r.mu.Lock()
	defer r.mu.Unlock()
	levels := make([]Level, 0, len(r.stream.recent))
	for i := range r.stream.recent {
		levels = append(levels, r.stream.recent[i].level())
		r.stream.recent[i] = meter{}
	}
	return levels
}

// Offset returns the least of arrival less RTP instant less the sender's
// constant in the last whole second: how far the sender's clock is from the
// grandmaster's, and the way of the fastest packet. ok is false without the
// grandmaster's clock, or before a second has passed.
func (r *Receiver) Offset() (offset time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	least := r.stream.least.least
	if r.stream.clock == nil || len(least) < 2 {
		return 0, false
	}
	return least[len(least)-2].Delay - r.stream.offset, true
}

// Envelope returns the least delay of each second, for plots.
func (r *Receiver) Envelope() []LeastDelay {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stream.least.least)
}

// Marks returns the marks that came so far; the instant of each is the arrival
// of the packet that its peak was in.
func (r *Receiver) Marks() []Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stream.marks == nil {
		return nil
	}
	return slices.Clone(r.stream.marks.Found())
}

// Newest returns when the newest packet came, 0: none has.
func (r *Receiver) Newest() aes67.MonoTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.newestAt
}

// Arrivals returns those kept from the nth on.
func (r *Receiver) Arrivals(n int) []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stream.arrivals[min(max(0, n), len(r.stream.arrivals)):])
}

// ArrivalsSince returns those kept from the first on that came at an instant or later.
func (r *Receiver) ArrivalsSince(at aes67.MonoTime) []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(Since(r.stream.arrivals, at))
}

// Since returns those of arrivals in order that came at an instant or later.
func Since(all []Arrival, at aes67.MonoTime) []Arrival {
	return all[sort.Search(len(all), func(i int) bool { return all[i].At >= at }):]
}

// Recorded returns a copy of what was kept of a channel from a frame on.
func (r *Receiver) Recorded(channel, from int) []float32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.stream.recording.channels[channel]
	return slices.Clone(x[min(max(0, from), len(x)):])
}

// Recording returns a copy of what was kept so far.
func (r *Receiver) Recording() Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.copyRecording()
}
