package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// process is one that this user may look at.
type process struct {
	pid     int
	uid     int
	name    string
	command []string
	hidden  bool // its network namespace, which may be another
}

// processes are all in our network namespace, as far as that can be seen (proc(5)).
func (f *Facts) processes() (all []process) {
	entries, _ := fs.ReadDir(f.Root, "proc") // none: as if there were none
	ours, _ := fs.ReadLink(f.Root, "proc/self/ns/net")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		in := func(name string) string { return path.Join("proc", e.Name(), name) }
		theirs, err := fs.ReadLink(f.Root, in("ns/net"))
		if err == nil && theirs != ours {
			continue
		}
		p := process{pid: pid, uid: -1, name: f.read(in("comm")), hidden: err != nil}
		p.command = strings.Split(strings.TrimRight(f.read(in("cmdline")), "\x00"), "\x00")
		for line := range strings.Lines(f.read(in("status"))) {
			if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "Uid:" {
				p.uid, _ = strconv.Atoi(fields[2]) // the effective one
			}
		}
		all = append(all, p)
	}
	return all
}

// program is the bridge's name among processes.
const program = "aes67-sink"

// bridges are the running ones of all users.
func (f *Facts) bridges() []process {
	return slices.DeleteFunc(f.processes(), func(p process) bool {
		return p.name != program || len(p.command) < 2 || p.command[1] != "run"
	})
}

// holder is who has a UDP port open.
type holder struct {
	pid  int // 0: not known
	uid  int
	name string
	unit string // of the system's service manager; empty: none
}

// String names it for people.
func (h *holder) String() string {
	if h.pid == 0 {
		return fmt.Sprintf("a program of user %d", h.uid)
	}
	return fmt.Sprintf("%s (process %d)", h.name, h.pid)
}

// holders are those who listen at one of the ports, whoever is connected to somebody
// aside: the local address is the second column, the remote one the third, the owner
// the eighth and the inode the tenth (proc(5), net/udp).
func (f *Facts) holders(ports ...int) (all []holder) {
	for line := range strings.Lines(f.read("proc/self/net/udp")) {
		fields := strings.Fields(line)
		if len(fields) < 10 || !strings.HasSuffix(fields[2], ":0000") {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		n, err := strconv.ParseUint(port, 16, 16)
		if err != nil || !slices.Contains(ports, int(n)) {
			continue
		}
		uid, _ := strconv.Atoi(fields[7])
		if h := f.holder(fields[9], uid); !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// holder finds the process that has a socket: only root sees the files of others.
func (f *Facts) holder(inode string, uid int) holder {
	entries, _ := fs.ReadDir(f.Root, "proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		fds := path.Join("proc", e.Name(), "fd")
		open, _ := fs.ReadDir(f.Root, fds)
		for _, fd := range open {
			if link, _ := fs.ReadLink(f.Root, path.Join(fds, fd.Name())); link != "socket:["+inode+"]" {
				continue
			}
			h := holder{uid: uid, name: f.read(path.Join("proc", e.Name(), "comm"))}
			h.pid, _ = strconv.Atoi(e.Name())
			if _, group, ok := strings.Cut(f.read(path.Join("proc", e.Name(), "cgroup")), "::/system.slice/"); ok {
				h.unit, _, _ = strings.Cut(group, "/")
			}
			return h
		}
	}
	return holder{uid: uid}
}

// sent is how many packets an interface has sent (proc(5), net/dev: the tenth number).
func (f *Facts) sent(iface string) (packets uint64, known bool) {
	for line := range strings.Lines(f.read("proc/self/net/dev")) {
		name, numbers, _ := strings.Cut(strings.TrimSpace(line), ":")
		if fields := strings.Fields(numbers); name == iface && len(fields) > 9 {
			n, err := strconv.ParseUint(fields[9], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
