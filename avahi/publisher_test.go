package avahi

import (
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

var two = []Service{{"left", 8554}, {"right", 8554}}

// publisher runs one on a bus.
func publisher(t testing.TB, b *bus) (p *Publisher, end func()) {
	t.Helper()
	p = New(Config{Connect: b.connect}, zerolog.Nop())
	return p, running(t, p.Run)
}

func (p *Publisher) becomes(t testing.TB, want State) Status {
	t.Helper()
	eventually(t, string(want), func() bool { return p.Snapshot().State == want })
	return p.Snapshot()
}

func (d *daemon) expect(t testing.TB, want ...string) {
	t.Helper()
	eventually(t, strings.Join(want, ", "), func() bool { return slices.Equal(d.lines(), want) })
	d.mu.Lock()
	d.diary = nil
	d.mu.Unlock()
}

func TestPublishesOneGroupAService(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	p, end := publisher(t, b)
	if s := p.Snapshot(); s.State != StateOff || s.Problem != "" {
		t.Errorf("at first %+v", s)
	}
	p.Publish(3, two)
	p.becomes(t, StateRegistering)
	d.group("left", groupEstablished)
	d.group("right", groupEstablished)
	if s := p.becomes(t, StateEstablished); s.Problem != "" || len(s.Collided) != 0 {
		t.Errorf("established: %+v", s)
	}
	d.expect(t, "add left _rtsp._tcp:8554 on 3/0 txt 0", "commit left", "add right _rtsp._tcp:8554 on 3/0 txt 0", "commit right")

	p.Publish(3, []Service{{"left", 8554}, {"right #2", 8554}})
	d.group("right #2", groupEstablished)
	p.becomes(t, StateEstablished)
	d.expect(t, "free right", "add right #2 _rtsp._tcp:8554 on 3/0 txt 0", "commit right #2")

	p.Publish(3, nil)
	p.becomes(t, StateOff)
	d.expect(t, "free left", "free right #2")

	p.Publish(4, two[:1])
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
	end()
	d.expect(t, "add left _rtsp._tcp:8554 on 4/0 txt 0", "commit left", "gone with 1 groups")
}

func TestNamesThatOthersHaveAreReported(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	d.refuses("left", "org.freedesktop.Avahi.CollisionError") // this machine has it
	p, _ := publisher(t, b)
	p.Publish(3, two)
	d.group("right", groupCollision) // the network has it
	eventually(t, "both are reported", func() bool { return len(p.Snapshot().Collided) == 2 })
	p.becomes(t, StateCollision)
	d.expect(t, "refuse left", "add right _rtsp._tcp:8554 on 3/0 txt 0", "commit right", "free right")

	p.Publish(3, []Service{{"left #2", 8554}, {"right #2", 8554}})
	d.group("left #2", groupEstablished)
	d.group("right #2", groupEstablished)
	if s := p.becomes(t, StateEstablished); len(s.Collided) != 0 {
		t.Errorf("after the rename %+v", s)
	}
}

func TestADaemonThatForbidsIsNotAskedAgainAtOnce(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	d.refuses("left", "org.freedesktop.Avahi.NotPermittedError")
	p, _ := publisher(t, b)
	p.Publish(3, two)
	if s := p.becomes(t, StateForbidden); !strings.Contains(s.Problem, "disable-user-service-publishing=no") {
		t.Errorf("problem %q", s.Problem)
	}
	for range 20 {
		p.Publish(3, two)
	}
	p.Publish(3, nil)
	p.becomes(t, StateOff)
	d.expect(t, "refuse left")
}

func TestAHostThatIsRenamedPublishesAnew(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	p, _ := publisher(t, b)
	p.Publish(3, two[:1])
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
	d.becomes(1)
	p.becomes(t, StateRegistering)
	d.expect(t, "add left _rtsp._tcp:8554 on 3/0 txt 0", "commit left", "free left")
	d.becomes(serverRunning)
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
}

func TestADaemonThatComesAndGoes(t *testing.T) {
	b := startBus(t)
	p, _ := publisher(t, b)
	p.Publish(3, two[:1])
	if s := p.becomes(t, StateAbsent); !strings.Contains(s.Problem, "install or start avahi-daemon") {
		t.Errorf("problem %q", s.Problem)
	}
	for range 3 {
		d := b.newDaemon(serverRunning)
		d.group("left", groupEstablished)
		p.becomes(t, StateEstablished)
		d.end()
		p.becomes(t, StateAbsent)
		// The next one uses the same object paths: nothing of it may be freed.
		d.expect(t, "add left _rtsp._tcp:8554 on 3/0 txt 0", "commit left")
	}
	d := b.newDaemon(serverRunning)
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
	d.expect(t, "add left _rtsp._tcp:8554 on 3/0 txt 0", "commit left")
}

func TestABusThatComesAndGoes(t *testing.T) {
	b := startBus(t)
	d := b.newDaemon(serverRunning)
	p, _ := publisher(t, b)
	p.Publish(3, two[:1])
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
	b.end()
	if s := p.becomes(t, StateNoBus); !strings.Contains(s.Problem, "no system D-Bus") {
		t.Errorf("problem %q", s.Problem)
	}
	p.Publish(3, nil)
	p.becomes(t, StateOff)
	p.Publish(3, two[:1])
	p.becomes(t, StateNoBus)
	b.start()
	d = b.newDaemon(serverRunning)
	d.group("left", groupEstablished)
	p.becomes(t, StateEstablished)
}
