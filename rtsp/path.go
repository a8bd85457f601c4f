package rtsp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Session is one description as it is served.
type Session struct {
	Name   string // the DNS-SD instance name
	Number int    // of /by-id/N, from 1; constant for the stream
	Text   string
	Group  netip.Addr
	Port   uint16
	TTL    uint8
}

// Path returns the by-name path of a session.
func Path(name string) string { return "/by-name/" + url.PathEscape(name) }

// pathOf returns the path of a URI, absolute or not, whatever host it names.
func pathOf(uri string) string {
	if _, rest, found := strings.Cut(uri, "://"); found {
		if at := strings.IndexByte(rest, '/'); at >= 0 {
			return rest[at:]
		}
		return "/"
	}
	return uri
}

// find returns the session that a URI means, nil if there is none. Clients
// differ in what they encode, so a name is first taken as it stands, then
// without what a URI may have behind its path.
func find(uri string, sessions []Session) *Session {
	path := pathOf(uri)
	for _, end := range []string{"", "?", "#"} {
		if end != "" {
			path, _, _ = strings.Cut(path, end)
		}
		if s := match(strings.TrimSuffix(path, "/"), sessions); s != nil {
			return s
		}
	}
	return nil
}

// match compares after decoding; names of DNS-SD know no case (RFC 6762, 16).
func match(path string, sessions []Session) *Session {
	if text, found := strings.CutPrefix(path, "/by-id/"); found {
		n, err := strconv.Atoi(text)
		for i := range sessions {
			if err == nil && sessions[i].Number == n {
				return &sessions[i]
			}
		}
		return nil
	}
	name, found := strings.CutPrefix(path, "/by-name/")
	if !found {
		return nil
	}
	if decoded, err := url.PathUnescape(name); err == nil {
		name = decoded
	}
	for i := range sessions {
		if strings.EqualFold(sessions[i].Name, name) {
			return &sessions[i]
		}
	}
	return nil
}
