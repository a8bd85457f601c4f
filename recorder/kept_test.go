package recorder

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// someKept is an incident with all of its records.
func someKept(t testing.TB) Kept {
	t.Helper()
	d := newDesk(testPlan)
	d.look.OffsetNS, d.look.RatioPPB = math.NaN(), math.NaN() // not known
	d.run(3 * time.Second)
	d.late(3*time.Millisecond, 60*time.Microsecond, 15*time.Microsecond)
	d.run(2 * time.Second)
	if len(d.cases) != 1 {
		t.Fatalf("%d incidents", len(d.cases))
	}
	if from, until := d.cases[0].Span(testPlan); until.Sub(from) != 3075*time.Microsecond || from >= d.cases[0].From || until <= d.cases[0].From {
		t.Errorf("evidence is wanted from %v to %v of a packet that was late at %v", from, until, d.cases[0].From)
	}
	return Keep(testPlan, d.cases[0], &Evidence{Span: time.Second})
}

func TestWhatIsKeptIsRead(t *testing.T) {
	kept := someKept(t)
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 180<<10 {
		t.Errorf("%d bytes of %d records", len(text), len(kept.Records))
	}
	got, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept.Incident, got.Incident); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(kept.Records, got.Records); diff != "" {
		t.Error(diff)
	}
	if got.Evidence != kept.Evidence || got.Before.State != StateSending {
		t.Errorf("%+v, %+v", got.Evidence, got.Before)
	}
}

func TestTheLargestFileIsBelowTheLimitOfStateFiles(t *testing.T) {
	kept := someKept(t)
	kept.Records = make(Records, MostRecords)
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil || len(text) > 240<<10 {
		t.Errorf("%d bytes, %v; want at most 240 KiB", len(text), err)
	}
}

func TestWhatIsNoIncidentIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":        "",
		"another type":   `[]`,
		"no id":          `{"at":"2026-11-29T20:14:03Z","sentence":"x"}`,
		"a path":         `{"id":"../../etc/passwd","at":"2026-11-29T20:14:03Z","sentence":"x"}`,
		"no time":        `{"id":"20261129-201403","sentence":"x"}`,
		"no sentence":    `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z"}`,
		"a long word":    `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"` + strings.Repeat("x", 5000) + `"}`,
		"many lines":     `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"x","context":["` + strings.Repeat(`","`, 100) + `"]}`,
		"half a record":  `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"x","records":"AAAA"}`,
		"no base64":      `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"x","records":"???"}`,
		"records listed": `{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"x","records":[1]}`,
	} {
		if k, err := Read([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, k.Incident)
		}
	}
}

func TestATableForPlots(t *testing.T) {
	kept := someKept(t)
	lines := strings.Split(strings.TrimSpace(string(kept.CSV())), "\n")
	if len(lines) != len(kept.Records)+1 || !strings.HasPrefix(lines[0], "due_s,woke_us,") {
		t.Fatalf("%d lines of %d records, %q", len(lines), len(kept.Records), lines[0])
	}
	// The first late packet is what the incident begins with, 3.06 ms after its turn.
	want := "-0.003060,3000.0,3060.0,3075.0,1000.0,1200.0,8.0,-6.0,false,false,false,false,true"
	if got := lines[1+2000]; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzRead: a file that anything may have written is an incident or an error.
func FuzzRead(f *testing.F) {
	kept := someKept(f)
	kept.Records = kept.Records[:3]
	text, err := json.Marshal(kept)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"id":"20261129-201403","at":"2026-11-29T20:14:03Z","sentence":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := Read(text)
		if err != nil {
			return
		}
		if !IDForm.MatchString(k.ID) || len(k.Context) > mostLines {
			t.Errorf("%+v", k.Incident)
		}
		if n := strings.Count(string(k.CSV()), "\n"); n != len(k.Records)+1 {
			t.Errorf("%d lines of %d records", n, len(k.Records))
		}
	})
}
