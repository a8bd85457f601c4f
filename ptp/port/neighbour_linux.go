package port

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
)

// neighbourEvery is how often other PTP programs on this computer are looked for.
const neighbourEvery = 10 * time.Second

// udpTable lists the UDP sockets of our network namespace (proc(5)).
const udpTable = "/proc/thread-self/net/udp"

// neighbour is another program on this computer that has the PTP ports open.
type neighbour struct {
	program string // its name, or empty: there is none
	inode   uint64 // of its socket
	due     aes67.RawTime
	table   []byte // memory for reading
}

// watchNeighbours looks for another PTP program. It allocates nothing as long as
// there is no other than the last time.
func (l *loop) watchNeighbours(now aes67.RawTime) {
	n := &l.neighbour
	if now < n.due {
		return
	}
	n.due = now.Add(neighbourEvery)
	n.table = readWhole(l.udpTable, n.table[:0])
	own := [2]uint64{inodeOf(l.ports.event), inodeOf(l.ports.general)}
	inode, uid := foreignSocket(n.table, own)
	if inode == n.inode {
		return
	}
	n.inode, n.program = inode, ""
	if inode != 0 {
		n.program = programOf("/proc", inode, uid)
		l.log.Info().Str("program", n.program).Msg("another PTP program runs on this computer")
	}
	l.engine.SetNeighbour(n.program)
}

// readWhole appends what a file says to buf, as far as it can be read.
func readWhole(path string, buf []byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return buf
	}
	defer unix.Close(fd)
	for {
		if cap(buf)-len(buf) < 4096 {
			buf = append(buf, make([]byte, max(4096, cap(buf)))...)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if n <= 0 || err != nil {
			return buf
		}
		buf = buf[:len(buf)+n]
	}
}

// inodeOf is by which /proc knows a socket of ours.
func inodeOf(fd int) uint64 {
	var s unix.Stat_t
	if unix.Fstat(fd, &s) != nil {
		return 0
	}
	return s.Ino
}

// foreignSocket finds a socket on one of the PTP ports that is not ours, in the
// form of /proc/net/udp: the local address is the second column, the remote one the
// third, the owner the eighth, the inode the tenth. A socket that is connected to
// somebody is parked (park_linux.go).
func foreignSocket(table []byte, own [2]uint64) (inode uint64, uid int) {
	for len(table) > 0 {
		var line []byte
		line, table, _ = bytes.Cut(table, []byte{'\n'})
		var columns [10][]byte
		for i := range columns {
			line = bytes.TrimLeft(line, " ")
			columns[i], line, _ = bytes.Cut(line, []byte{' '})
		}
		if !bytes.HasSuffix(columns[1], []byte(":013F")) && !bytes.HasSuffix(columns[1], []byte(":0140")) {
			continue
		}
		if !bytes.HasSuffix(columns[2], []byte(":0000")) {
			continue
		}
		if n := number(columns[9]); n != 0 && n != own[0] && n != own[1] {
			return n, int(number(columns[7]))
		}
	}
	return 0, 0
}

// number reads decimal digits.
func number(digits []byte) (n uint64) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0
		}
		n = 10*n + uint64(d-'0')
	}
	return n
}

// programOf names the process that holds a socket, as far as we may know: only
// root sees the files of other users' processes.
func programOf(proc string, inode uint64, uid int) string {
	wanted := fmt.Sprintf("socket:[%d]", inode)
	processes, _ := os.ReadDir(proc) // unreadable: as if it held none
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		files, _ := os.ReadDir(filepath.Join(proc, p.Name(), "fd"))
		for _, f := range files {
			if link, _ := os.Readlink(filepath.Join(proc, p.Name(), "fd", f.Name())); link == wanted {
				name, _ := os.ReadFile(filepath.Join(proc, p.Name(), "comm"))
				return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), p.Name())
			}
		}
	}
	return fmt.Sprintf("a program of user %d", uid)
}
