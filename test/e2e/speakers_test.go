package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aes67-sink/speakers"
)

// TestSpeakers asks and sets a simulated pair over IPv6 link-local addresses, found by a
// real Avahi at either end, with every command of docs/speakers.md.
func TestSpeakers(t *testing.T) {
	need(t, "avahi-publish", "ip")
	shared(t)
	w := newWire(t)
	here, there := startAvahi(t, w, pc, "lab-pc", "LAB_IPV6=yes"), startAvahi(t, w, speaker, "lab-speaker", "LAB_IPV6=yes")
	var addresses []string
	for side, ip := range map[string]string{"Left": "fe80::67:1", "Right": "fe80::67:2"} {
		mustOutput(t, os.Environ(), w.in(speaker, "ip", "address", "add", ip+"/64", "dev", "eth0", "nodad")...)
		start(t, "speaker "+side, os.Environ(), w.in(speaker, labtool, "speaker-ssc", "-listen", "["+ip+"%eth0]:45", "-model", "KH80", "-name", side, "-serial", "63824370000000"+ip[len(ip)-1:])...)
		env := append(os.Environ(), there.env())
		start(t, "address of "+side, env, w.in(speaker, "avahi-publish", "-a", "-R", side+".local", ip)...)
		start(t, "service of "+side, env, w.in(speaker, "avahi-publish", "-s", "-H", side+".local", side, "_ssc._tcp", "45")...)
		addresses = append(addresses, ip)
	}
	dir := tempDir(t, "speakers")
	run := func(words ...string) (string, error) {
		env := append(os.Environ(), here.env(), "XDG_STATE_HOME="+dir)
		return output(env, w.in(pc, append([]string{program, "speakers"}, words...)...)...)
	}
	eventually(t, 15*time.Second, "both are found by mDNS", func() bool {
		said, err := run("--json")
		var all []speakers.Speaker
		return err == nil && json.Unmarshal([]byte(said), &all) == nil && len(all) == 2 &&
			strings.HasPrefix(all[0].Address, "[fe80::67:") && strings.Contains(all[0].Address, "%eth0]:45")
	})
	document, err := os.ReadFile(filepath.Join(project, "docs/speakers.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range regexp.MustCompile("`aes67-sink speakers ?([^`]*)`").FindAllStringSubmatch(string(document), -1) {
		words := strings.Fields(strings.ReplaceAll(one[1], "kh.json", filepath.Join(dir, "kh.json")))
		if len(words) > 0 && words[0] == "pair" { // TestPairing
			continue
		}
		if len(words) > 1 { // looking for them takes 2 s, and was tried
			for _, ip := range addresses {
				words = append(words, "--address", ip+"%eth0")
			}
		}
		if said, err := run(words...); err != nil {
			t.Errorf("%s: %v\n%s", one[0], err, said)
		}
	}
	here.do("kill-avahi")
	if said, err := run(); err == nil || !strings.Contains(said+err.Error(), "Avahi does not run; install or start avahi-daemon, or name a speaker with --address") {
		t.Errorf("without Avahi: %v\n%s", err, said)
	}
	if said, err := run("--address", addresses[0]+"%eth0"); err != nil || !strings.Contains(said, "KH 80") {
		t.Errorf("by address: %v\n%s", err, said)
	}
}
