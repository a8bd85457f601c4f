package daemon

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/config"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/state"
	"aes67-sink/mediaclock"
	"aes67-sink/netif"
	"aes67-sink/ptp"
)

// A bridge that is restarted, by an upgrade for example, need not find network
// and clock anew: it goes on with those of a moment ago.

const (
	// resumeWithin is how old what the last run left may be. A crystal's rate is
	// known within some parts in 10^8 then, and the time within microseconds.
	resumeWithin = time.Minute
	// sleptAtMost tells a computer that has slept meanwhile: CLOCK_MONOTONIC
	// stands still then, CLOCK_BOOTTIME does not.
	sleptAtMost = 10 * time.Millisecond
	bootIDPath  = "/proc/sys/kernel/random/boot_id"
)

// lastRun is what one run leaves to the next. Left is of CLOCK_MONOTONIC_RAW, so it
// holds for one boot, and Frequency against it: no slew is in it. A file of an earlier
// format has neither.
type lastRun struct {
	Boot        string        `json:"boot"`
	Slept       time.Duration `json:"slept_ns"` // since the boot
	Left        aes67.RawTime `json:"raw_ns"`
	Time        aes67.PTPTime `json:"ptp_ns"`                // then
	Frequency   aes67.PPB     `json:"raw_rate_ppb"`          // without what a servo adds for the phase's sake
	Grandmaster string        `json:"grandmaster,omitempty"` // whose time it is; absent: the bridge's own
	Arbitrary   bool          `json:"arbitrary,omitempty"`   // it is not TAI
	Domain      uint8         `json:"domain"`
	Interface   string        `json:"interface"`
	Address     netip.Addr    `json:"address"`
}

// lastRunFile remembers it.
type lastRunFile struct {
	state.File[lastRun]
	log zerolog.Logger
}

// load returns what the last run left, nil if that is no longer true.
func (f lastRunFile) load(now aes67.RawTime, domain uint8) *lastRun {
	r, err := f.Load()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.log.Debug().Err(err).Str("file", f.Path).Msg("nothing to go on with")
		}
		return nil
	}
	boot, slept := thisBoot()
	fresh := r.Boot == boot && 0 < r.Left && r.Left <= now && now.Sub(r.Left) <= resumeWithin && (slept-r.Slept).Abs() <= sleptAtMost
	if !fresh || r.Domain != domain {
		return nil
	}
	return &r
}

// resumption is the clock's part.
func (r *lastRun) resumption() *ptp.Resumption {
	if r == nil {
		return nil
	}
	out := &ptp.Resumption{At: r.Left, Time: r.Time, Frequency: r.Frequency, Arbitrary: r.Arbitrary}
	if r.Grandmaster != "" {
		identity, err := aes67.ParseClockIdentity(r.Grandmaster)
		if err != nil {
			return nil
		}
		out.Grandmaster = identity
	}
	return out
}

// network is the network's part.
func (r *lastRun) network(cfg config.Network) netif.ChooserConfig {
	c := netif.ChooserConfig{Interface: cfg.Interface, Address: cfg.Address}
	if r != nil {
		c.Last, c.LastAddr = r.Interface, r.Address
	}
	return c
}

// save leaves word of a bridge that was sending; of another there is nothing to
// go on with.
func (f lastRunFile) save(network bridge.NetworkInput, m mediaclock.Map, clock ptp.Status) {
	if !network.Usable || clock.State != ptp.Locked && clock.State != ptp.Holdover {
		return
	}
	r := leave(rtthread.Raw(), m, clock)
	r.Interface, r.Address = network.Chosen.Interface.Name, network.Chosen.Address
	if err := f.Save(r); err != nil {
		f.log.Debug().Err(err).Str("file", f.Path).Msg("the next run will begin anew")
	}
}

// leave puts down the clock as it is now.
func leave(now aes67.RawTime, m mediaclock.Map, clock ptp.Status) lastRun {
	r := lastRun{Left: now, Time: m.PTPAt(now), Frequency: m.Frequency, Domain: clock.Domain, Arbitrary: clock.Arbitrary}
	r.Boot, r.Slept = thisBoot()
	if clock.Role != ptp.RoleGrandmaster && !clock.Grandmaster.IsZero() {
		r.Grandmaster = clock.Grandmaster.String()
	}
	return r
}

// thisBoot tells this boot from others, and for how long the computer has slept
// since.
func thisBoot() (id string, slept time.Duration) {
	text, _ := os.ReadFile(bootIDPath) // empty: then all boots are alike, and Left tells
	var up unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) // it cannot fail: the clock exists on every Linux
	return strings.TrimSpace(string(text)), aes67.MonoTime(up.Nano()).Sub(rtthread.Now())
}
