package e2e

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/internal/rtthread"
)

// TestBundle has a bridge without any privilege write all that it knows, once as it is
// and once for anybody to read. Another one of its user is in another network.
func TestBundle(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w := newWire(t)
	startGrandmaster(t, w, 0)
	s := startUnprivileged(t, "pipewire")
	run := capable(t, s.dir, "run", "--set", "stream.when=always")
	b := &bridge{start(t, "bridge", s.env, w.in(pc, run...)...).onTheWay(), s}
	other := filepath.Join(s.dir, "other")
	must(0, os.Mkdir(other, 0o700))
	must(0, os.Chown(other, 65534, 65534))
	start(t, "another bridge", []string{"HOME=" + other, "XDG_RUNTIME_DIR=" + other}, w.in(speaker, run...)...)
	b.follows(60 * time.Second)
	for _, test := range []struct {
		arguments []string
		shared    bool
	}{{nil, false}, {[]string{"--share"}, true}} {
		path := filepath.Join(s.dir, "own.zip")
		if test.shared {
			path = filepath.Join(s.dir, "shared.zip")
		}
		command := append([]string{program, "bundle"}, append(test.arguments, path)...)
		for tries := 1; ; tries++ {
			from, before := rtthread.Now(), b.diagnosed(t, w)
			if said := mustOutput(t, s.env, w.in(pc, s.by(command...)...)...); said != path+"\n" {
				t.Errorf("it says %q", said)
			}
			if info := must(os.Stat(path)); info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v", path, info.Mode())
			}
			parts := unzipped(t, path)
			b.judgeParts(t, parts, test.shared)
			word := b.otherwise(t, w, parts["doctor.json"], before.told())
			if word == "" {
				break
			}
			now := rtthread.Now()
			if stood := watch.stood(now, now.Sub(from)); tries == mostTries || stood <= standstill {
				t.Error(word)
				break
			}
			t.Logf("looked at again: %s", word) // for much comes and goes on a busy computer
			must(0, os.Remove(path))
		}
	}
	b.end()
}

// judgeParts looks for what a bundle has to tell, and for what one that is shared has not.
func (b *bridge) judgeParts(t *testing.T, parts map[string]string, shared bool) {
	t.Helper()
	for name, part := range map[string]string{
		"version.txt": "aes67-sink ", "config.toml": "when = \"always\"", "status.json": `"state": "locked"`, "list.json": `"masters"`,
		"sdp.txt": "a=ts-refclk:ptp=", "metrics.txt": `aes67_sink_clock_state{domain="0",state="locked"} 1`, "log.txt": "aes67-sink started",
		"interfaces.txt": "eth0: ", "sound-server.txt": "PipeWire", "doctor.txt": "✓ Permission for PTP: the bridge has the PTP ports", "kernel.txt": "Linux ", "os-release.txt": "NAME=", "goroutines.txt": "daemon.Run",
	} {
		if !strings.Contains(parts[name], part) {
			t.Errorf("%s: no %q in %q: %s", name, part, parts[name], parts["errors.txt"])
		}
	}
	r := b.now()
	host := must(os.Hostname())
	for _, secret := range []string{r.Clock.Grandmaster, r.Network.Address, host + " AES67 Speakers Left"} {
		told := false
		for name, text := range parts {
			if strings.Contains(text, secret) {
				told = true
				if shared {
					t.Errorf("%s tells of %q", name, secret)
				}
			}
		}
		if !shared && !told {
			t.Errorf("nothing tells of %q", secret)
		}
	}
}

// diagnosed is what doctor finds beside the bridge.
func (b *bridge) diagnosed(t *testing.T, w wire) (beside diagnosis) {
	t.Helper()
	text, _ := output(b.server.env, w.in(pc, b.server.by(program, "doctor", "--json")...)...) // whose exit code says the same
	if err := json.Unmarshal([]byte(text), &beside); err != nil {
		t.Fatalf("doctor --json: %v: %s", err, text)
	}
	return beside
}

// otherwise tells where doctor finds within the bridge, which may not look at much, neither
// what it finds beside it now nor what it found before. It always says why it finds nothing.
func (b *bridge) otherwise(t *testing.T, w wire, said string, before []string) string {
	t.Helper()
	var within diagnosis
	if err := json.Unmarshal([]byte(said), &within); err != nil {
		t.Fatalf("doctor.json: %v: %s", err, said)
	}
	for _, item := range within.Items {
		if item.Outcome == "unknown" && item.Sentence == "" {
			t.Errorf("%s: unknown without a reason", item.Code)
		}
	}
	beside := b.diagnosed(t, w)
	if got, now := within.told(), beside.told(); !slices.Equal(got, now) && !slices.Equal(got, before) {
		return fmt.Sprintf("within the bridge it names %v, beside it %v, before %v: %s", got, now, before, said)
	}
	return ""
}

// unzipped is what a zip holds, by name.
func unzipped(t *testing.T, path string) map[string]string {
	t.Helper()
	z := must(zip.OpenReader(path))
	defer func() { _ = z.Close() }()
	all := map[string]string{}
	for _, f := range z.File {
		all[f.Name] = string(must(io.ReadAll(must(f.Open()))))
	}
	return all
}
