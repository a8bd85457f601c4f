package daemon

import (
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/bridge"
	"aes67-sink/health"
	"aes67-sink/internal/rtthread"
	"aes67-sink/pulse"
	"aes67-sink/volume"
)

func TestPacketsThatCannotBeSentAreAProblem(t *testing.T) {
	if got := sendProblem("", "eno1"); got != "" {
		t.Errorf("problem %q while all is well", got)
	}
	got := sendProblem("operation not permitted", "eno1")
	for _, want := range []string{"eno1", "operation not permitted", "firewall"} {
		if !strings.Contains(got, want) {
			t.Errorf("problem %q: does not name %q", got, want)
		}
	}
}

func TestPacketsOfOneLegAreNoSilence(t *testing.T) {
	one, two := sendProblem("operation not permitted", "eno1"), sendProblem("operation not permitted", "eno2")
	for _, c := range []struct {
		first, second string
		want          health.Code
	}{{"", two, "second-leg-lost"}, {one, two, "packets-not-sent"}} {
		if got := health.Find(secondProblem(c.second, c.first)); got.Code != c.want || !strings.Contains(got.Sentence, "eno2: packets cannot be sent") {
			t.Errorf("%q beside %q is %+v, want %s", c.second, c.first, got, c.want)
		}
	}
	if got := secondProblem("", one); got != "" {
		t.Errorf("problem %q of a leg that is well", got)
	}
}

func TestAPriorityThatWasLostIsAProblem(t *testing.T) {
	for _, never := range []rtthread.Grant{
		{Policy: rtthread.PolicyRR, Priority: 20, By: "RealtimeKit"},
		{Policy: rtthread.PolicyOther, Why: "RLIMIT_RTPRIO is 0 for this user"},
	} {
		if got := priorityProblem(never); got != "" {
			t.Errorf("%+v: problem %q", never, got)
		}
	}
	got := priorityProblem(rtthread.Grant{Policy: rtthread.PolicyOther, Lost: true, Why: "RealtimeKit took it away"})
	for _, want := range []string{"late", "RealtimeKit took it away", "asked for again"} {
		if !strings.Contains(got, want) {
			t.Errorf("problem %q: does not name %q", got, want)
		}
	}
}

// bare are the edges of a bridge whose parts have nothing to say.
func bare(t *testing.T) *edges {
	return &edges{
		sleeper: &sleeper{}, network: &network{}, announcer: &announcer{},
		seats: seats{{sink: pulse.New(pulse.Config{SinkID: "x", Now: rtthread.Now}, nil, zerolog.Nop())}},
		pair:  volume.NewPair(volume.NewLoudness(nil, rtthread.Now, zerolog.Nop()), t.TempDir(), "x", true, rtthread.Now, zerolog.Nop()),
	}
}

// TestWhatIsWrongWithTwoSinksIsOneCondition: it is followed by its code, so of two
// sentences each would be the other's change, time and again.
func TestWhatIsWrongWithTwoSinksIsOneCondition(t *testing.T) {
	e := bare(t)
	e.network.told.Store(&networkState{})
	found, _ := e.ill(bridge.Snapshot{Decision: bridge.Decision{State: bridge.Sending, Send: true, Problems: []string{
		"the sound " + "broke off more than 3 times in the last minute, for the sound server was late: set sink.latency to \"60ms\"",
		"the sound " + "broke off more than 3 times in the last minute, for the sound server was late: set sink.latency to \"180ms\"",
	}}})
	if len(found) != 1 || !strings.Contains(found[0].Sentence, "60ms") {
		t.Errorf("found %+v, want the first of the two", found)
	}
}

// TestEachPartIsHeard asks all parts at once, in the order in which equals are told.
func TestEachPartIsHeard(t *testing.T) {
	e := bare(t)
	e.network.told.Store(&networkState{NetworkInput: bridge.NetworkInput{Usable: true}, astray: true, renamed: true, reason: "eno1: this is the card that " + "was eno9; say network.interface = \"eno1\"", report: "eno2: a session, and nothing on eno1, which is in use; if the speakers are there, say so"})
	const page = "status.listen: 127.0.0.1:6767: address already in use; end that program"
	e.unserved.Store(new(page))
	found, does := e.ill(bridge.Snapshot{Decision: bridge.Decision{
		State: bridge.Holdover, Send: true, Problems: []string{"group 239.69.1.1 is also used by \"x\" of 10.0.0.1", "sink.latency is 1ms, but the sound server hands over 20ms at a time"},
	}})
	var codes []health.Code
	for _, f := range found {
		codes = append(codes, f.Code)
	}
	if want := []health.Code{"group-conflict", "latency-too-short", "aes67-elsewhere", "interface-renamed", "holdover", "status-not-served"}; !slices.Equal(codes, want) {
		t.Errorf("found %v, want %v", codes, want)
	}
	if want := (health.Activity{Sends: true, Linked: true}); does != want {
		t.Errorf("it does %+v, want %+v", does, want)
	}
	if _, does := e.ill(bridge.Snapshot{Decision: bridge.Decision{State: bridge.Idle, Send: true, Rest: true}}); !does.Rests || does.Sends {
		t.Errorf("at rest it does %+v", does)
	}
}
