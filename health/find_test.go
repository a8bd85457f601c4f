package health

import (
	"strconv"
	"strings"
	"testing"
)

// TestFind has sentences as the program says them.
func TestFind(t *testing.T) {
	for _, test := range []struct {
		sentence string
		code     Code
		command  string
	}{
		{"no sound server answers at unix:/run/user/1000/pulse/native (no such file): start pipewire-pulse or pulseaudio", "sound-server-missing", "systemctl --user start pipewire-pulse || pulseaudio --start"},
		{"the sound server at unix:/x is gone (connection closed): waiting for it", "sound-server-missing", "systemctl --user start pipewire-pulse || pulseaudio --start"},
		{"a sink named \"aes67\" is already there and is not ours: remove it (`pactl unload-module 12`) or choose another sink.id", "sink-id-taken", "pactl unload-module 12"},
		{"eno1: no carrier; check the cable, the switch and that the interface is up", "no-carrier", ""},
		{"network.address 10.0.0.1: no wired interface has it; there are eno1: 10.0.0.2", "address-not-here", ""},
		{"no wired interface; plug one in, or name another kind in network.interface", "no-wired-interface", ""},
		{"none of eno1, eno2 has carrier and an IPv4 address; plug in a cable", "no-usable-interface", ""},
		{"no PTP: ptp: UDP port 319: permission denied; run `sudo setcap cap_net_bind_service+ep /usr/bin/aes67-sink`, then `systemctl --user restart aes67-sink`", "no-ptp", "sudo setcap cap_net_bind_service+ep /usr/bin/aes67-sink && systemctl --user restart aes67-sink"},
		{"no PTP: ptp: UDP port 319: no buffer space; restart aes67-sink; if it stays, please report it with the log", "no-ptp", ""},
		{"PTP messages do not reach this program on eno1: ufw is on; `sudo ufw allow \"AES67 Speakers\"`", "firewall", "sudo ufw allow \"AES67 Speakers\""},
		{"PTP messages do not reach this program on eno1: a firewall of this computer filters UDP ports 319 and 320; let them in", "firewall", ""},
		{"no PTP master is heard in domain 0; only PTP version 1 is, which Dante speaks: turn on AES67 mode in a Dante device", "no-master", ""},
		{"the sound server lost time more than 5 times in the last minute: it is overloaded; give it longer cycles (`pw-metadata -n settings 0 clock.min-quantum 1024`)", "sound-server-overloaded", "pw-metadata -n settings 0 clock.min-quantum 1024"},
		{"something else: it is new", Unknown, ""},
		{"run `rm -r x`", Unknown, ""},
		// Of others.
		{"group 239.69.1.1 is also used by \"no carrier; check the cable `rm -r x`\" of 10.0.0.9, so receivers get both", "group-conflict", ""},
		{"another PTP program runs on this computer, `rm -r x` (process 42): end it", "other-ptp-program", ""},
		{"no PTP: \"run `rm -r x`\"", "no-ptp", ""},
		{"no PTP: \"\\\"`rm -r x`", "no-ptp", ""},
		{"", Unknown, ""},
	} {
		f := Find(test.sentence)
		if f.Code != test.code || f.Command != test.command || f.Sentence != test.sentence || f.Title == "" || f.Severity == "" {
			t.Errorf("%q: %+v, want %s and the command %q", test.sentence, f, test.code, test.command)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{"", "`", "\"", "no PTP: run `x`, then `y`", "\"a\\\"b\"`c`", "no carrier; check the cable"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := Find(text)
		if found.Code == "" || found.Title == "" || found.Sentence != text || found.Severity.Rank() < 0 {
			t.Fatalf("%q: %+v", text, found)
		}
		if c := Of(found.Code); !c.Pastes && found.Command != c.Command {
			t.Fatalf("%q: the command %q comes out of a sentence that has none", text, found.Command)
		}
		for command := range strings.SplitSeq(found.Command, " && ") {
			if found.Command != Of(found.Code).Command && !strings.Contains(text, command) {
				t.Fatalf("%q: the command %q is not in it", text, command)
			}
		}
		// What somebody else calls himself is nothing but a name.
		if named := Find("no PTP: " + strconv.Quote(text)); named.Code != "no-ptp" || named.Command != "" {
			t.Fatalf("%q as a name: %+v", text, named)
		}
	})
}
