package bridge

import (
	"aes67-sink/aes67"
	"fmt"
	"testing"
	"time"
)

func TestTrace(t *testing.T) {
	if *livenessSeed < 0 {
		t.Skip()
	}
	d := newDesk(t, uint64(*livenessSeed))
	fmt.Println(d.cfg)
	last, lastTaken := "", aes67.Frames(0)
	_ = lastTaken
	tr := func() {
		st := fmt.Sprint(d.watch.state, d.goal, d.feed.cycle.Load())
		if st != last || (d.now > 1.03e9 && d.now < 1.3e9 && *livenessSeed==1832 && int64(d.now)%5e6<125e3) || int64(d.now)%200e6 < int64(d.cfg.PacketFrames.Duration(d.cfg.StreamRate)) {
			b, _, k := d.rate.loop.Behind(d.now)
			skip, ok := d.place(d.now, d.cfg.PacketFrames)
			fmt.Printf("%v state %d goal %d cycle %d avail %d fill %.0f behind %.0f %v drift %v ready %v place %d %v vain %v joint %v written %d taken %d short %.0f ex %v steep %.3f\n", time.Duration(d.now), d.watch.state, d.goal, d.feed.cycle.Load(), d.feed.ring.Available(), d.rate.loop.Fill(), b, k, d.rate.loop.State(), d.rate.loop.Ready(), skip, ok, d.watch.vain, d.feed.joint, d.feed.ring.Written(), d.feed.taken, d.target.short, d.target.excuse, d.steep)
		}
		last = st
	}
	run := func(l time.Duration) {
		for end := d.now.Add(l); d.now < end; {
			was := d.steep
			d.step()
			if d.steep > was && d.steep > 0.03 {
				fmt.Printf("STEP %.4f at %v state %d\n", d.steep, time.Duration(d.now), d.watch.state)
				st := "x"
				last = st
			}
			tr()
		}
	}
	run(600 * time.Millisecond)
	for range 6 {
		fmt.Println(time.Duration(d.now), d.trouble())
		run(time.Duration(d.random.IntN(300)) * time.Millisecond)
	}
	for until := max(d.graph, d.hands, d.sender); d.now < until || d.gone; {
		d.step()
		tr()
	}
	fmt.Println("first", time.Duration(d.first))
	run(3 * time.Second)
}
