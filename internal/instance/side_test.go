package instance

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/wake"
)

const patience = 30 * time.Second

// house is a computer with users, and where each is.
type house struct {
	name  string
	mu    sync.Mutex
	ranks map[int]int
}

func newHouse() *house {
	return &house{name: fmt.Sprintf("@aes67-sink-test-%d-%d", os.Getpid(), houses.Add(1)), ranks: map[int]int{}}
}

var houses atomic.Int64

func (h *house) rank(uid int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ranks[uid]
}

// resident is one user's Side.
type resident struct {
	*Side
	t       *testing.T
	house   *house
	changed chan struct{} // ranks
	told    chan struct{}
	quiet   atomic.Int64 // times
	end     func()
}

// moveIn runs a Side; whoever comes to it is another user.
func (h *house) moveIn(t *testing.T, uid, other int) *resident {
	t.Helper()
	r := &resident{t: t, house: h, changed: make(chan struct{}, 1), told: make(chan struct{}, 1)}
	r.Side = NewSide(SideConfig{
		Rank: h.rank, Changed: r.changed, Told: func() { wake.Signal(r.told) },
		Quiet: func(context.Context) { r.quiet.Add(1) },
	})
	r.name, r.uid, r.peer = h.name, uid, func(net.Conn) (int, int) { return other, 0 }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = r.Run(ctx); close(ended) }()
	r.end = sync.OnceFunc(func() { stop(); <-ended })
	t.Cleanup(r.end)
	return r
}

func (r *resident) goes(rank int) {
	r.house.mu.Lock()
	r.house.ranks[r.uid] = rank
	r.house.mu.Unlock()
}

// reaches waits until it holds the side, or does not.
func (r *resident) reaches(held bool) {
	r.t.Helper()
	limit := time.After(patience)
	for {
		if got, why := r.Held(); got == held {
			if !held && why == "" {
				r.t.Error("no word why it is not held")
			}
			return
		}
		select {
		case <-r.told:
		case <-limit:
			got, why := r.Held()
			r.t.Fatalf("held: %v (%s), want %v", got, why, held)
		}
	}
}

// hears waits until it is told why it does not hold the side.
func (r *resident) hears(what string) {
	r.t.Helper()
	limit := time.After(patience)
	for {
		held, why := r.Held()
		if !held && strings.Contains(why, what) {
			return
		}
		select {
		case <-r.told:
		case <-limit:
			r.t.Fatalf("held: %v, told %q; want %q in it", held, why, what)
		}
	}
}

func TestTheSideGoesToTheOneWhoSitsAtTheComputer(t *testing.T) {
	h := newHouse()
	anna := h.moveIn(t, 1, 2)
	anna.goes(2)
	anna.reaches(true)
	ben := h.moveIn(t, 2, 1)
	ben.hears("owns the network side")
	anna.goes(0) // switched away from, and ben is not there either: the music goes on
	wake.Signal(anna.changed)
	wake.Signal(ben.changed)
	<-time.After(50 * time.Millisecond)
	annas, _ := anna.Held()
	bens, _ := ben.Held()
	if n := anna.quiet.Load(); !annas || bens || n != 0 {
		t.Errorf("held by anna: %v, by ben: %v, and anna is quiet %d times, while nobody is nearer", annas, bens, n)
	}
	began := time.Now()
	ben.goes(2)
	wake.Signal(anna.changed)
	wake.Signal(ben.changed)
	ben.reaches(true)
	anna.reaches(false)
	if took := time.Since(began); took > 2*time.Second || anna.quiet.Load() != 1 {
		t.Errorf("handed over after %v with %d fades, want one within 2 s", took, anna.quiet.Load())
	}
	anna.goes(2) // and back
	ben.goes(0)
	wake.Signal(ben.changed)
	anna.reaches(true)
	ben.reaches(false)
	anna.end()
	ben.reaches(true)
}

func TestWithoutRanksTheFirstKeepsIt(t *testing.T) {
	h := newHouse()
	first := h.moveIn(t, 1, 2)
	first.reaches(true)
	second := h.moveIn(t, 2, 1)
	second.hears("owns the network side")
	wake.Signal(first.changed)
	<-time.After(50 * time.Millisecond)
	first.reaches(true)
	first.end()
	second.reaches(true)
	if first.quiet.Load() != 0 {
		t.Error("whoever ends is asked to be quiet: it has been")
	}
}

func TestManyWhoWaitAreBounded(t *testing.T) {
	h := newHouse()
	anna := h.moveIn(t, 1, 2)
	anna.reaches(true)
	var refused atomic.Int64
	var readers sync.WaitGroup
	defer readers.Wait()
	for range mostRivals + 8 {
		conn, err := net.Dial("unix", h.name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		readers.Go(func() {
			if _, err := conn.Read(make([]byte, 1)); err == io.EOF {
				refused.Add(1)
			}
		})
	}
	for limit := time.Now().Add(patience); refused.Load() < 8; {
		if time.Now().After(limit) {
			t.Fatalf("%d are refused, want 8", refused.Load())
		}
		<-time.After(time.Millisecond)
	}
	<-time.After(50 * time.Millisecond)
	if n := refused.Load(); n != 8 {
		t.Errorf("%d are refused, want 8", n)
	}
	anna.reaches(true)
}
