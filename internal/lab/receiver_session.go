package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

// Subscribe returns what a session description asks a receiver to take.
func Subscribe(d sdp.Description) (Subscription, error) {
	encoding, err := aes67.ParseEncoding(d.Encoding)
	if err != nil {
		return Subscription{}, fmt.Errorf("session %q: %w", d.Name, err)
	}
	s := Subscription{
		Name: d.Name, Channels: d.Channels,
		Stream: aes67.Stream{
			Name: d.Name, Group: d.Group, Port: d.Port, TTL: d.TTL,
			PayloadType: d.Payload, Encoding: encoding, Rate: d.Rate,
		},
	}
	s.Stream.PacketTime, err = packetTimeOf(d.PacketFrames(), d.Rate)
	if err != nil {
		return Subscription{}, fmt.Errorf("session %q: %w", d.Name, err)
	}
	return s, nil
}

// packetTimeOf finds the packet time that has so many frames; two decimals of
// ptime may be half a frame off.
func packetTimeOf(frames aes67.Frames, rate aes67.Hz) (aes67.PacketTime, error) {
	for _, p := range aes67.PacketTimes() {
		if n := p.Frames(rate); frames >= n-1 && frames <= n+1 {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%d frames a packet at %d Hz: no packet time of AES67", frames, rate)
}

// SAPGroup is where sessions of administrative scope are announced
// (RFC 2974, 3).
func SAPGroup() netip.Addr { return netip.AddrFrom4([4]byte{239, 255, 255, 255}) }

// SAPPort is the port of all announcements (RFC 2974, 3).
const SAPPort = 9875

// Announcement is one SAP packet.
type Announcement struct {
	Delete bool
	Hash   uint16
	Origin netip.Addr
	Text   []byte // the session description; of a deletion at least its o= line
}

// parseSAP reads a SAP packet (RFC 2974, 6). Encrypted and compressed ones are
// refused: nobody sends them.
func parseSAP(b []byte) (Announcement, error) {
	if len(b) < 8 {
		return Announcement{}, fmt.Errorf("sap: %d bytes: must be 8 or more", len(b))
	}
	flags := b[0]
	if version := flags >> 5; version != 1 {
		return Announcement{}, fmt.Errorf("sap: version %d: must be 1", version)
	}
	if flags&0x03 != 0 {
		return Announcement{}, errors.New("sap: encrypted or compressed")
	}
	a := Announcement{Delete: flags&0x04 != 0, Hash: binary.BigEndian.Uint16(b[2:])}
	address := 4
	if flags&0x10 != 0 {
		address = 16
	}
	start := 4 + address + 4*int(b[1])
	if len(b) < start {
		return Announcement{}, fmt.Errorf("sap: %d bytes: the header alone has %d", len(b), start)
	}
	a.Origin, _ = netip.AddrFromSlice(b[4 : 4+address])
	text := b[start:]
	// An optional payload type ends with a zero byte.
	if len(text) < 3 || string(text[:3]) != "v=0" && string(text[:2]) != "o=" {
		for i, c := range text {
			if c == 0 {
				if kind := string(text[:i]); kind != "application/sdp" {
					return Announcement{}, fmt.Errorf("sap: payload type %q: must be application/sdp", kind)
				}
				text = text[i+1:]
				break
			}
		}
	}
	a.Text = append([]byte(nil), text...)
	return a, nil
}

// SAPListener hears announcements on one interface.
type SAPListener struct{ conn *net.UDPConn }

// ListenSAP opens the socket, in the network namespace of the calling thread.
func ListenSAP(iface net.Interface) (*SAPListener, error) {
	conn, err := joinGroup(iface, SAPGroup(), SAPPort)
	if err != nil {
		return nil, fmt.Errorf("sap: %v port %d on %s: %w", SAPGroup(), SAPPort, iface.Name, err)
	}
	return &SAPListener{conn}, nil
}

// Run calls heard for each announcement until ctx ends, and closes the socket.
// What cannot be read is passed over.
func (l *SAPListener) Run(ctx context.Context, heard func(Announcement)) error {
	unblock := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer unblock()
	defer func() { _ = l.conn.Close() }()
	reader := newReader(l.conn)
	for {
		a, err := reader.next()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("sap: %w", err)
		}
		if announcement, err := parseSAP(a.datagram); err == nil {
			heard(announcement)
		}
	}
}

// HearSAP calls heard for each announcement on an interface until ctx ends.
func HearSAP(ctx context.Context, iface net.Interface, heard func(Announcement)) error {
	l, err := ListenSAP(iface) //nolint:contextcheck // opening a socket does not wait
	if err != nil {
		return err
	}
	return l.Run(ctx, heard)
}
