package rtthread

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// RealtimeKit gives real-time priority to programs of an ordinary user
// (org.freedesktop.RealtimeKit1.xml).
const (
	kitName = "org.freedesktop.RealtimeKit1"
	kitPath = "/org/freedesktop/RealtimeKit1"
)

const (
	// kitTime is how long an answer may take: the daemon may have to be started.
	kitTime = 5 * time.Second
	// softShare of the limit on unbroken running leaves time to give the
	// priority back before the kernel kills the program.
	softShare = 0.5
)

// kit asks RealtimeKit over a connection of its own.
type kit struct {
	ctx      context.Context
	conn     *dbus.Conn
	close    context.CancelFunc
	priority int32 // the most that it gives
}

// openKit connects and does what RealtimeKit demands first: a limit on how long
// a real-time thread may run without a pause. What it gives stays when the
// connection ends.
func openKit(ctx context.Context) (*kit, error) {
	ctx, stop := context.WithCancel(ctx)
	late := time.AfterFunc(kitTime, stop)
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err == nil && !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("RealtimeKit: system bus: %w", err)
	}
	k := &kit{ctx: ctx, conn: conn, close: stop}
	var longest int64 // µs
	for name, into := range map[string]any{"MaxRealtimePriority": &k.priority, "RTTimeUSecMax": &longest} {
		if err := k.get(name, into); err != nil {
			k.close()
			return nil, fmt.Errorf("RealtimeKit: %w", err)
		}
	}
	if err := limitRunning(uint64(longest)); err != nil {
		k.close()
		return nil, fmt.Errorf("RealtimeKit: RLIMIT_RTTIME %d µs: %w", longest, err)
	}
	return k, nil
}

// get reads a property.
func (k *kit) get(name string, into any) error {
	var value dbus.Variant
	if err := k.call("org.freedesktop.DBus.Properties.Get", kitName, name).Store(&value); err != nil {
		return err
	}
	return value.Store(into)
}

func (k *kit) call(method string, arguments ...any) *dbus.Call {
	ctx, stop := context.WithTimeout(k.ctx, kitTime)
	defer stop()
	return k.conn.Object(kitName, kitPath).CallWithContext(ctx, method, 0, arguments...)
}

// realtime gives a thread SCHED_RR at a priority, or at the most there is.
func (k *kit) realtime(tid, priority int) (granted int, err error) {
	granted = min(priority, int(k.priority))
	if err := k.call(kitName+".MakeThreadRealtime", uint64(tid), uint32(granted)).Err; err != nil {
		return 0, fmt.Errorf("RealtimeKit: %w", err)
	}
	return granted, nil
}

// limitRunning bounds how long a real-time thread of the program may run
// without a pause (getrlimit(2), RLIMIT_RTTIME). At the soft limit SIGXCPU
// comes, see Keep; at the hard one the kernel kills the program.
// The limit never rises.
func limitRunning(longest uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &limit); err != nil {
		return err
	}
	limit.Max = min(limit.Max, longest)
	limit.Cur = min(limit.Cur, uint64(softShare*float64(limit.Max)))
	return unix.Setrlimit(unix.RLIMIT_RTTIME, &limit)
}
