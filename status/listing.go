package status

import "encoding/json"

// Listing is what is known of the network: every session that is announced and
// every PTP master that is heard. What is not known is absent.
type Listing struct {
	Sessions []ListedSession `json:"sessions"`
	Masters  []ListedMaster  `json:"masters"`
	Notes    []string        `json:"notes,omitempty"` // what could not be heard, and what to do about it
}

// The ways by which sessions are announced.
const (
	ViaSAP  = "sap"
	ViaMDNS = "mdns" // found by DNS-SD, described by RTSP
)

// ListedSession is a session, heard in one way or several.
type ListedSession struct {
	Name       string   `json:"name"`
	Own        bool     `json:"own"`            // of the running bridge
	Via        []string `json:"via"`            // sap, mdns
	Source     string   `json:"source"`         // the address that announces it
	Host       string   `json:"host,omitempty"` // its name by DNS-SD
	Interface  string   `json:"interface"`      // on which it was heard
	Group      string   `json:"group"`
	Port       int      `json:"port"`
	TTL        *int     `json:"ttl,omitempty"`
	Encoding   string   `json:"encoding,omitempty"`
	RateHz     int      `json:"rate_hz,omitempty"`
	Channels   int      `json:"channels,omitempty"`
	Info       string   `json:"info,omitempty"` // such as "1 channels: Left"
	PtimeUS    int      `json:"ptime_us,omitempty"`
	Clock      string   `json:"clock,omitempty"`       // the value of ts-refclk
	MediaClock string   `json:"media_clock,omitempty"` // the value of mediaclk
	ID         string   `json:"id"`                    // of the o= line; too long for a JSON number
	Version    string   `json:"version"`
}

// ListedMaster is a clock that announces itself by PTPv2.
type ListedMaster struct {
	Grandmaster       string  `json:"grandmaster"`
	Own               bool    `json:"own"`      // the running bridge itself
	Followed          bool    `json:"followed"` // by the running bridge
	Port              string  `json:"port"`     // identity of the sending port: a boundary clock's is not the grandmaster's
	Address           string  `json:"address,omitempty"`
	Interface         string  `json:"interface"`
	Domain            int     `json:"domain"`
	Priority1         int     `json:"priority1"`
	Class             int     `json:"clock_class"`
	Accuracy          int     `json:"clock_accuracy"`
	Variance          int     `json:"variance"`
	Priority2         int     `json:"priority2"`
	StepsRemoved      int     `json:"steps_removed"`
	AnnounceIntervalS float64 `json:"announce_interval_s,omitempty"`
	SyncIntervalS     float64 `json:"sync_interval_s,omitempty"`
	TwoStep           *bool   `json:"two_step,omitempty"`
	Why               string  `json:"why,omitempty"` // it is, or is not, followed
}

// JSON returns the listing indented, with a line end.
func (l Listing) JSON() ([]byte, error) {
	if l.Sessions == nil {
		l.Sessions = []ListedSession{}
	}
	if l.Masters == nil {
		l.Masters = []ListedMaster{}
	}
	text, err := json.MarshalIndent(l, "", "  ")
	return append(text, '\n'), err
}
