package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

// diary notes what happens in which order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// until returns a part that runs until it is told to end, and notes that.
func (d *diary) until(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name)
		return nil
	}
}

func TestTheSupervisorEndsBeforeTheEdges(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var d diary
	cancel()
	if err := Run(ctx, zerolog.Nop(), d.until("supervisor"), d.until("edge"), d.until("edge")); err != nil {
		t.Errorf("an end by signal is an error: %v", err)
	}
	if want := []string{"supervisor", "edge", "edge"}; !slices.Equal(d.lines, want) {
		t.Errorf("ended in the order %v, want %v", d.lines, want)
	}
}

func TestAnEdgeThatFailsEndsAllInOrder(t *testing.T) {
	var d diary
	boom := errors.New("boom")
	err := Run(context.Background(), zerolog.Nop(), d.until("supervisor"),
		d.until("edge"), func(context.Context) error { return boom })
	if !errors.Is(err, boom) {
		t.Errorf("Run = %v, want boom", err)
	}
	if want := []string{"supervisor", "edge"}; !slices.Equal(d.lines, want) {
		t.Errorf("ended in the order %v, want %v", d.lines, want)
	}
}

func TestAnEdgeThatEndsByItselfIsAnError(t *testing.T) {
	var d diary
	err := Run(context.Background(), zerolog.Nop(), d.until("supervisor"), func(context.Context) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("Run = %v", err)
	}
}

func TestAPanicEndsAllInOrder(t *testing.T) {
	var d diary
	err := Run(context.Background(), zerolog.Nop(), d.until("supervisor"), func(context.Context) error { panic("index 7") })
	if err == nil || !strings.Contains(err.Error(), "index 7") {
		t.Errorf("Run = %v, want the panic's text", err)
	}
	if want := []string{"supervisor"}; !slices.Equal(d.lines, want) {
		t.Errorf("ended %v, want %v", d.lines, want)
	}
}
