package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aes67-sink/aes67"
)

// maxName is the longest name in bytes: the label limit of DNS-SD instance
// names (RFC 6763, 4.1.1), which stream names become.
const maxName = 63

func checkSinkName(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("empty")
	}
	if strings.Contains(s, `\`) { // pulse/module.go
		return errors.New("has a backslash, which the sound servers understand differently")
	}
	return checkStreamName(s)
}

func checkStreamName(s string) error {
	switch {
	case len(s) > maxName:
		return fmt.Errorf("%d bytes long", len(s))
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("contains a character that cannot be shown")
	}
	return nil
}

// sinkID is what PulseAudio takes as a name (namereg.c: letters, digits, dot,
// underscore, hyphen), without the forms that tools read as an index or @ name.
var sinkID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,62}$`)

func checkSinkID(s string) error {
	if !sinkID.MatchString(s) {
		return errors.New("not a name that a sound server takes")
	}
	return nil
}

// maxInterfaceName is ALTIFNAMSIZ less its terminating zero (linux/if.h): an
// interface may be named by another name of its own.
const maxInterfaceName = 127

func checkInterface(s string) error {
	switch {
	case s == "":
		return errors.New("empty")
	case len(s) > maxInterfaceName:
		return fmt.Errorf("%d bytes long", len(s))
	case s == "." || s == "..":
		return errors.New("not a name that the kernel takes")
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return r == '/' || r == ':' || !unicode.IsPrint(r) || unicode.IsSpace(r) }):
		return errors.New("contains a character that no interface name has")
	}
	return nil
}

func checkSecondary(s string) error {
	switch s {
	case "":
		return nil
	case Auto:
		return errors.New("chosen by nobody: it has to be named")
	}
	return checkInterface(s)
}

func checkListen(s string) error {
	if s == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("not an address with a port")
	}
	if host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("host %q is not an IP address", host)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("port %q is not 1 to 65535", port)
	}
	return nil
}

// parsePrefix reads two numbers such as "239.69".
func parsePrefix(s string) (Prefix, error) {
	first, second, ok := strings.Cut(s, ".")
	a, errA := octet(first)
	b, errB := octet(second)
	if !ok || errA != nil || errB != nil {
		return Prefix{}, errors.New("not two numbers from 0 to 255 with a point between")
	}
	if err := aes67.CheckGroupPrefix(a, b); err != nil {
		return Prefix{}, err
	}
	return Prefix{a, b}, nil
}

func octet(s string) (uint8, error) {
	if len(s) > 1 && s[0] == '0' || strings.HasPrefix(s, "+") {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err
}

// parseDestination reads where a stream is sent.
func parseDestination(s string) (netip.Addr, error) {
	to, err := netip.ParseAddr(s)
	if err != nil {
		return to, fmt.Errorf("%q is not an IPv4 address", s)
	}
	return to, aes67.CheckDestination(to)
}

// positions are the channel positions of PulseAudio (pulse/channelmap.h); aux0
// to aux31 come on top.
var positions = []string{
	"mono", "front-left", "front-right", "front-center", "rear-center", "rear-left", "rear-right", "lfe",
	"front-left-of-center", "front-right-of-center", "side-left", "side-right",
	"top-center", "top-front-left", "top-front-right", "top-front-center",
	"top-rear-left", "top-rear-right", "top-rear-center",
}

const auxPositions = 32

func isPosition(name string) bool {
	if number, ok := strings.CutPrefix(name, "aux"); ok {
		n, err := octet(number)
		return err == nil && n < auxPositions
	}
	return slices.Contains(positions, name)
}

func checkChannels(channels []string) error {
	if n := len(channels); n < 1 || n > aes67.MaxChannels {
		return fmt.Errorf("%d channels", n)
	}
	for i, channel := range channels {
		if !isPosition(channel) {
			return fmt.Errorf("%q is not a position name", channel)
		}
		if slices.Contains(channels[:i], channel) {
			return fmt.Errorf("%q twice", channel)
		}
	}
	return nil
}
