package service

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"

	"aes67-sink/internal/desktop"
)

// askTime bounds the question: the service manager is about to wait for the end.
const askTime = 500 * time.Millisecond

// Where the service manager is on its bus (org.freedesktop.systemd1(5)).
const (
	managerName = "org.freedesktop.systemd1"
	managerPath = "/org/freedesktop/systemd1"
	getProperty = "org.freedesktop.DBus.Properties.Get"
)

// Restarting asks the user's service manager whether it ends this process to start it
// anew at once, as on an upgrade.
func Restarting(ctx context.Context) (bool, error) {
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	job, err := jobOf(ctx, desktop.SessionBus(), os.Getpid())
	if err != nil {
		return false, fmt.Errorf("service manager: %w", err)
	}
	return job == "restart", nil
}

// jobOf returns the type of the job that is under way for a process' unit, "" if none
// is.
func jobOf(ctx context.Context, bus string, pid int) (kind string, err error) {
	if bus == "" {
		return "", desktop.ErrNone
	}
	conn, err := dbus.Connect(bus, dbus.WithContext(ctx))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	var unit dbus.ObjectPath
	if err := conn.Object(managerName, managerPath).CallWithContext(ctx, managerName+".Manager.GetUnitByPID", 0, uint32(pid)).Store(&unit); err != nil {
		return "", err
	}
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	if err := conn.Object(managerName, unit).CallWithContext(ctx, getProperty, 0, managerName+".Unit", "Job").Store(&job); err != nil || job.ID == 0 {
		return "", err
	}
	err = conn.Object(managerName, job.Path).CallWithContext(ctx, getProperty, 0, managerName+".Job", "JobType").Store(&kind)
	return kind, err
}
