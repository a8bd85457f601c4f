package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/state"
	"aes67-sink/mediaclock"
	"aes67-sink/ptp"
)

func TestWhatTheLastRunLeft(t *testing.T) {
	gm := aes67.ClockIdentity{0, 0x1B, 0x21, 0xFF, 0xFE, 0x3A, 0x4C, 0x5D}
	now := rtthread.Raw()
	good := leave(now, mediaclock.Map{Raw: now.Add(-time.Second), PTP: 5e18, Rate: 1000, Frequency: 900, Local: mediaclock.Tie{Rate: 12_500_000}},
		ptp.Status{Role: ptp.RoleFollower, Grandmaster: gm, Domain: 3, Arbitrary: true})
	good.Interface = "eno1"
	for name, test := range map[string]struct {
		change func(r *lastRun)
		after  time.Duration
		good   bool
	}{
		"a moment ago":              {func(*lastRun) {}, time.Second, true},
		"a while ago":               {func(*lastRun) {}, resumeWithin + time.Second, false},
		"in the future":             {func(*lastRun) {}, -time.Second, false},
		"before a reboot":           {func(r *lastRun) { r.Boot = "another" }, time.Second, false},
		"before the computer slept": {func(r *lastRun) { r.Slept -= time.Minute }, time.Second, false},
		"in another domain":         {func(r *lastRun) { r.Domain = 0 }, time.Second, false},
		"of an earlier format":      {func(r *lastRun) { r.Left = 0 }, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			test.change(&r)
			f := lastRunFile{state.File[lastRun]{Path: filepath.Join(t.TempDir(), "state", "last-aes67.json")}, zerolog.Nop()}
			if err := f.Save(r); err != nil {
				t.Fatal(err)
			}
			got := f.load(now.Add(test.after), 3)
			if (got != nil) != test.good {
				t.Fatalf("loaded %+v, want it: %v", got, test.good)
			}
			if got == nil {
				return
			}
			p := got.resumption()
			if p == nil || p.Grandmaster != gm || p.At != now || p.Time != 5e18+1e9+1000 || p.Frequency != 900 || !p.Arbitrary {
				t.Errorf("resumption %+v", p)
			}
			if c := got.network(config.Network{Interface: "auto"}); c.Interface != "auto" || c.Last != "eno1" {
				t.Errorf("chooser %+v", c)
			}
		})
	}
}

func TestNothingWasLeft(t *testing.T) {
	f := lastRunFile{state.File[lastRun]{Path: filepath.Join(t.TempDir(), "none.json")}, zerolog.Nop()}
	if r := f.load(rtthread.Raw(), 0); r != nil || r.resumption() != nil || r.network(config.Network{Interface: "eno1"}).Last != "" {
		t.Errorf("loaded %+v", r)
	}
	if err := os.WriteFile(f.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := f.load(rtthread.Raw(), 0); r != nil {
		t.Errorf("rubbish was read as %+v", r)
	}
	bad := &lastRun{Grandmaster: "nonsense"}
	if bad.resumption() != nil {
		t.Error("a clock of nobody is gone on with")
	}
}

func TestItsOwnTimeIsNobodys(t *testing.T) {
	r := leave(rtthread.Raw(), mediaclock.Map{}, ptp.Status{Role: ptp.RoleGrandmaster, Grandmaster: aes67.ClockIdentity{1}})
	if r.Grandmaster != "" {
		t.Errorf("left %+v: as grandmaster its own identity must not be told before it is decided again", r)
	}
}
