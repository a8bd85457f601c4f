// Package redact replaces what tells a computer, its user and its network apart by
// names that tell nothing, the same ones each time, so that a report can be read by
// anybody and still says what belongs together. Pure.
package redact

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Known are the words that cannot be told from others by their form. Empty ones are
// passed over.
type Known struct {
	Hosts    []string // names of this computer, then of others
	Sessions []string // names of others' sessions
	Users    []string // names of its user
	Homes    []string // his directories, absolute
	Networks []string // names of wireless networks (SSID)
	Speakers []string // names and serial numbers of loudspeakers
	Devices  []string // names of interfaces' hardware (MAC), 12 hexadecimal digits
}

// Redactor replaces; what it has replaced once it replaces alike. It is for one
// goroutine.
type Redactor struct {
	words   []word
	numbers map[string]int // by kind and what was found
	count   map[string]int // of each kind
}

// word is a known word as it may be written, in small letters.
type word struct{ secret, instead string }

// New makes a redactor. Each of several known words of one kind has a number.
func New(k Known) *Redactor {
	r := &Redactor{numbers: map[string]int{}, count: map[string]int{}}
	for _, kind := range []struct {
		name string
		all  []string
	}{{home, k.Homes}, {host, k.Hosts}, {"user", k.Users}, {"network", k.Networks}, {"session", k.Sessions}, {"speaker", k.Speakers}} {
		for _, secret := range kind.all {
			if secret = small(strings.TrimRight(secret, "/")); !nobodys(secret) {
				instead := r.name(kind.name, secret)
				r.learn(secret, instead)
				if kind.name == host && strings.Contains(secret, "-") { // as the device mapper writes it in /proc/cmdline
					r.learn(strings.ReplaceAll(secret, "-", "--"), instead)
				}
			}
		}
	}
	for _, device := range k.Devices {
		if mac, err := hex.DecodeString(device); err == nil && len(mac) == macBytes {
			r.learn(device, strings.ToLower(strings.ReplaceAll(r.hardware(mac, "-"), "-", "")))
		}
	}
	// The longest first: a name within another must not break that up.
	slices.SortStableFunc(r.words, func(a, b word) int { return cmp.Compare(len(b.secret), len(a.secret)) })
	return r
}

// The kinds of which some are told by their form.
const host, home = "host", "home"

// name is what stands in for a name, in small letters, of a kind.
func (r *Redactor) name(kind, secret string) string {
	n := r.number(kind, secret)
	if kind == home {
		return fmt.Sprintf("/home/user-%d", n)
	}
	return fmt.Sprintf("%s-%d", kind, n)
}

// nobodys reports whether a name is none, or one that is everywhere.
func nobodys(name string) bool {
	return len(name) < 2 || slices.Contains([]string{"root", "nobody", "localhost", "aes67", "aes67-sink", "left", "right", "speaker", "speakers"}, name)
}

// learn takes a word, in small letters, as it is and as it is written in JSON.
func (r *Redactor) learn(secret, instead string) {
	if slices.ContainsFunc(r.words, func(w word) bool { return w.secret == secret }) {
		return
	}
	r.words = append(r.words, word{secret, instead})
	if quoted, err := json.Marshal(secret); err == nil {
		if inner := string(quoted[1 : len(quoted)-1]); inner != secret {
			r.words = append(r.words, word{inner, instead})
		}
	}
}

// The forms, and how long their names are.
const (
	macBytes = 6 // IEEE Std 802, MAC address
	euiBytes = 8 // IEEE Std 1588, clockIdentity, an EUI-64
)

var (
	// Of another computer by multicast DNS (RFC 6762, 3), another user's directory, and
	// those that are replaced.
	local    = regexp.MustCompile(`(?i)[\pL\pN_-]+\.local\b`)
	homes    = regexp.MustCompile(`/home/[\pL\pN_-]+(?:\.[\pL\pN_-]+)*`)
	replaced = regexp.MustCompile(`^(?:host|/home/user)-[0-9]+$`)
	uuid     = regexp.MustCompile(`(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`) // RFC 9562, 4
	pairs    = regexp.MustCompile(`[0-9A-Fa-f]{2}(?:[:_-][0-9A-Fa-f]{2}){5,}`)       // "_": BlueZ
	// An interface that is named by its hardware (systemd.net-naming-scheme(7)).
	named = regexp.MustCompile(`\b(en|wl|ww)x([0-9a-f]{12})\b`)
	// As linuxptp writes a clock's identity, and as sixteen digits with the
	// ff-fe that an EUI-64 made of a MAC address has in the middle.
	dotted = regexp.MustCompile(`[0-9A-Fa-f]{6}\.?(?i:fffe)\.?[0-9A-Fa-f]{6}`)
	ipv4   = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`)
	ipv6   = regexp.MustCompile(`[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*`)
)

// Text returns s with all of it replaced.
func (r *Redactor) Text(s string) string {
	for _, w := range r.words {
		s = replaceWord(s, w)
	}
	s = homes.ReplaceAllStringFunc(s, func(found string) string { return r.unlessReplaced(home, found) })
	s = local.ReplaceAllStringFunc(s, func(found string) string {
		end := len(found) - len(".local")
		return r.unlessReplaced(host, found[:end]) + found[end:]
	})
	s = uuid.ReplaceAllStringFunc(s, func(found string) string {
		return fmt.Sprintf("00000000-0000-0000-0000-%012d", r.number("uuid", strings.ToLower(found)))
	})
	s = named.ReplaceAllStringFunc(s, func(found string) string {
		id, err := hex.DecodeString(found[3:])
		if err != nil {
			return found
		}
		return found[:3] + strings.ToLower(strings.ReplaceAll(r.hardware(id, "-"), "-", ""))
	})
	s = pairs.ReplaceAllStringFunc(s, r.identities)
	s = dotted.ReplaceAllStringFunc(s, func(found string) string {
		id, err := hex.DecodeString(strings.ReplaceAll(found, ".", ""))
		if err != nil {
			return found
		}
		return r.clock(id, "-")
	})
	// Those of version 6 first: they may end in one of version 4.
	s = ipv6.ReplaceAllStringFunc(s, r.addresses6)
	return ipv4.ReplaceAllStringFunc(s, func(found string) string {
		address, err := netip.ParseAddr(found)
		if err != nil {
			return found
		}
		return r.address(address)
	})
}

// unlessReplaced replaces a name that was found by its form.
func (r *Redactor) unlessReplaced(kind, found string) string {
	if replaced.MatchString(found) {
		return found
	}
	return r.name(kind, small(found))
}

// small writes s in small letters, each at its place: what is no letter, or is of another
// length then, stays.
func small(s string) string {
	b := []byte(s)
	for i, size := 0, 0; i < len(b); i += size {
		var c rune
		c, size = utf8.DecodeRune(b[i:])
		if l := unicode.ToLower(c); c != utf8.RuneError && utf8.RuneLen(l) == size {
			utf8.EncodeRune(b[i:], l)
		}
	}
	return string(b)
}

// replaceWord replaces a word where no letter and no digit touches it.
func replaceWord(s string, w word) string {
	lower := small(s)
	var b strings.Builder
	from := 0
	for at := 0; ; {
		i := strings.Index(lower[at:], w.secret)
		if i < 0 {
			return b.String() + s[from:]
		}
		i += at
		end := i + len(w.secret)
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[end:])
		if letter(before) || letter(after) {
			_, size := utf8.DecodeRuneInString(s[i:])
			at = i + size
			continue
		}
		b.WriteString(s[from:i] + w.instead)
		at, from = end, end
	}
}

func letter(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// identities replaces a row of pairs of digits: clock identities while there are eight,
// a MAC address where there are six, and leaves what is behind them.
func (r *Redactor) identities(found string) string {
	separator := found[2:3]
	var out []string
	all := strings.FieldsFunc(found, func(c rune) bool { return strings.ContainsRune(":_-", c) })
	for len(all) >= macBytes {
		n := macBytes
		if len(all) >= euiBytes {
			n = euiBytes
		}
		id, err := hex.DecodeString(strings.Join(all[:n], ""))
		if err != nil {
			return found
		}
		if n == euiBytes {
			out = append(out, r.clock(id, separator))
		} else {
			out = append(out, r.hardware(id, separator))
		}
		all = all[n:]
	}
	return strings.Join(append(out, all...), separator)
}

// addresses6 replaces the longest addresses within digits, colons and dots, as behind
// a word or before a port.
func (r *Redactor) addresses6(found string) string {
	if pairs.FindString(found) == found {
		return found // of hardware, and replaced
	}
	groups := strings.Split(found, ":")
	var out []string
	for at := 0; at < len(groups); {
		instead, n := r.address6(groups[at:])
		out = append(out, instead)
		at += n
	}
	return strings.Join(out, ":")
}

// most6 is how many pieces between colons an address has at most: "::" beside seven.
const most6 = 9

// address6 replaces the address that the first n groups are; none is the first alone.
func (r *Redactor) address6(groups []string) (instead string, n int) {
	for n = min(most6, len(groups)); n > 1; n-- {
		said := strings.Join(groups[:n], ":")
		bare := strings.TrimRight(said, ".") // the end of a sentence
		address, err := netip.ParseAddr(bare)
		// What has one group tells of nobody.
		if err == nil && (address.IsLoopback() || len(strings.FieldsFunc(bare, func(c rune) bool { return c == ':' })) > 1) {
			return r.address(address) + said[len(bare):], n
		}
	}
	return groups[0], 1
}

// clock is an EUI-64 for documents (RFC 9542, 2.2.3) in place of another.
func (r *Redactor) clock(id []byte, separator string) string {
	if !slices.ContainsFunc(id, func(b byte) bool { return b != 0 && b != 0xFF }) {
		return join(id, separator) // none, or all
	}
	n := r.number("clock", string(id))
	return join([]byte{0x00, 0x00, 0x5E, 0xEF, 0x10, 0, byte(n >> 8), byte(n)}, separator)
}

// hardware is a MAC address for documents (RFC 9542, 2.1.4) in place of another.
func (r *Redactor) hardware(id []byte, separator string) string {
	if !slices.ContainsFunc(id, func(b byte) bool { return b != 0 && b != 0xFF }) {
		return join(id, separator)
	}
	n := r.number("mac", string(id))
	return join([]byte{0x00, 0x00, 0x5E, 0x00, 0x53 + byte(n>>8), byte(n)}, separator)
}

func join(id []byte, separator string) string {
	pairs := make([]string, len(id))
	for i, b := range id {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, separator)
}

var (
	unicast   = netip.MustParseAddr("192.0.2.0")   // RFC 5737, TEST-NET-1
	multicast = netip.MustParseAddr("233.252.0.0") // RFC 6676, MCAST-TEST-NET
	linkLocal = netip.MustParseAddr("169.254.0.0") // RFC 3927: that it is one is a finding
	unicast6  = netip.MustParseAddr("2001:db8::")  // RFC 3849
	groups6   = netip.MustParseAddr("ff0e::db8:0") // RFC 6676
)

// address is one for documents in place of another. Those that everybody has stay:
// loopback, none, all, and the groups of protocols.
func (r *Redactor) address(a netip.Addr) string {
	switch {
	case a.Is4In6():
		return a.Unmap().String() // which is replaced next
	case a.IsLoopback(), a.IsUnspecified(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}), netmask(a), assigned(a):
		return a.String()
	}
	kind, from := "address", unicast
	switch {
	case a.Is4() && a.IsMulticast():
		kind, from = "group", multicast
	case a.Is4() && a.IsLinkLocalUnicast():
		kind, from = "link-local", linkLocal
	case a.Is6() && a.IsMulticast():
		kind, from = "group6", groups6
	case a.Is6():
		kind, from = "address6", unicast6
	}
	n := r.number(kind, a.WithZone("").String())
	bytes := from.AsSlice()
	bytes[len(bytes)-2] += byte(n >> 8)
	bytes[len(bytes)-1] += byte(n)
	instead, _ := netip.AddrFromSlice(bytes)
	return instead.String()
}

// assigned are the groups of protocols, equal everywhere: those of IANA below 224 (PTP,
// SAP, DNS, IGMP), SAP's of the local scope (RFC 2974, 3), and those of a link.
func assigned(a netip.Addr) bool {
	if a.Is6() {
		return a.IsLinkLocalMulticast()
	}
	return a.IsMulticast() && a.As4()[0] == 224 || a == netip.MustParseAddr("239.255.255.255")
}

// netmask reports whether a is one: ones, then zeros.
func netmask(a netip.Addr) bool {
	if !a.Is4() || a.As4()[0] != 255 {
		return false
	}
	b := a.As4()
	inverse := ^(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	return inverse&(inverse+1) == 0
}

// number tells what was found of a kind apart, from 1.
func (r *Redactor) number(kind, found string) int {
	key := kind + "\x00" + found
	if n, ok := r.numbers[key]; ok {
		return n
	}
	r.count[kind]++
	r.numbers[key] = r.count[kind]
	return r.count[kind]
}
