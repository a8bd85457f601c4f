package status

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aes67-sink/health"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// example is a bridge of which everything is known.
func example() Model {
	return Model{
		Version: "1.0.0", UptimeS: 12.34, State: Sending, Problems: []health.Finding{},
		Sink: Sink{
			State: "running", Server: "PulseAudio (on PipeWire 1.4.2)", Name: "AES67 Speakers", ID: "aes67", RateHz: 48000,
			Channels: []string{"front-left", "front-right"},
			VolumeDB: new(Tenths(-40)), Muted: new(false), Clients: new(1), Playing: new(0),
		},
		Clock: Clock{
			State: "locked", Role: "follower", Grandmaster: "00-1B-21-FF-FE-3A-4C-5D",
			OffsetNS: new(int64(-120)), OffsetRMSNS: new(int64(800)), PathDelayNS: new(int64(3100)), FrequencyPPB: new(int64(49873)),
		},
		Drift: Drift{
			State: "fine", Mode: "resample", RatioPPB: new(int64(49870)),
			FillFrames: new(int64(720)), FillTargetFrames: new(int64(720)),
		},
		Network: Network{Interface: "eno1", Address: "192.168.10.1", Carrier: new(true), Reason: "PTP grandmaster 00-1B-21-FF-FE-3A-4C-5D"},
		Streams: []Stream{{
			Name: "studio-pc AES67 Speakers Left", Channels: []string{"front-left"}, Group: "239.69.10.1", Port: 5004,
			Encoding: "L24", RateHz: 48000, PtimeUS: 1000, Packets: 12000,
			TimestampJumps: new(uint64(0)), LatenessP50US: new(int64(12)), LatenessP99US: new(int64(40)), LatenessMaxUS: new(int64(310)),
			PeakDBFS: new(Tenths(-41.2)), LimitedDB: new(Tenths(0)),
		}},
		Sender: &Thread{Policy: "SCHED_FIFO", Priority: 20},
		Announce: Announce{
			SAP: "announcing", MDNS: "established", RTSPPort: new(8554),
			SAPMessages: &SAPMessages{Sent: 7, SendErrors: 1, Received: 300, Malformed: 2, Dropped: 3},
		},
		LatencyMS: &Latency{Buffer: 15, Resampler: 1.4, Packet: 1, Total: 17.4},
		Status: &Health{
			Overall: health.Healthy, Link: health.Healthy, Transmission: health.Healthy, ExternalSynchronization: health.Healthy, Essence: health.Healthy,
			Messages:    map[string]string{"overall": "Previously: eno1: no carrier", "link": "Previously: eno1: no carrier"},
			Transitions: map[string]uint64{"link": 1, "transmission": 0, "external_synchronization": 0, "essence": 0},
		},
	}
}

func TestJSON(t *testing.T) {
	text, err := example().JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/sending.json", text)
	var back Model
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	want := example()
	want.UptimeS, want.Problems = 12.3, []health.Finding{} // a list, if an empty one
	if diff := cmp.Diff(want, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	m := Model{Version: "1.0.0", State: WaitingSoundServer, Problem: "no sound server", Sink: Sink{Name: "AES67 Speakers", RateHz: 48000}}
	text, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/waiting.json", text)
}

func TestTenths(t *testing.T) {
	for _, test := range []struct {
		name string
		x    float64
		want string
	}{
		{"rounded", -41.26, "-41.3"},
		{"whole", -40, "-40.0"},
		{"zero", 0, "0.0"},
		{"no minus before zero", -0.04, "0.0"},
		{"silence", math.Inf(-1), "-200.0"},
		{"no number", math.NaN(), "null"},
		{"without bound", math.Inf(1), "null"},
	} {
		if got, err := json.Marshal(Tenths(test.x)); err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}
