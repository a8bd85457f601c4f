package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"aes67-sink/internal/text"
	"aes67-sink/status"
)

// checkBridge passes on what the running bridge finds ill.
func checkBridge(_ context.Context, f *Facts) Result {
	if f.Bridge == nil {
		return unknown("no bridge has answered")
	}
	if len(f.Bridge.Problems) > 0 {
		return Result{Findings: slices.Clone(f.Bridge.Problems)}
	}
	said, _, _ := strings.Cut(status.Words(f.Bridge.State), ": ")
	return well("%s, and knows of no problem", said)
}

func checkRunning(_ context.Context, f *Facts) Result {
	switch {
	case f.Bridge != nil:
		return well("runs")
	case errors.Is(f.Unreachable, status.ErrHangs):
		return ill(f.RestartCommand, "the bridge is there and does not answer; restart it")
	case f.Unreachable == nil || errors.Is(f.Unreachable, status.ErrNotRunning):
		return ill(f.StartCommand, "%v, so there is no sink to play into; start it", status.ErrNotRunning)
	}
	return ill(f.RestartCommand, "the bridge cannot be asked: %v", f.Unreachable)
}

func checkConfiguration(_ context.Context, f *Facts) Result {
	if f.Configuration == nil {
		return well("good")
	}
	faults := strings.Split(strings.TrimSpace(f.Configuration.Error()), "\n")
	return ill("aes67-sink check", "%s, the first: %s", text.Count(len(faults), "fault", "faults"), faults[0])
}

func checkUnit(ctx context.Context, f *Facts) Result {
	enabled, active := "", ""
	if f.Service != nil {
		enabled, active = f.Service(ctx)
	}
	switch {
	case f.Unit == "":
		return fact("the service is not installed for systemd: aes67-sink run starts the bridge")
	case f.Bridge == nil && f.StartCommand == "aes67-sink on":
		return ill(f.StartCommand, "switched off for this user (aes67-sink off); switch it on")
	case f.Bridge == nil && active == "failed":
		return ill("journalctl --user -u aes67-sink -e", "the service has failed, and is not started again by itself; its log says why")
	case enabled != "":
		return fact("%s, %s, %s", f.Unit, enabled, active)
	}
	return fact("%s", f.Unit)
}

// deleted is what the kernel adds to the name of a running program whose file was
// replaced (proc(5), pid/exe).
const deleted = " (deleted)"

// installed is where the package has the program, below the root.
const installed = "usr/bin/aes67-sink"

// executable is the file of the running bridge, else the installed one, else this
// program's. replaced says that it is another one by now.
func (f *Facts) executable() (file string, replaced bool) {
	for _, p := range f.bridges() {
		exe, err := fs.ReadLink(f.Root, path.Join("proc", strconv.Itoa(p.pid), "exe"))
		if err == nil && (p.uid == f.UID || p.uid < 0) {
			file, replaced = strings.CutSuffix(exe, deleted)
			return file, replaced
		}
	}
	if _, err := fs.Stat(f.Root, installed); err == nil {
		return "/" + installed, false
	}
	return f.Program, false
}

func checkVersion(_ context.Context, f *Facts) Result {
	switch _, replaced := f.executable(); {
	case f.Bridge == nil:
		return fact("%s", f.Version)
	case replaced:
		return ill(f.RestartCommand, "the bridge runs on as version %s, and its program was replaced since; restart it", f.Bridge.Version)
	case f.Bridge.Version != f.Version:
		return ill(f.RestartCommand, "the bridge that runs is version %s, this program is %s; restart it", f.Bridge.Version, f.Version)
	}
	return fact("%s", f.Version)
}

func checkCopies(_ context.Context, f *Facts) Result {
	var own, others, hidden []string
	for _, p := range f.bridges() {
		switch pid := strconv.Itoa(p.pid); {
		case p.uid != f.UID:
			others = append(others, pid)
		case p.hidden:
			hidden = append(hidden, pid)
		default:
			own = append(own, pid)
		}
	}
	switch {
	case len(own) > 1:
		return ill("kill "+own[len(own)-1], "%d bridges of this user run (processes %s): each makes a sink and sends; end all but one", len(own), text.List(own))
	case len(own)+len(hidden) > 1: // as within the bridge, which may not look at other processes
		return unknown("another bridge of this user runs (process %s), and whether on this network cannot be seen from here", text.List(hidden))
	case len(others) > 0:
		return fact("%s of other users: the one who sits at the computer has the network", text.Count(len(others), "bridge", "bridges"))
	}
	return well("none")
}

// needed is what the state directory may take, in bytes: recorded incidents are bounded
// by 8 MB, and are written only where as much is left again.
const needed = 16 << 20

func checkDisk(_ context.Context, f *Facts) Result {
	d, err := f.Disk(f.StateDirectory)
	switch {
	case err != nil:
		return unknown("%s: %v", f.StateDirectory, text.Cause(err))
	case !d.Writable:
		return ill("sudo chown -R $USER "+f.StateDirectory, "%s cannot be written: the volume and the streams' names are not remembered; make it yours", f.StateDirectory)
	case d.Free < needed:
		return ill("", "%s has %d MB left: the volume and the streams' names may not be remembered; make room", f.StateDirectory, d.Free>>20)
	}
	return well("%s has %d MB left", f.StateDirectory, d.Free>>20)
}
