package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/mediaclock"
)

func TestASenderThatEndsByItselfHasFailedWhenThatIsTold(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	e := &edges{clock: &mediaclock.Clock{}, log: zerolog.Nop(), wake: make(chan struct{}, 1)}
	ownClock(e.clock) // and no pipeline: the sender breaks off at its first packet
	stream := aes67.Stream{
		Name: "left", Channels: []string{"front-left"}, Group: netip.MustParseAddr("239.69.1.1"), Port: 5004, TTL: 1,
		PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms,
	}
	for range 20 {
		if err := e.StartSender(bridge.Network{Interface: *lo, Address: netip.MustParseAddr("127.0.0.1")}, []aes67.Stream{stream}); err != nil {
			t.Fatal(err)
		}
		<-e.wake
		if e.senderFailed() == "" {
			t.Fatal("the supervisor is woken and finds a sender that runs")
		}
		e.StopSender()
	}
}
