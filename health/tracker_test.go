package health

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aes67-sink/aes67"
)

const start = aes67.MonoTime(1e12)

var sending = Activity{Sends: true, Linked: true, Sync: Synchronized}

// of are findings of some codes.
func of(codes ...Code) (all []Finding) {
	for _, code := range codes {
		c := Of(code)
		all = append(all, Finding{Code: code, Title: c.Title, Sentence: "of " + string(code), Severity: c.Severity})
	}
	return all
}

func codes(all []Finding) (codes []Code) {
	for _, f := range all {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestWhatIsVisible(t *testing.T) {
	type at struct {
		ms   int
		ill  []Code
		want []Code
	}
	for name, steps := range map[string][]at{
		"the worst is first":                        {{0, []Code{"mdns-silent", "volume-jumped", "no-carrier"}, []Code{"no-carrier", "volume-jumped"}}},
		"equals are in the order of the asker":      {{0, []Code{"sap-not-heard", "volume-jumped"}, []Code{"sap-not-heard", "volume-jumped"}}},
		"what mends itself is waited for":           {{0, []Code{"sound-server-not-ready"}, nil}, {2999, []Code{"sound-server-not-ready"}, nil}, {3000, []Code{"sound-server-not-ready"}, []Code{"sound-server-not-ready"}}},
		"and goes without a word":                   {{0, []Code{"sound-server-not-ready"}, nil}, {2000, nil, nil}, {3000, []Code{"sound-server-not-ready"}, nil}},
		"an effect is hidden":                       {{0, []Code{"sap-not-sent", "packets-not-sent", "no-carrier"}, []Code{"no-carrier"}}},
		"also behind an effect that is not told":    {{0, []Code{"mdns-silent", "no-carrier"}, []Code{"no-carrier"}}, {9000, []Code{"mdns-silent", "no-carrier"}, []Code{"no-carrier"}}},
		"also behind a cause that is waited for":    {{0, []Code{"sound-broke-off"}, []Code{"sound-broke-off"}}, {1, []Code{"sound-broke-off", "sound-server-not-ready"}, nil}},
		"a cause is mended, and its effect with it": {{0, []Code{"no-carrier", "packets-not-sent"}, []Code{"no-carrier"}}, {5000, []Code{"packets-not-sent"}, nil}, {6000, nil, nil}},
		"a cause is mended, and its effect is not":  {{0, []Code{"no-carrier", "packets-not-sent"}, []Code{"no-carrier"}}, {5000, []Code{"packets-not-sent"}, nil}, {7000, []Code{"packets-not-sent"}, []Code{"packets-not-sent"}}},
		"of one code there is one":                  {{0, []Code{"no-carrier", "no-carrier"}, []Code{"no-carrier"}}},
	} {
		var tracker Tracker
		for _, s := range steps {
			_, next := tracker.Observe(start.Add(time.Duration(s.ms)*time.Millisecond), of(s.ill...), sending)
			if got := codes(tracker.Verdict().Findings); !slices.Equal(got, s.want) {
				t.Errorf("%s: after %d ms %v, want %v (next look at %v)", name, s.ms, got, s.want, next)
			}
		}
	}
}

func TestUnknownSentencesAreKeptApart(t *testing.T) {
	var tracker Tracker
	a, b := Find("one new thing"), Find("another new thing")
	tracker.Observe(start, []Finding{a, b, a}, sending)
	if got := tracker.Verdict().Findings; !slices.Equal(got, []Finding{a, b}) {
		t.Errorf("%+v", got)
	}
}

// TestChangesAreToldOnce follows what the log has.
func TestChangesAreToldOnce(t *testing.T) {
	var tracker Tracker
	at := func(second int, ill ...Finding) (told []string) {
		changes, _ := tracker.Observe(start.Add(time.Duration(second)*time.Second), ill, sending)
		for _, c := range changes {
			word := c.Sentence
			if c.Mended {
				word = "mended: " + word + " " + c.Lasted.String()
			}
			told = append(told, word)
		}
		return told
	}
	carrier, packets := of("no-carrier")[0], of("packets-not-sent")[0]
	other := packets
	other.Sentence = "in other words"
	for _, step := range []struct {
		second int
		ill    []Finding
		want   []string
	}{
		{0, []Finding{packets}, []string{"of packets-not-sent"}},
		{1, []Finding{packets}, nil},
		{2, []Finding{other}, []string{"in other words"}},
		{3, []Finding{carrier, other}, []string{"of no-carrier"}},
		{4, []Finding{other}, []string{"mended: of no-carrier 1s"}},
		{6, []Finding{other}, nil}, // was told, and is visible again
		{7, nil, []string{"mended: in other words 7s"}},
		{8, []Finding{carrier, packets}, []string{"of no-carrier"}},
		{9, nil, []string{"mended: of no-carrier 1s"}}, // what nobody was told of has no end
	} {
		if got := at(step.second, step.ill...); !slices.Equal(got, step.want) {
			t.Errorf("after %d s: %q, want %q", step.second, got, step.want)
		}
	}
}

// TestRandomIllsAreVisibleOrExplained lets anything come and go: each ill is visible, has
// a cause that is ill, or will be visible at a time that Observe named; and what is
// visible stays until it is mended or explained.
func TestRandomIllsAreVisibleOrExplained(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table := Conditions()
	for range 300 {
		var tracker Tracker
		now, ill, before := start, []Code{}, []Code{}
		for range 40 {
			if pick := table[random.IntN(len(table))].Code; random.IntN(3) > 0 {
				if i := slices.Index(ill, pick); i >= 0 {
					ill = slices.Delete(ill, i, i+1)
				} else {
					ill = append(ill, pick)
				}
			} else if len(ill) > 0 {
				ill = slices.Delete(ill, 0, 1)
			}
			_, next := tracker.Observe(now, of(ill...), sending)
			visible := codes(tracker.Verdict().Findings)
			for _, code := range ill {
				explained := tracker.caused(code)
				if shown := slices.Contains(visible, code); shown == explained && explained {
					t.Fatalf("%s is visible beside its cause: %v", code, ill)
				} else if !shown && !explained && next <= now {
					t.Fatalf("%s is neither visible nor explained by %v, and nobody looks again", code, ill)
				} else if !shown && !explained && slices.Contains(before, code) {
					t.Fatalf("%s was visible, is ill as before and not explained by %v, and is gone", code, ill)
				}
			}
			for _, code := range visible {
				if !slices.Contains(ill, code) {
					t.Fatalf("%s is visible, and not ill", code)
				}
			}
			before = visible
			if now = now.Add(time.Duration(random.IntN(4000)) * time.Millisecond); random.IntN(4) == 0 {
				now = now.Add(time.Minute)
			}
		}
		// All waits end, at the times that are named.
		for range 2 * len(table) {
			_, next := tracker.Observe(now, of(ill...), sending)
			if next == 0 {
				break
			} else if next <= now {
				t.Fatalf("at %v the next look is to be at %v", now, next)
			}
			now = next
		}
		for _, code := range ill {
			if slices.Contains(codes(tracker.Verdict().Findings), code) == tracker.caused(code) {
				t.Fatalf("in the end %s is visible with a cause, or hidden without: %v", code, ill)
			}
		}
	}
}
