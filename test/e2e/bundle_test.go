package e2e

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBundle has a bridge write all that it knows, once as it is and once for anybody
// to read.
func TestBundle(t *testing.T) {
	t.Parallel() // at the end, beside others that measure no instants
	w := newWire(t)
	startGrandmaster(t, w, 0)
	s := startServer(t, "pipewire")
	b := startBridge(t, w, s)
	b.follows(60 * time.Second)
	dir := tempDir(t, "bundle")
	for _, test := range []struct {
		arguments []string
		shared    bool
	}{{nil, false}, {[]string{"--share"}, true}} {
		path := filepath.Join(dir, "own.zip")
		if test.shared {
			path = filepath.Join(dir, "shared.zip")
		}
		command := append([]string{program, "bundle"}, append(test.arguments, path)...)
		if said := must(output(s.env, s.by(command...)...)); said != path+"\n" {
			t.Errorf("it says %q", said)
		}
		if info := must(os.Stat(path)); info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		parts := unzipped(t, path)
		for name, part := range map[string]string{
			"version.txt": "aes67-sink ", "config.toml": "when = \"always\"", "status.json": `"sending"`, "list.json": `"masters"`,
			"sdp.txt": "a=ts-refclk:ptp=", "metrics.txt": `aes67_sink_clock_state{domain="0",state="locked"} 1`, "log.txt": "aes67-sink started",
			"interfaces.txt": "eth0: ", "sound-server.txt": "PipeWire", "kernel.txt": "Linux ", "os-release.txt": "NAME=", "goroutines.txt": "daemon.Run",
		} {
			if !strings.Contains(parts[name], part) {
				t.Errorf("%s: no %q in %q: %s", name, part, parts[name], parts["errors.txt"])
			}
		}
		r := must(b.look())
		host := must(os.Hostname())
		for _, secret := range []string{r.Clock.Grandmaster, r.Network.Address, host + " AES67 Speakers Left"} {
			told := false
			for name, text := range parts {
				if strings.Contains(text, secret) {
					told = true
					if test.shared {
						t.Errorf("%s tells of %q", name, secret)
					}
				}
			}
			if !test.shared && !told {
				t.Errorf("nothing tells of %q", secret)
			}
		}
	}
	b.end()
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
