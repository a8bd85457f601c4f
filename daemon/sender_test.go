package daemon

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/bridge"
	"aes67-sink/mediaclock"
	"aes67-sink/rtpsend"
)

func TestASenderThatEndsByItselfHasFailedWhenThatIsTold(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	clock, ended := &mediaclock.Clock{}, make(chan struct{}, 1)
	clock.Step(1, 1, 0) // and no pipeline: the sender breaks off at its first packet
	stream := aes67.Stream{
		Name: "left", Channels: []string{"front-left"}, Group: netip.MustParseAddr("239.69.1.1"), Port: 5004, TTL: 1,
		PayloadType: 98, Rate: 48000, PacketTime: aes67.PacketTime1ms,
	}
	s := sender{clock: clock, source: (*bridge.Pipeline)(nil), log: zerolog.Nop(), ended: ended}
	for range 20 {
		if err := s.start(rtpsend.Config{Interface: *lo, Source: netip.MustParseAddr("127.0.0.1"), Streams: []aes67.Stream{stream}, Loop: true}); err != nil {
			t.Fatal(err)
		}
		<-ended
		if got := s.failed(); !strings.HasPrefix(got, "the sender failed: ") {
			t.Fatalf("the supervisor is woken and finds a sender that runs: %q", got)
		}
		s.stop()
	}
}
