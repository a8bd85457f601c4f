package port

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// discard is where nobody sends from: the discard port of this computer (RFC 863). x/sys
// writes into what it is given, so each call has its own.
func discard() *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}
}

// park makes the sockets deaf, or lets them hear again. Of several sockets on one
// port the kernel gives what is sent to this computer alone to one, so a bridge that
// waits for its turn must not have it: a socket that is connected to somebody hears
// nobody else.
func (p *Sockets) park(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parked == yes {
		return
	}
	p.parked = yes
	for _, fd := range []int{p.event, p.general} {
		if yes {
			_ = unix.Connect(fd, discard()) // it has nothing to refuse
		} else {
			disconnect(fd)
		}
	}
}

// disconnect ends a connection of a datagram socket (connect(2), AF_UNSPEC).
func disconnect(fd int) {
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, _ = unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
}
