package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// station is a machine on the network with a desktop of its own: what a bridge
// needs of it are its side of the wire, its private folders and its buses.
type station struct {
	*server
	wire wire
	side string
	host string // its name in a UTS namespace of its own; empty: the machine's
	// behind is a command that runs the bridge's.
	behind []string
}

// stationAt makes the server's own station on the pc's side of a wire.
func stationAt(w wire, s *server) *station { return &station{server: s, wire: w, side: pc} }

// seat makes another station that plays into the same sound server. Its folders
// are its own, so its bridge has a state and a control socket of its own.
func (s *server) seat(w wire, side string) *station {
	s.t.Helper()
	dir := tempDir(s.t, "seat")
	seat := &server{t: s.t, dir: s.dir, as: s.as}
	run := filepath.Join(dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for _, variable := range s.env {
		switch name, value, _ := strings.Cut(variable, "="); name {
		case "XDG_RUNTIME_DIR":
			seat.env = append(seat.env, "XDG_RUNTIME_DIR="+run, "PULSE_SERVER=unix:"+filepath.Join(value, "pulse/native"))
		case "XDG_STATE_HOME":
			seat.env = append(seat.env, "XDG_STATE_HOME="+filepath.Join(dir, "state"))
		default:
			seat.env = append(seat.env, variable)
		}
	}
	return &station{server: seat, wire: w, side: side}
}

// run starts the station's bridge on its side's eth0.
func (s *station) run(arguments ...string) *bridge {
	s.t.Helper()
	command := append([]string{program, "run", "--set", "network.interface=eth0"}, arguments...)
	if s.host != "" {
		command = append([]string{"unshare", "--uts", "sh", "-c", `hostname "$0" && exec "$@"`, s.host}, command...)
	}
	return &bridge{start(s.t, "bridge "+s.side, s.env, s.wire.in(s.side, append(slices.Clone(s.behind), powerless(s.by(command...)...)...)...)...).onTheWay(), s.server}
}

// rename gives the bridge's host another name.
func (b *bridge) rename(host string) {
	b.t.Helper()
	mustOutput(b.t, nil, "nsenter", "--uts", "--target", strconv.Itoa(b.cmd.Process.Pid), "hostname", host)
}

// kill ends the bridge as a crash does.
func (b *bridge) kill() {
	b.t.Helper()
	b.signal(syscall.SIGKILL)
	_ = b.wait(5 * time.Second)
}

// end ends the bridge as its user does.
func (b *bridge) end() {
	b.t.Helper()
	b.signal(syscall.SIGTERM)
	if err := b.wait(10 * time.Second); err != nil {
		b.t.Errorf("%s ended with %v, want exit code 0", b.name, err)
	}
}

// sdp returns the session descriptions as the bridge announces them.
func (b *bridge) sdp() []string {
	b.t.Helper()
	text := mustOutput(b.t, b.server.env, b.server.by(program, "sdp")...)
	return strings.Split(text, "\r\n\r\n")
}

// listed is what the tests read of "aes67-sink list --json".
type listed struct {
	Sessions []struct {
		Name        string   `json:"name"`
		Own         bool     `json:"own"`
		Via         []string `json:"via"`
		Source      string   `json:"source"`
		Host        string   `json:"host"`
		Group       string   `json:"group"`
		Port        int      `json:"port"`
		Encoding    string   `json:"encoding"`
		RateHz      int      `json:"rate_hz"`
		Channels    int      `json:"channels"`
		PtimeUS     int      `json:"ptime_us"`
		Clock       string   `json:"clock"`
		ID, Version string
	} `json:"sessions"`
	Masters []struct {
		Grandmaster string `json:"grandmaster"`
		Address     string `json:"address"`
		Domain      int    `json:"domain"`
		Own         bool   `json:"own"`
		Followed    bool   `json:"followed"`
	} `json:"masters"`
	Notes []string `json:"notes"`
}

// list runs "aes67-sink list --json" at the station.
func (s *station) list(t testing.TB, arguments ...string) (l listed) {
	t.Helper()
	command := append([]string{program, "list", "--json", "--set", "network.interface=eth0"}, arguments...)
	text := mustOutput(t, s.env, s.wire.in(s.side, s.by(command...)...)...)
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("list --json: %v: %s", err, text)
	}
	return l
}

// avahiAt is a private system bus with avahi-daemon on one side of a wire.
type avahiAt struct {
	t    testing.TB
	wire wire
	side string
	dir  string
	more []string // of its environment
}

func startAvahi(t testing.TB, w wire, side, host string, more ...string) *avahiAt {
	t.Helper()
	need(t, "avahi-daemon", "avahi-browse", "dbus-daemon", "dbus-send")
	a := &avahiAt{t, w, side, tempDir(t, "avahi"), more}
	a.do("start", "eth0", host)
	t.Cleanup(func() {
		if _, err := output(os.Environ(), w.in(side, script("avahi.sh"), "stop", a.dir)...); err != nil {
			t.Error(err)
		}
	})
	return a
}

// do runs a verb of avahi.sh.
func (a *avahiAt) do(verb string, arguments ...string) {
	a.t.Helper()
	command := append([]string{"setsid", "--wait", script("avahi.sh"), verb, a.dir}, arguments...)
	mustOutput(a.t, append(os.Environ(), a.more...), a.wire.in(a.side, command...)...)
}

// env is what programs need to find the bus.
func (a *avahiAt) env() string { return "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + a.socket() }

// socket is where the bus listens.
func (a *avahiAt) socket() string { return filepath.Join(a.dir, "run/dbus/system_bus_socket") }

// browsing is how long two looks by browse may take.
const browsing = 20 * time.Second

// finds waits until browse finds so many sessions of the bridge at pc. Of somebody else there
// is one more where names collided after all was announced: Avahi then says no goodbye for
// the pointer to a name (avahi-core/server.c, withdraw_entry).
func (a *avahiAt) finds(t testing.TB, when string, sessions int) {
	t.Helper()
	var found map[string]string
	if !soon(browsing, func() bool {
		found = a.browse()
		own := 0
		for _, at := range found {
			if at == "10.67.0.1:8554" {
				own++
			}
		}
		return own == sessions
	}) {
		missed(t, browsing, "%s: not within %v are %d sessions found, but %v", when, browsing, sessions, found)
	}
}

// browse returns the RAVENNA sessions that avahi-browse finds: name, address
// and port. avahi-browse waits for ever for a session that went away while it
// was being resolved, so it is asked again.
func (a *avahiAt) browse() map[string]string {
	a.t.Helper()
	command := a.wire.in(a.side, "timeout", "3", "avahi-browse", "--parsable", "--resolve", "--terminate", "_ravenna_session._sub._rtsp._tcp")
	text, err := "", error(nil)
	for range 5 {
		if text, err = output(append(os.Environ(), a.env()), command...); err == nil {
			break
		}
	}
	if err != nil {
		a.t.Fatal(err)
	}
	found := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		// =;eth0;IPv4;NAME;TYPE;DOMAIN;HOST;ADDRESS;PORT;TXT
		if f := strings.Split(line, ";"); len(f) >= 9 && f[0] == "=" {
			found[unescape(f[3])] = f[7] + ":" + f[8]
		}
	}
	return found
}

// unescape reads avahi-browse's \DDD.
func unescape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && i+3 < len(name) {
			if n, err := strconv.Atoi(name[i+1 : i+4]); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// dial connects from the speaker's side.
func (w wire) dial(t testing.TB, address string) (conn net.Conn) {
	t.Helper()
	w.dials(t, address, 1, func(_ int, c net.Conn) { conn = c })
	return conn
}

// dials connects so many times and uses each at once, all on one thread: a thread for each
// would take from the bridge beside it what no network takes.
func (w wire) dials(t testing.TB, address string, count int, use func(i int, conn net.Conn)) {
	t.Helper()
	w.inside(t, speaker, func(net.Interface) error {
		for i := range count {
			conn, err := net.DialTimeout("tcp4", address, 5*time.Second)
			if err != nil {
				return fmt.Errorf("connection %d: %w", i+1, err)
			}
			use(i, conn)
		}
		return nil
	})
}
