package ssc

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"aes67-sink/internal/speakersim"
	"aes67-sink/ssc/wire"
)

// patience is how long what must not answer is waited for, and much less than what must may
// take on a busy computer.
const patience = time.Second

func device(t *testing.T, c speakersim.Config) (*Device, *speakersim.Speaker) {
	t.Helper()
	s := speakersim.New(c)
	addr, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := NewDevice(addr, 10*patience)
	t.Cleanup(d.Close)
	return d, s
}

func TestGetAndSet(t *testing.T) {
	for _, model := range speakersim.Profiles {
		t.Run(string(model), func(t *testing.T) {
			d, s := device(t, speakersim.Config{Profile: model, Name: "Left"})
			product, err := d.Get(t.Context(), wire.Product)
			if text, _ := product.Text(); err != nil || text != string(model) {
				t.Fatalf("product %s, %v", product, err)
			}
			confirmed, err := d.Set(t.Context(), wire.Level, wire.Float(71))
			if x, _ := confirmed.Float(); err != nil || x != 71 || s.Level() != 71 {
				t.Errorf("confirmed %s, at the speaker %v, %v", confirmed, s.Level(), err)
			}
			confirmed, err = d.Set(t.Context(), wire.Level, wire.Float(500))
			if x, _ := confirmed.Float(); err != nil || x != 120 {
				t.Errorf("clamped to %s, %v; want 120", confirmed, err)
			}
			if levels, err := d.Get(t.Context(), wire.Meter); err != nil {
				t.Errorf("meter %s, %v", levels, err)
			}
		})
	}
}

func refusal(err error) int {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code
}

func TestRefusals(t *testing.T) {
	d, s := device(t, speakersim.Config{Profile: speakersim.KH120II, NoSchema: true})
	if _, err := d.Get(t.Context(), wire.Dimm); refusal(err) != 404 {
		t.Errorf("dimm: %v, want 404", err)
	}
	asked := s.Asked()
	if _, err := d.Get(t.Context(), wire.Dimm); refusal(err) != 404 || s.Asked() != asked {
		t.Errorf("what is absent is asked again: %v", err)
	}
	if _, err := d.Set(t.Context(), wire.Serial, wire.Text("1")); refusal(err) != 405 {
		t.Errorf("serial: %v, want 405", err)
	}
	if _, err := d.Get(t.Context(), "device"); refusal(err) != 400 {
		t.Errorf("container: %v, want 400", err)
	}
	if _, err := d.Set(t.Context(), wire.Level, wire.Int(84)); refusal(err) != 400 {
		t.Errorf("a level without a point: %v, want 400", err)
	}
	l, ok, err := d.Limits(t.Context(), wire.Delay)
	if err != nil || !ok || l.Told || *l.Max != 5760 {
		t.Errorf("limits without a schema: %+v %v %v", l, ok, err)
	}
	if _, err := d.Below(t.Context(), ""); refusal(err) != 400 {
		t.Errorf("schema: %v, want 400", err)
	}
}

func TestLimitsAndSchema(t *testing.T) {
	d, _ := device(t, speakersim.Config{Profile: speakersim.KH80})
	l, ok, err := d.Limits(t.Context(), wire.Brightness)
	if err != nil || !ok || !l.Told || *l.Max != 125 || l.Units != "%" {
		t.Errorf("%+v %v %v", l, ok, err)
	}
	below, err := d.Below(t.Context(), "audio/out")
	if container, known := below["dimm"]; err != nil || !known || container || !below["equalizer"] {
		t.Errorf("%v %v", below, err)
	}
}

func TestLocal(t *testing.T) {
	d, s := device(t, speakersim.Config{})
	s.SetLocal(true)
	if _, err := d.Set(t.Context(), wire.Level, wire.Float(60)); !errors.Is(err, ErrLocal) || s.Level() != 84 {
		t.Errorf("%v at %v dB, want ErrLocal", err, s.Level())
	}
	if _, err := d.Get(t.Context(), wire.Level); err != nil {
		t.Error(err)
	}
	for _, v := range []string{`{"ui":{"control_mode":"LOCAL"}}`, `{"device":{"restore":"FACTORY_DEFAULTS"}}`, `{"ui":{"control_mode":"LOCAL","control_mode":null}}`} {
		if _, err := d.Raw(t.Context(), v); !errors.Is(err, wire.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", v, err)
		}
	}
}

func TestFaultsAreBoundedAndMend(t *testing.T) {
	for name, c := range map[string]struct {
		faults speakersim.Faults
		want   error // nil: it works all the same
	}{
		"slow":       {speakersim.Faults{Slow: time.Minute}, ErrSilent},
		"half open":  {speakersim.Faults{HalfOpen: true}, ErrSilent},
		"garbage":    {speakersim.Faults{Garbage: true}, ErrSilent},
		"few lines":  {speakersim.Faults{Lines: 100}, nil},
		"1000 lines": {speakersim.Faults{Lines: 1000}, ErrGarbled},
		"endless":    {speakersim.Faults{Endless: true}, ErrGarbled},
		"mid-write":  {speakersim.Faults{DropSet: true}, ErrUnreachable},
		"off":        {speakersim.Faults{Off: true}, ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, s := device(t, speakersim.Config{})
			if _, err := d.Get(t.Context(), wire.Level); err != nil {
				t.Fatal(err)
			}
			s.SetFaults(c.faults)
			if c.want == ErrSilent { //nolint:errorlint // it is that very one
				d.timeout = patience
			}
			start := time.Now()
			if _, err := d.Set(t.Context(), wire.Level, wire.Float(60)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if took := time.Since(start); took > 4*patience {
				t.Errorf("took %v", took)
			}
			s.SetFaults(speakersim.Faults{})
			d.timeout = 10 * patience
			if v, err := d.Set(t.Context(), wire.Level, wire.Float(61)); err != nil || !v.Same(wire.Float(61)) || s.Level() != 61 {
				t.Errorf("afterwards: %s, %v, at the speaker %v", v, err, s.Level())
			}
		})
	}
}

func TestLateAnswersAnswerNothingElse(t *testing.T) {
	d, s := device(t, speakersim.Config{})
	s.SetFaults(speakersim.Faults{Slow: patience * 3 / 2})
	d.timeout = patience
	if _, err := d.Set(t.Context(), wire.Level, wire.Float(60)); !errors.Is(err, ErrSilent) {
		t.Fatal(err)
	}
	s.SetFaults(speakersim.Faults{Slow: patience * 2 / 3})
	d.timeout = 10 * patience
	if err := s.Turn("audio/out/level", 50.0); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Get(t.Context(), wire.Level); err != nil || !v.Same(wire.Float(50)) {
		t.Errorf("%s, %v; want 50.0, what it is now", v, err)
	}
}

func TestAnIdleConnectionThatEndedIsMadeAnew(t *testing.T) {
	d, s := device(t, speakersim.Config{})
	for range 3 {
		if _, err := d.Get(t.Context(), wire.Level); err != nil {
			t.Fatal(err)
		}
		s.SetFaults(speakersim.Faults{Off: true})
		s.SetFaults(speakersim.Faults{})
	}
}

func TestContextAndCloseEndARequest(t *testing.T) {
	d, s := device(t, speakersim.Config{})
	d.timeout = time.Hour
	s.SetFaults(speakersim.Faults{HalfOpen: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, err := d.Get(ctx, wire.Level); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() { _, err := d.Get(t.Context(), wire.Level); ended <- err }()
	d.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestAnEndThatComesLateEndsNothingElse: a request that is answered just when its context
// ends leaves the next one its time.
func TestAnEndThatComesLateEndsNothingElse(t *testing.T) {
	d, _ := device(t, speakersim.Config{})
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := d.within(ctx, func() error { cancel(); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Get(t.Context(), wire.Meter); errors.Is(err, ErrSilent) {
			t.Fatal(err)
		}
	}
}

// TestOnlyTheSpeakerThatIsMeantIsSpokenTo: its serial number is asked once a connection,
// and another speaker at its address is set nothing, also where it comes between two writes.
func TestOnlyTheSpeakerThatIsMeantIsSpokenTo(t *testing.T) {
	d, s := device(t, speakersim.Config{Serial: "1"})
	d.Expect("1")
	for range 5 {
		if _, err := d.Set(t.Context(), wire.Level, wire.Float(60)); err != nil {
			t.Fatal(err)
		}
	}
	if asked := s.Asked(); asked != 6 {
		t.Errorf("%d requests for 5 writes, want one more", asked)
	}
	for serial, says := range map[any]string{"2": `answers another speaker, serial "2", not 1`, nil: "answers a speaker that tells no serial number, not 1"} {
		if err := s.Turn("device/identity/serial", serial); err != nil {
			t.Fatal(err)
		}
		s.SetFaults(speakersim.Faults{Off: true})
		s.SetFaults(speakersim.Faults{})
		var another *Another
		if _, err := d.Set(t.Context(), wire.Level, wire.Float(90)); !errors.As(err, &another) || !strings.Contains(err.Error(), says) || s.Level() != 60 {
			t.Errorf("%v, at the speaker %v dB; want %s", err, s.Level(), says)
		}
	}
	if err := s.Turn("device/identity/serial", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Set(t.Context(), wire.Level, wire.Float(61)); err != nil || s.Level() != 61 {
		t.Errorf("it is back: %v, at the speaker %v dB", err, s.Level())
	}
}

func TestManyAtOnce(t *testing.T) {
	d, s := device(t, speakersim.Config{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v, err := d.Set(t.Context(), wire.Mute, wire.Bool(true)); err != nil || !v.Same(wire.Bool(true)) {
				t.Errorf("%s, %v", v, err)
			}
		})
	}
	all.Wait()
	if !s.Muted() {
		t.Error("not muted")
	}
}

// TestUnaskedFlood has a peer that sends without an end before anything is asked.
func TestUnaskedFlood(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		for err == nil {
			_, err = conn.Write(make([]byte, 32<<10))
		}
	}()
	d := NewDevice(l.Addr().(*net.TCPAddr).AddrPort(), patience)
	defer d.Close()
	if _, err := d.Get(t.Context(), wire.Level); !errors.Is(err, ErrGarbled) && !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
}
