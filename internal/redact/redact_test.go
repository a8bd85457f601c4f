package redact

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

var known = Known{
	Hosts: []string{"studio-pc.example.org", "studio-pc"}, Users: []string{"anna", "nobody"}, Homes: []string{"/home/anna/"},
	Sessions: []string{"Piano", "localhost"}, Networks: []string{`Anna's "WLAN"`}, Speakers: []string{"Left", "Anna's desk", "4711-0815"}, Devices: []string{"001b213a4c5d"},
}

func TestText(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "sending (up 18s), 48000 Hz, -40.0 dB", "sending (up 18s), 48000 Hz, -40.0 dB"},
		{"host", "studio-pc AES67 Speakers Left", "host-2 AES67 Speakers Left"},
		{"its whole name", "studio-pc.example.org and STUDIO-PC.local", "host-1 and host-2.local"},
		{"others", "stage.local, Stage.local.:8554, rack-7.LOCAL", "host-3.local, host-3.local.:8554, host-4.LOCAL"},
		{"user and home", "/home/anna/.config of anna", "/home/user-1/.config of user-1"},
		{"home of another", "/home/bob/x, /home/Bob. /home/anna/x", "/home/user-2/x, /home/user-2. /home/user-1/x"},
		{"session of another", `"piano" on localhost, Pianos; nobody else`, `"session-1" on localhost, Pianos; nobody else`},
		{"part of a word", "susanna mannanna", "susanna mannanna"},
		{"beside the end of a word", "_anna-9 9anna", "_user-1-9 9anna"},
		{"wireless network", `on Anna's "WLAN".`, "on network-1."},
		{"the same in JSON", `"on Anna's \"WLAN\""`, `"on network-1"`},
		{"addresses", "192.168.10.1 to 192.168.10.2, 192.168.10.1:5004", "192.0.2.1 to 192.0.2.2, 192.0.2.1:5004"},
		{"of the link", "169.254.7.7/16", "169.254.0.1/16"},
		{"everybody's", "127.0.0.1 0.0.0.0 255.255.255.0 224.0.1.129 239.255.255.255 ::1", "127.0.0.1 0.0.0.0 255.255.255.0 224.0.1.129 239.255.255.255 ::1"},
		{"groups", "239.69.1.33:5004 239.69.1.34:5004", "233.252.0.1:5004 233.252.0.2:5004"},
		{"version 6", "fe80::1%eno1, [2a01:4f8::5]:80, port:2a01:4f8:1:2:3:4:5:6:5004.", "2001:db8::1%eno1, [2001:db8::2]:80, port:2001:db8::3:5004."},
		{"version 4 in 6", "::ffff:192.168.10.1 192.168.10.1", "192.0.2.1 192.0.2.1"},
		{"a time", "2026-11-29T10:36:19.123Z", "2026-11-29T10:36:19.123Z"},
		{"C++", "std::string", "std::string"},
		{"clock", "00-1B-21-FF-FE-3A-4C-5D:0 001b21.fffe.3a4c5d 001b21fffe3a4c5d", "00-00-5E-EF-10-00-00-01:0 00-00-5E-EF-10-00-00-01 00-00-5E-EF-10-00-00-01"},
		{"port of a clock", "00-1B-21-FF-FE-3A-4C-5D-10", "00-00-5E-EF-10-00-00-01-10"},
		{"with colons", "00:1b:21:ff:fe:3a:4c:5d", "00:00:5E:EF:10:00:00:01"},
		{"card", "00:1b:21:3a:4c:5e, 00-1B-21-3A-4C-5D, KH-001B213A4C5D", "00:00:5E:00:53:02, 00-00-5E-00-53-01, KH-00005e005301"},
		{"an interface that is named by its card", "enx001b213a4c5d and wlx0a0b0c0d0e0f, Annexx", "enx00005e005301 and wlx00005e005302, Annexx"},
		{"Bluetooth", "bluez_output.AC_80_0A_1F_2B_3C.1", "bluez_output.00_00_5E_00_53_02.1"},
		{"a speaker", `left: "Anna's desk", serial 4711-0815`, `left: "speaker-1", serial speaker-2`},
		{"the device mapper", "root=/dev/mapper/studio--pc--vg-root", "root=/dev/mapper/host-2--vg-root"},
		{"a disk", "root=UUID=0A1b2c3d-1111-2222-3333-444455556666", "root=UUID=00000000-0000-0000-0000-000000000001"},
		{"no clock", "00-00-00-00-00-00-00-00", "00-00-00-00-00-00-00-00"},
	} {
		if got := New(known).Text(test.in); got != test.want {
			t.Errorf("%s: %q became %q, want %q", test.name, test.in, got, test.want)
		}
	}
}

func TestOthersAreRememberedUpToABound(t *testing.T) {
	var o Others
	o.Add("Organ", "attic")
	for i := range 2 * mostOthers {
		o.Add(fmt.Sprint("made up ", i), "attic")
	}
	var k Known
	o.Tell(&k)
	if len(k.Sessions) != mostOthers || len(k.Hosts) != 1 {
		t.Errorf("%d sessions on %v", len(k.Sessions), k.Hosts)
	}
	if got := New(k).Text("Organ on Attic"); strings.Contains(got, "Organ") || strings.Contains(got, "Attic") {
		t.Errorf("told: %s", got)
	}
}

// A capital whose small letter is of another length is no hiding place.
func TestCapitalsOfAnotherLengthAreFound(t *testing.T) {
	for _, name := range []string{"İsmail Kaya", "STRAẞE", "straße"} {
		if got := New(Known{Users: []string{name}}).Text("by " + name + "."); got != "by user-1." {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestTheSameIsReplacedAlike(t *testing.T) {
	r := New(known)
	first := r.Text("10.0.0.1 00:1b:21:00:00:01 10.0.0.2")
	if again := r.Text("10.0.0.2 10.0.0.1 00-1b-21-00-00-01"); again != "192.0.2.2 192.0.2.1 00-00-5E-00-53-02" {
		t.Errorf("%q, then %q", first, again)
	}
}

func TestManyAddressesStayDifferent(t *testing.T) {
	r, seen := New(Known{}), map[string]bool{}
	for i := range 1000 {
		seen[r.Text(fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250))] = true
		seen[r.Text(fmt.Sprintf("00:1b:21:00:%02x:%02x", i/256, i%256))] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000 are different", len(seen))
	}
}

var standIn = regexp.MustCompile(`(?i)host-\d+|user-\d+|network-\d+|/home/`)

// FuzzText holds that no secret survives, whatever stands around it.
func FuzzText(f *testing.F) {
	f.Add("studio-pc", "anna", "at ", ": well", uint32(0xC0A80A01), uint64(0x001B21FFFE3A4C5D))
	f.Add("ß.x", "İ", "\x80", "\xff::", uint32(1), uint64(1<<40))
	f.Add("0", "host", "a:", ":5", uint32(0xEF450101), uint64(0xFFFFFFFF00000000))
	f.Add("studio-pc", "anna", "a\x90", "a ANNA", uint32(1), uint64(1)) // no letter, and a capital
	f.Fuzz(func(t *testing.T, host, user, before, after string, v4 uint32, id uint64) {
		secrets := []string{strings.TrimSpace(host), strings.TrimSpace(user)}
		a4 := netip.AddrFrom4([4]byte{10, byte(v4 >> 16), byte(v4 >> 8), byte(v4)}).String()
		mac := fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", byte(id>>32), byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
		eui := fmt.Sprintf("02-%02X-%02X-%02X-%02X-%02X-%02X-%02X", byte(id>>48), byte(id>>40), byte(id>>32), byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
		a6 := fmt.Sprintf("2a01:4f8:%x:%x::%x", uint16(id>>32), uint16(id>>16), uint16(id)|1)
		r := New(Known{Hosts: secrets[:1], Users: secrets[1:]})
		text := strings.Join([]string{before, secrets[0], secrets[1], a4, "[" + a6 + "]", mac, eui, after}, " ")
		got := r.Text(text)
		for _, secret := range []string{a4, a6, mac, eui} {
			if strings.Contains(got, secret) {
				t.Errorf("%q survives in %q", secret, got)
			}
		}
		for _, secret := range secrets {
			if len(secret) < 3 || strings.ContainsFunc(secret, func(c rune) bool { return c < 'a' || c > 'z' }) {
				continue // too much alike what else is there
			}
			if regexp.MustCompile(`(?i)(?:^|[^\pL\pN])` + secret + `(?:$|[^\pL\pN])`).MatchString(standIn.ReplaceAllString(got, "-")) {
				t.Errorf("%q survives in %q", secret, got)
			}
		}
		if again := New(Known{Hosts: secrets[:1], Users: secrets[1:]}).Text(text); again != got {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
