package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// TestToSingleReceivers plays to two addresses in place of groups: each gets its channel,
// by a description without TTL and source filter, and nobody is told by SAP.
func TestToSingleReceivers(t *testing.T) {
	shared(t)
	measured(t, func(t *attempt) {
		w := newWire(t)
		mustOutput(t, nil, "ip", "-n", w.prefix+"-"+speaker, "addr", "add", "10.67.0.3/24", "dev", "eth0")
		var announced atomic.Int64
		w.inside(t, speaker, func(eth0 net.Interface) error {
			ears, err := lab.ListenSAP(eth0)
			if err == nil {
				beside(t, "sap", func(ctx context.Context) error {
					return ears.Run(ctx, func(lab.Announcement) { announced.Add(1) })
				})
			}
			return err
		})
		s := startServer(t, "pipewire")
		b := startBridge(t, w, s, "--set", "network.interface=eth0", "--set", `stream.addresses=["10.67.0.2", "10.67.0.3"]`)
		b.loud(15 * time.Second)
		s.realtime()
		b.sends(40 * time.Second)
		s.play(makeTones(t, 60*time.Second))
		b.playing(5 * time.Second)
		var own [2]listener
		for i, description := range b.descriptions() {
			text := string(must(os.ReadFile(description)))
			address := fmt.Sprintf("10.67.0.%d", 2+i)
			if strings.Count(text, "c=IN IP4 "+address+"\r\n") != 2 || strings.Contains(text, "source-filter") {
				t.Errorf("the description to %s:\n%s", address, text)
			}
			own[i] = listen(t, w, description, nil, 30*time.Second)
		}
		from := rtthread.Now()
		own[0].enough(t, leftHz, from, 3*time.Second)
		own[1].heardUntil(t, rtthread.Now())
		for i, side := range sides {
			own[i].judgeContinuity(t, side.name)
			judgeTone(t, side.name, own[i].heard().since(from), 3*time.Second, side, ofSound(0))
			if ttl := own[i].Report(0).TTL; ttl != 15 {
				t.Errorf("%s: TTL %d, want 15", side.name, ttl)
			}
		}
		if n := announced.Load(); n > 0 {
			t.Errorf("%d announcements by SAP, want none", n)
		}
	})
}
