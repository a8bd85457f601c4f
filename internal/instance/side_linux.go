package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
)

// networkName is the abstract socket whose owner has the network side. Such
// names live in a network namespace and end with their process (unix(7)). Who
// wants it too connects, and waits for the end of the connection.
const networkName = "@aes67-sink-network"

const (
	// quietTime is for how long the side is kept after it was decided to give it away.
	quietTime = time.Second
	// afterYou is how long the one that gave it away leaves it to others.
	afterYou = time.Second
	// sideAgain is how long a side that cannot be asked for is left alone.
	sideAgain = 2 * time.Second
	// soon is how long one that is refused waits.
	soon = 100 * time.Millisecond
	// mostRivals bounds the connections of those that wait.
	mostRivals = 32
)

// SideConfig says who is nearer, and what giving way takes.
type SideConfig struct {
	// Rank orders users; the side goes to the higher one. Changed wakes when it may
	// tell otherwise.
	Rank    func(uid int) int
	Changed <-chan struct{}
	// Quiet gets everything off the network, before the side is given away; it
	// returns when that is done, or with ctx.
	Quiet func(ctx context.Context)
	// Told is called when Held has changed.
	Told func()
}

// Side is the right to be the one bridge on this computer's network: of several
// users' one. Drawn:
//
//	          the name is free
//	waiting ───────────────────> held
//	   ^                          │  somebody of a higher rank waits
//	   └───────── quiet <─────────┘
type Side struct {
	cfg  SideConfig
	name string
	uid  int // ours
	peer func(net.Conn) (uid, pid int)
	held atomic.Bool
	why  atomic.Pointer[string]
}

// NewSide makes a side that is not held; Run asks for it.
func NewSide(cfg SideConfig) *Side {
	return &Side{cfg: cfg, name: networkName, uid: os.Geteuid(), peer: peer}
}

// Held reports whether it is ours, and if not, why.
func (s *Side) Held() (yes bool, why string) {
	if s.held.Load() {
		return true, ""
	}
	if told := s.why.Load(); told != nil {
		return false, *told
	}
	return false, "the network side is being asked for"
}

// Run holds it whenever it may, until ctx is done.
func (s *Side) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l, err := net.Listen("unix", s.name)
		switch {
		case err == nil:
			s.tell(true, "")
			s.hold(ctx, l)
		case errors.Is(err, unix.EADDRINUSE):
			s.wait(ctx)
		default:
			s.tell(false, fmt.Sprintf("network side %s: %v", s.name, text.Cause(err)))
			wake.Pause(ctx, sideAgain)
		}
	}
	return nil
}

func (s *Side) tell(held bool, why string) {
	old := s.why.Swap(&why)
	if s.held.Swap(held) != held || old == nil || *old != why {
		s.cfg.Told()
	}
}

// wait returns when the owner has given it away, or has ended.
func (s *Side) wait(ctx context.Context) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.name)
	if err != nil { // it has gone this moment
		wake.Pause(ctx, soon)
		return
	}
	began := time.Now()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	uid, pid := s.peer(conn)
	s.tell(false, fmt.Sprintf("the aes67-sink of %s owns the network side: it hands over to the one who sits at the computer, and to anybody when it ends", person(uid, pid)))
	_, _ = conn.Read(make([]byte, 1)) // nothing is ever said: it ends
	if time.Since(began) < soon {     // too many wait already
		wake.Pause(ctx, soon)
	}
}

// hold keeps it until ctx is done or somebody else is nearer.
func (s *Side) hold(ctx context.Context, l net.Listener) {
	r := rivals{waiting: map[net.Conn]int{}, changed: make(chan struct{}, 1)}
	var accepting sync.WaitGroup
	accepting.Go(func() { r.accept(ctx, l, s.peer) })
	defer accepting.Wait()
	defer r.close()
	defer func() { _ = l.Close() }()
	for !r.nearer(s.uid, s.cfg.Rank) {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
		case <-s.cfg.Changed:
		}
	}
	s.tell(false, "the network side goes to another user")
	quiet, done := context.WithTimeout(ctx, quietTime)
	s.cfg.Quiet(quiet)
	done()
	_ = l.Close()
	r.close() // this tells those who wait
	wake.Pause(ctx, afterYou)
}

// rivals are those who wait.
type rivals struct {
	mu      sync.Mutex
	closed  bool
	waiting map[net.Conn]int // and their users
	changed chan struct{}
	readers sync.WaitGroup
}

// accept goes on until the listener is closed; without descriptors, say, it tries again.
func (r *rivals) accept(ctx context.Context, l net.Listener, peer func(net.Conn) (uid, pid int)) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			wake.Pause(ctx, soon)
			continue
		}
		uid, _ := peer(conn)
		if !r.add(conn, uid) {
			_ = conn.Close()
			continue
		}
		wake.Signal(r.changed)
	}
}

// add reports whether there is room for one more. Its reader begins under the lock,
// for close waits for those that have begun.
func (r *rivals) add(conn net.Conn, uid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.waiting) >= mostRivals {
		return false
	}
	r.waiting[conn] = uid
	r.readers.Go(func() {
		_, _ = io.Copy(io.Discard, conn) // until it goes
		r.mu.Lock()
		delete(r.waiting, conn)
		r.mu.Unlock()
		_ = conn.Close()
	})
	return true
}

// nearer reports whether one of them has a higher rank than a user.
func (r *rivals) nearer(user int, rank func(uid int) int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := rank(user)
	for _, uid := range r.waiting {
		if rank(uid) > own {
			return true
		}
	}
	return false
}

func (r *rivals) close() {
	r.mu.Lock()
	r.closed = true
	for conn := range r.waiting {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.readers.Wait()
}

// peer tells who is at the other end: the kernel knows (unix(7), SO_PEERCRED). A
// user of -1 is not known.
func peer(conn net.Conn) (uid, pid int) {
	uid = -1
	socket, isUnix := conn.(*net.UnixConn)
	if !isUnix {
		return uid, 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return uid, 0
	}
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid, pid = int(peer.Uid), int(peer.Pid)
		}
	})
	return uid, pid
}
