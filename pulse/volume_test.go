package pulse

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/aes67"
)

func TestLevelsAreCubic(t *testing.T) {
	for _, c := range []struct {
		name  string
		db    float64
		level Level
	}{
		{"100 % is 0 dB", 0, 65536},
		{"50 % is -18.06 dB", -18.0618, 32768},
		{"the first volume", -40, 14119},
		{"125 % is +5.81 dB", 5.8146, 81920},
		{"silence", aes67.SilenceDB, 0},
		{"beyond silence", -1000, 0},
		{"minus infinity", math.Inf(-1), 0},
		{"not a number", math.NaN(), 0},
		{"beyond the scale", 1000, LevelMax},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := LevelOf(c.db); got != c.level {
				t.Errorf("LevelOf(%v) = %d, want %d", c.db, got, c.level)
			}
			if math.Abs(c.db) < 100 && math.Abs(c.level.DB()-c.db) > 0.001 {
				t.Errorf("%d is %v dB, want %v", c.level, c.level.DB(), c.db)
			}
		})
	}
}

func TestLevelsReadBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		level := Level(random.Uint32N(1 << 18))
		if level.DB() <= aes67.SilenceDB {
			continue
		}
		if got := LevelOf(level.DB()); got != level {
			t.Fatalf("LevelOf(%v) = %d, want %d", level.DB(), got, level)
		}
	}
}

func TestVolumeFitsTheChannels(t *testing.T) {
	for _, c := range []struct {
		name     string
		v        Volume
		channels int
		want     Volume
	}{
		{"as many", Volume{[]Level{1, 2}, true}, 2, Volume{[]Level{1, 2}, true}},
		{"the loudest serves for more", Volume{[]Level{1, 2}, true}, 3, Volume{[]Level{2, 2, 2}, true}},
		{"and for fewer", Volume{[]Level{3, 2}, false}, 1, Volume{[]Level{3}, false}},
		{"nothing is silent", Volume{}, 2, Volume{[]Level{0, 0}, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.v.fit(c.channels), c.want); diff != "" {
				t.Errorf("fit (-got +want):\n%s", diff)
			}
		})
	}
}
