package procstat

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/recorder"
)

const ms = aes67.RawTime(time.Millisecond)

// spent is the thread's own time on a processor.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

func TestAThreadIsRead(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own Thread
	defer own.Close()
	if got := own.Read(true); got != (recorder.Thread{}) {
		t.Errorf("of no thread: %+v", got)
	}
	own.Follow(unix.Gettid())
	before := own.Read(true)
	for end := spent(t) + 10*time.Millisecond; spent(t) < end; {
	}
	_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	got := own.Read(true).Less(before)
	if got.Ran < 5*time.Millisecond || got.Ran > 10*time.Second || got.Voluntary == 0 {
		t.Errorf("10 ms of work and a sleep: %+v", got)
	}
	if policy, _ := own.Policy(); policy == "" {
		t.Error("the policy is not known")
	}
	own.Follow(1 << 30) // that is gone
	if policy, realTime := own.Policy(); policy != "" || realTime || own.Read(true) != (recorder.Thread{}) {
		t.Errorf("of a thread that is gone: %q, %+v", policy, own.Read(true))
	}
}

func TestTheComputerIsRead(t *testing.T) {
	var c Computer
	c.Pressed() // what it is depends on the kernel; it must not fail
	for _, name := range []string{"lo", "", "no such interface", "lo"} {
		if dropped, errors := c.Lost(name); dropped != 0 || errors != 0 {
			t.Errorf("%q: %d dropped, %d errors", name, dropped, errors)
		}
	}
}

func TestTextsOfTheKernel(t *testing.T) {
	status := []byte("Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n")
	if v, f := after(status, "\nvoluntary_ctxt_switches:"), after(status, "\nnonvoluntary_ctxt_switches:"); v != 150 || f != 545 {
		t.Errorf("%d, %d", v, f)
	}
	if got := after([]byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=8123\nfull total=1\n"), " total="); got != 8123 {
		t.Error(got)
	}
	if got := numbers([]byte("12 x\n")); got != [3]uint64{12, 0, 0} {
		t.Error(got)
	}
}

func TestEvidenceIsWhatCameBetween(t *testing.T) {
	var s Samples
	if got := s.Between(0, 1, time.Second); got != (recorder.Evidence{}) {
		t.Errorf("without samples: %+v", got)
	}
	for n := range 400 {
		at := aes67.RawTime(n) * 250 * ms
		sample := Sample{Raw: at, Mono: aes67.MonoTime(at), Sender: recorder.Thread{Ran: time.Duration(at / 10), Waited: time.Duration(n) * time.Millisecond}}
		if n >= 390 { // it stood still, waited, and a clock was slewed
			sample.Raw, sample.Mono = at+500*ms, aes67.MonoTime(at+500*ms)+100_000
			sample.Sender.Waited += 20 * time.Millisecond
			sample.Dropped, sample.Pressed = 7, time.Second
		}
		s.Add(sample)
	}
	at := aes67.RawTime(390) * 250 * ms
	got := s.Between(at, at+10*ms, 250*time.Millisecond)
	want := recorder.Evidence{
		Span: time.Second - 250*time.Millisecond, Sender: recorder.Thread{Ran: 25 * time.Millisecond, Waited: 21 * time.Millisecond},
		Usual: recorder.Thread{Ran: 500 * time.Millisecond, Waited: 20 * time.Millisecond}, UsualSpan: usualFor,
		StoodStill: 500 * time.Millisecond, Pressed: time.Second, Dropped: 7, Slewed: got.Slewed,
	}
	if got != want || got.Slewed < 133 || got.Slewed > 134 {
		t.Errorf("%+v, want %+v", got, want)
	}
	s.Add(Sample{Raw: 500 * 250 * ms, Sender: recorder.Thread{Ran: 5}}) // another thread, another interface
	if got := s.Between(500*250*ms-1, 500*250*ms, time.Second); got.Sender.Ran != 5 || got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
}

// BenchmarkRead is what is read at each look, with the switches once a second: 250 µs
// four times a second are 0.1 % of a core.
func BenchmarkRead(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var sender, capture Thread
	var c Computer
	sender.Follow(unix.Gettid())
	capture.Follow(unix.Gettid())
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		sender.Read(n%4 == 0)
		capture.Read(n%4 == 0)
		sender.Policy()
		c.Pressed()
		c.Lost("lo")
	}
}
