package daemon

import (
	"context"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"

	"aes67-sink/internal/text"
	"aes67-sink/status"
)

const (
	// notifyRest is the least from one word to the service manager to the next: a
	// state that comes and goes need not fill its log.
	notifyRest = time.Second
	// readyAfter is waited for a sink before the service counts as started all
	// the same: without a sound server it waits, and that is no failure.
	readyAfter = 20 * time.Second
)

// notifier tells the service manager how the bridge is (sd_notify(3)). Without
// one it does nothing.
type notifier struct {
	log     zerolog.Logger
	model   func() status.Model
	changed chan struct{}            // by the judge: the state, a problem or the sink
	send    func(state string) error // nil: to the socket in NOTIFY_SOCKET
	ready   bool
	told    string
}

// underManager reports whether somebody waits for word of this program.
func underManager() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// restartCommand is what the user does to start this program anew: a command, in
// backquotes, where there is one.
func restartCommand() string {
	if underManager() {
		return "`systemctl --user restart aes67-sink`"
	}
	return "restart aes67-sink"
}

// Run tells until ctx is done: readiness when the sink is there, the state when
// it changes, and the watchdog three times in its time as long as the bridge answers.
func (n *notifier) Run(ctx context.Context) error {
	if !underManager() {
		<-ctx.Done()
		return nil
	}
	if n.send == nil {
		n.send = notifyManager
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn().Err(err).Msg("no watchdog")
	}
	var feed <-chan time.Time
	if watchdog > 0 {
		tick := time.NewTicker(watchdog / 3)
		defer tick.Stop()
		feed = tick.C
	}
	late, rest := time.NewTimer(readyAfter), time.NewTimer(0)
	defer late.Stop()
	defer rest.Stop()
	isLate, changed := false, n.changed
	for {
		n.tell(isLate, watchdog > 0)
		select {
		case <-ctx.Done():
			return n.send(daemon.SdNotifyStopping)
		case <-feed:
		case <-late.C:
			isLate = true
		case <-changed:
			changed = nil
			rest.Reset(notifyRest)
		case <-rest.C:
			changed = n.changed
		}
	}
}

// tell sends what there is to tell. That the model can be made shows that no
// part hangs: it asks them all.
func (n *notifier) tell(late, watchdog bool) {
	model := n.model()
	state := ""
	if !n.ready && (late || model.Sink.State == "running") {
		n.ready = true
		state += daemon.SdNotifyReady + "\n"
	}
	if line := statusLine(model); line != n.told {
		n.told = line
		state += "STATUS=" + line + "\n"
	}
	if watchdog {
		state += daemon.SdNotifyWatchdog + "\n"
	}
	if state == "" {
		return
	}
	if err := n.send(state); err != nil {
		n.log.Debug().Err(err).Msg("the service manager does not listen")
	}
}

// statusLine is the bridge in one line.
func statusLine(m status.Model) string {
	line := status.Words(m.State)
	if m.Problem != "" {
		line += ": " + m.Problem
	}
	return text.Printable(line)
}

func notifyManager(state string) error {
	_, err := daemon.SdNotify(false, state)
	return err
}
