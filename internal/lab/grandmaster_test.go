package lab

import (
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/port"
	"aes67-sink/ptp/wire"
)

const monoSecond = aes67.RawTime(time.Second)

// serveFor runs a grandmaster for simulated seconds and returns what it sent.
func serveFor(t *testing.T, cfg GrandmasterConfig, seconds int) (gm *Grandmaster, sent []wire.Message) {
	t.Helper()
	gm = NewGrandmaster(cfg)
	now := 100 * monoSecond
	gm.Send = func(b []byte) {
		m, err := wire.Decode(b)
		if err != nil {
			t.Fatalf("sent %x: %v", b, err)
		}
		sent = append(sent, m)
		if m.Kind == wire.KindSync {
			gm.Transmitted(m.Kind, m.Sequence, now)
		}
	}
	for end := now + aes67.RawTime(seconds)*monoSecond; now < end; now = max(gm.Next(), now+1) {
		gm.Tick(now)
	}
	return gm, sent
}

func count(sent []wire.Message, kind wire.Kind) (n int) {
	for _, m := range sent {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

func TestGrandmasterKeepsItsIntervals(t *testing.T) {
	cfg := GrandmasterConfig{Identity: aes67.ClockIdentity{1}, Domain: 7, TLV: true}
	cfg.MediaProfile()
	_, sent := serveFor(t, cfg, 20)
	if a, s, f := count(sent, wire.KindAnnounce), count(sent, wire.KindSync), count(sent, wire.KindFollowUp); a != 10 || s != 160 || f != 160 {
		t.Errorf("in 20 s: %d Announces, %d Syncs, %d Follow_Ups; want 10, 160, 160", a, s, f)
	}
	for _, m := range sent {
		if m.Domain != 7 || m.Source.Clock != cfg.Identity {
			t.Fatalf("sent %+v", m)
		}
	}
}

func TestGrandmasterTellsItsTime(t *testing.T) {
	cfg := GrandmasterConfig{
		Identity: aes67.ClockIdentity{1}, OneStep: true,
		Clock: Oscillator{Start: 100 * monoSecond, Epoch: 5_000_000_000, Skew: 100_000},
		Steps: []Step{{At: 110 * monoSecond, By: time.Second}},
	}
	cfg.MediaProfile()
	gm, sent := serveFor(t, cfg, 20)
	if n := count(sent, wire.KindFollowUp); n != 0 {
		t.Errorf("a one-step clock sent %d Follow_Ups", n)
	}
	last := sent[len(sent)-1]
	if want := gm.TimeAt(120*monoSecond - monoSecond/8); last.Kind != wire.KindSync || last.Time.Sub(want).Abs() > time.Microsecond {
		t.Errorf("last Sync %+v, want at %d", last, want)
	}
	if got, want := gm.TimeAt(120*monoSecond), aes67.PTPTime(5_000_000_000+21_000_000_000+2_000_000); got != want {
		t.Errorf("after 20 s, +100 ppm and a step of 1 s it shows %d, want %d", got, want)
	}
	if rate := gm.RateAt(115 * monoSecond); rate < 99_999 || rate > 100_001 {
		t.Errorf("rate %v ppb, want 100000 ppb", rate)
	}
}

func TestGrandmasterAnswersInItsDomain(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    GrandmasterConfig
		domain uint8
		want   int
	}{
		{"a request", GrandmasterConfig{}, 0, 1},
		{"another domain's", GrandmasterConfig{}, 1, 0},
		{"a deaf master", GrandmasterConfig{Deaf: true}, 0, 0},
	} {
		c.cfg.Identity = aes67.ClockIdentity{1}
		gm, sent := serveFor(t, c.cfg, 0)
		sent = sent[:0]
		gm.Send = func(b []byte) {
			m, err := wire.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		asker := wire.PortIdentity{Clock: aes67.ClockIdentity{2}, Port: 1}
		request := wire.Message{Kind: wire.KindDelayReq, Domain: c.domain, Source: asker, Sequence: 5, Correction: 77}
		gm.Datagram(&port.Datagram{Bytes: request.Append(nil), Event: true, At: 200 * monoSecond})
		if len(sent) != c.want {
			t.Errorf("%s: %d answers, want %d", c.name, len(sent), c.want)
		}
		for _, m := range sent {
			if m.Requesting != asker || m.Sequence != 5 || m.Correction != 77 || m.Time != gm.TimeAt(200*monoSecond) {
				t.Errorf("%s: answers %+v", c.name, m)
			}
		}
	}
}
