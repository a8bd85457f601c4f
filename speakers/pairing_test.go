package speakers

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/speakersim"
)

// TestPairHearsWhichSpeakerPlaysWhat plays to two simulated speakers, that are wired in
// four ways; the stream rests, and is back some time after the tone begins.
func TestPairHearsWhichSpeakerPlaysWhat(t *testing.T) {
	for _, c := range []struct {
		what  string
		plays [2]string
		left  string // who is remembered; empty: nobody
		says  string
		sub   bool // a subwoofer is there, which is fed both streams
		slow  bool // the right one answers late, once a tone is played
	}{
		{"straight", [2]string{"left", "right"}, "1", "Left plays left, Right plays right", false, false},
		{"with a subwoofer", [2]string{"left", "right"}, "1", "Left plays left, Right plays right", true, false},
		{"swapped", [2]string{"right", "left"}, "2", "swapped", false, false},
		{"one silent", [2]string{"left", ""}, "", "nothing is heard by Right", false, false},
		{"a subwoofer alone with one", [2]string{"left", ""}, "", "nothing is heard by Right", true, false},
		{"both on left", [2]string{"left", "left"}, "", "both play the left stream", false, false},
		{"one that is slow", [2]string{"left", "right"}, "1", "Left plays left, Right plays right", false, true},
		{"one that is slow, on left too", [2]string{"left", "left"}, "", "both play the left stream", false, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			var playing atomic.Pointer[string]
			var right *speakersim.Speaker
			command := Command{Verb: "pair", On: "all", StateDir: t.TempDir()}
			for i, plays := range c.plays {
				sim := speakersim.New(speakersim.Config{Name: []string{"Left", "Right"}[i], Serial: []string{"1", "2"}[i]})
				sim.SetMeter(func() []float64 {
					if side := playing.Load(); side != nil && plays == *side {
						return []float64{-61, -61}
					}
					return []float64{-104, -103}
				})
				at, err := sim.Start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				command.Address, right = append(command.Address, at.String()), sim
			}
			if c.sub {
				sim := speakersim.New(speakersim.Config{Profile: speakersim.KH750, Name: "Right Sub", Serial: "3"})
				sim.SetMeter(func() []float64 {
					if playing.Load() != nil {
						return []float64{-61, -104}
					}
					return []float64{-104, -104}
				})
				at, err := sim.Start(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				command.Address = append(command.Address, at.String())
			}
			told := false
			command.Player = Player{
				Play: func(ctx context.Context, side string) error {
					if c.slow {
						right.SetFaults(speakersim.Faults{Slow: 2 * settleFor})
					}
					late := time.AfterFunc(400*time.Millisecond, func() { playing.Store(&side) })
					<-ctx.Done()
					late.Stop()
					playing.Store(nil)
					return nil
				},
				Paired: func() { told = true },
			}
			var out strings.Builder
			began := time.Now()
			err := command.Run(t.Context(), &out)
			limit := 10 * time.Second
			if c.slow {
				limit *= 3
			}
			if took := time.Since(began); took > limit {
				t.Errorf("it took %v", took)
			}
			said := out.String()
			if err != nil {
				said += err.Error()
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("%q, want %q in it", said, c.says)
			}
			pair, _ := PairFile(command.StateDir).Load()
			if pair.Left.Serial != c.left || pair.Complete() != (c.left != "") || told != (c.left != "") || (err == nil) != (c.left != "") {
				t.Errorf("remembered %+v, told %v, %v", pair, told, err)
			}
			if pair.Complete() && (pair.ReferenceDB <= 0 || pair.Left.Address == "" || pair.Left.Product == "") {
				t.Errorf("remembered %+v", pair)
			}
		})
	}
}
