// Package arch holds the import law of the tree as a test.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "aes67-sink"

// core is what every edge may import: the vocabulary and the pure packages.
var core = []string{"aes67", "ring", "resample", "drift", "mediaclock", "safety", "sdp"}

// mayImport is the whole architecture; a package missing here fails the test.
// Layer 0: aes67. Layer 1: pure. Layer 2: bridge. Layer 3: edges. Layer 4: daemon.
// Layer 5: cmd. What is below internal has no layer: of the others it knows layers 0 and 1
// alone, but for the lab, which plays the network.
var mayImport = map[string][]string{
	"aes67": {},

	"ring":           {"aes67"},
	"resample":       {"aes67"},
	"drift":          {"aes67"},
	"mediaclock":     {"aes67"},
	"safety":         {"aes67"},
	"health":         {"aes67"},
	"slider":         {"aes67"},
	"recorder":       {"aes67", "internal/text"},
	"sdp":            {"aes67"},
	"ssc/wire":       {},
	"pipewire/pod":   {},
	"internal/mcast": {"internal/text"},
	"ptp/wire":       {"aes67"},
	"ptp/track":      {"aes67", "mediaclock"},
	"ptp":            {"aes67", "mediaclock", "ptp/track", "ptp/wire"},

	"internal/wake": {},

	"bridge": append(slices.Clone(core), "internal/wake"),

	"avahi":             {"aes67", "internal/wake"},
	"config":            {"aes67", "internal/text"},
	"netif":             {"aes67", "internal/mcast", "internal/wake"},
	"ptp/port":          {"aes67", "mediaclock", "ptp", "ptp/wire", "internal/mcast", "internal/wake"},
	"pipewire":          {"pipewire/pod"},
	"pulse":             {"aes67", "pipewire", "internal/text", "internal/wake"},
	"rtpsend":           {"aes67", "mediaclock", "internal/rtthread"},
	"rtsp":              {"aes67", "internal/httphost", "internal/text", "sdp", "internal/wake"},
	"internal/rtthread": {"aes67"},
	"sap":               {"aes67", "sdp", "internal/text", "internal/mcast", "internal/wake"},
	"ssc":               {"ssc/wire", "internal/text"},
	"status":            {"aes67", "health", "recorder", "internal/httphost", "internal/instance", "internal/text", "internal/wake"},

	"bundle": {"internal/attempt", "internal/redact"},
	// Beside the edges: it asks what no edge knows, and what the bridge has told.
	"doctor": {"aes67", "health", "sdp", "status", "internal/attempt", "internal/firewall", "internal/mcast", "internal/redact", "internal/text", "internal/wake"},
	// Beside the edges too: it joins the speakers with where they are found.
	"speakers":    {"avahi", "ssc", "ssc/wire", "internal/state", "internal/text", "internal/wake"},
	"status/page": {"aes67", "health", "recorder", "status"},

	// Beside the edges too: it joins what the slider decides with the speakers.
	"volume": {"aes67", "slider", "speakers", "ssc", "ssc/wire", "internal/state", "internal/wake"},

	"daemon": {"*"},

	"cmd/aes67-sink": {"aes67", "bundle", "config", "daemon", "doctor", "internal/incidents", "internal/redact", "internal/service", "internal/text", "pulse", "recorder", "speakers", "status"},

	"internal/attempt":   {},
	"internal/desktop":   {},
	"internal/firewall":  {},
	"internal/httphost":  {},
	"internal/instance":  {"internal/text", "internal/wake"},
	"internal/lifecycle": {},
	"internal/logind":    {"internal/wake"},
	"internal/service":   {"internal/desktop", "internal/text"},
	"internal/redact":    {},
	"internal/incidents": {"recorder", "internal/state", "internal/text"},
	"internal/procstat":  {"aes67", "recorder"},
	"internal/resident":  {},
	"internal/state":     {"internal/wake"},
	"internal/text":      {},

	"internal/arch":          {},
	"internal/lab":           {"aes67", "mediaclock", "ptp", "ptp/port", "ptp/wire", "sdp", "internal/rtthread"},
	"internal/lab/labtool":   {"*"},
	"internal/lab/testbus":   {},
	"internal/chart":         {},
	"internal/flaky":         {},
	"internal/speakersim":    {"internal/wake"},
	"internal/resamplebench": {"aes67", "resample", "internal/chart", "internal/lab"},
	"packaging":              {},
	"test/e2e":               {"*"},
}

// fences names the third parties that only some packages may import; clock
// setters may be imported by none.
var fences = map[string][]string{
	"github.com/jfreymuth/pulse":              {"pulse"},
	"github.com/VictoriaMetrics/metrics":      {"status"},
	"github.com/pion/rtp":                     {"rtpsend", "internal/lab"},
	"github.com/facebook/time/ptp/protocol":   {"ptp/wire"},
	"github.com/facebook/time/phc":            {},
	"github.com/facebook/time/clock":          {},
	"github.com/facebook/time/servo":          {},
	"github.com/facebook/time/ptp/sptp":       {},
	"github.com/vishvananda/netlink":          {"netif"},
	"github.com/alecthomas/kong":              {"cmd/aes67-sink"},
	"github.com/BurntSushi/toml":              {"config"},
	"github.com/godbus/dbus/v5":               {"avahi", "doctor", "internal/desktop", "internal/logind", "internal/rtthread", "internal/service"},
	"github.com/coreos/go-systemd/v22/daemon": {"daemon"},
	"github.com/landlock-lsm/go-landlock":     {"daemon"},
	"github.com/google/renameio/v2":           {"internal/state"},
	"github.com/holoplot/go-avahi":            {"avahi"},
}

// quiet are the layers that neither log nor do I/O.
var quiet = []string{"aes67", "ring", "resample", "drift", "mediaclock", "safety", "sdp", "ptp", "ptp/track", "ptp/wire", "ssc/wire", "pipewire/pod", "slider", "health", "recorder", "internal/redact"}

var noIO = []string{"net", "os", "syscall", "log", "log/slog", "github.com/rs/zerolog", "golang.org/x/sys/unix", "golang.org/x/net/ipv4"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportLaw(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s has no row in mayImport: give it a layer", name)
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				if !slices.Contains(allowed, own) && !slices.Contains(allowed, "*") {
					t.Errorf("%s imports %s: its layer may not", name, own)
				}
				continue
			}
			for fence, inside := range fences {
				if (imported == fence || strings.HasPrefix(imported, fence+"/")) && !slices.Contains(inside, name) {
					t.Errorf("%s imports %s: only %v may", name, imported, inside)
				}
			}
			if slices.Contains(quiet, name) && slices.Contains(noIO, imported) {
				t.Errorf("%s imports %s: layers 0 and 1 do no I/O and do not log", name, imported)
			}
		}
	}
}
