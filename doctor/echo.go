package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/ipv4"

	"aes67-sink/internal/mcast"
)

const (
	// SAP's group and port (RFC 2974, 3): a firewall that is set for AES67 lets it in, and
	// it needs no permission.
	echoGroup, echoPort = "239.255.255.255", 9875

	echoTries = 5                      // of them, and not a time, for a computer may stand still
	echoAgain = 200 * time.Millisecond // from one to the next
)

// echo reports whether what is sent to a group by an interface comes back to programs of
// this computer. Nothing of it leaves: it has no hop to live. Those who listen for SAP
// pass over it, for its version is none.
func echo(ctx context.Context, index int) (bool, error) {
	at := netip.AddrPortFrom(netip.MustParseAddr(echoGroup), echoPort)
	in, err := mcast.Listen(at, at.Addr())
	if err != nil {
		return false, err
	}
	defer func() { _ = in.Close() }()
	if err := in.Join(index); err != nil {
		return false, err
	}
	out, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = out.Close() }()
	packet := ipv4.NewPacketConn(out)
	err = errors.Join(packet.SetMulticastTTL(0), packet.SetMulticastLoopback(true), packet.SetMulticastInterface(&net.Interface{Index: index}))
	if err != nil {
		return false, err
	}
	message := []byte("doctor of process " + strconv.Itoa(os.Getpid()))
	heard := make(chan struct{})
	go func() {
		for b := make([]byte, 2048); ; {
			n, _, by, err := in.Receive(b)
			if err != nil {
				return
			}
			if by == index && string(b[:n]) == string(message) {
				close(heard)
				return
			}
		}
	}()
	for try := range echoTries + 1 { // the last is waited for twice
		if try < echoTries {
			if _, err := out.WriteToUDPAddrPort(message, at); err != nil {
				return false, err
			}
		}
		select {
		case <-heard:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(echoAgain):
		}
	}
	return false, nil
}
