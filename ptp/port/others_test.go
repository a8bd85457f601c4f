package port

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
)

// announce is an Announce of a clock, as it comes in.
func announce(id aes67.ClockIdentity, sequence uint16, ifindex int, group bool) *Datagram {
	m := wire.Message{Kind: wire.KindAnnounce, Source: wire.PortIdentity{Clock: id, Port: 1}, Sequence: sequence, LogInterval: 1}
	m.Properties = wire.Properties{Priority1: 100, Class: 248, Accuracy: 0xFE, Variance: 0xFFFF, Priority2: 128, Identity: id}
	return &Datagram{Bytes: m.Append(nil), Interface: ifindex, Group: group, From: loopback}
}

func TestMastersCountByTheGroupOnly(t *testing.T) {
	for _, ifindex := range []int{quietInterface, quietInterface + 1} {
		r := newRunning(t, aes67.ClockFollower)
		for i := range uint16(3) {
			r.loop.Datagram(announce(aes67.ClockIdentity{9}, i, ifindex, false))
			r.alone(time.Second)
		}
		if n := len(r.Heard()); n != 0 {
			t.Errorf("interface %d: %d masters heard by unicast, want none", ifindex, n)
		}
		r.loop.Datagram(announce(aes67.ClockIdentity{9}, 3, ifindex, true))
		if n := len(r.Heard()); n != 1 {
			t.Errorf("interface %d: %d masters heard by the group, want 1", ifindex, n)
		}
	}
}

func TestOurOwnMessagesOnASecondInterfaceAreOurs(t *testing.T) {
	r := newRunning(t, aes67.ClockGrandmaster)
	r.loop.self = self
	r.loop.Datagram(announce(self.Clock, 1, quietInterface+1, true))
	if n := len(r.Heard()); n != 0 {
		t.Errorf("we hear %d masters, and it is ourselves", n)
	}
}

func TestAnswersAreLimited(t *testing.T) {
	var b bucket
	const start = 1000 * aes67.RawTime(time.Second)
	given := 0
	for i := range 100_000 { // a flood of 100 000 a second
		if b.take(start + aes67.RawTime(i*10_000)) {
			given++
		}
	}
	if given < answersEach || given > answersEach+answersBurst+answersEach/100 {
		t.Errorf("%d of 100 000 answered within a second, want %d and the burst", given, answersEach)
	}
	b = bucket{}
	for i := range 20_000 { // 250 followers that ask 8 times a second, for ten
		if !b.take(start + aes67.RawTime(i*500_000)) {
			t.Fatalf("request %d of honest followers refused", i)
		}
	}
}

func TestOurIdentityIsNobodyElses(t *testing.T) {
	mac := net.HardwareAddr{0x00, 0x1B, 0x21, 0x01, 0x02, 0x03}
	addr := netip.MustParseAddr("10.0.0.1")
	id := ownIdentity(mac, addr)
	if id == aes67.ClockIdentityFromMAC(mac) {
		t.Errorf("%v is what any other PTP program here calls itself", id)
	}
	if want := (aes67.ClockIdentity{0x00, 0x1B, 0x21, 0xFF, 0xFF, 0x01, 0x02, 0x03}); id != want {
		t.Errorf("%v, want %v", id, want)
	}
	if id := ownIdentity(nil, addr); id != (aes67.ClockIdentity{2, 0, 0, 0xFF, 10, 0, 0, 1}) {
		t.Errorf("without a hardware address: %v", id)
	}
}

const udpHeader = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

func udpLine(port, inode string) string {
	return "  " + port + ": 00000000:" + port + " 00000000:0000 07 00000000:00000000 00:00000000 00000000   116        0 " + inode + " 2 0000000000000000 0\n"
}

func TestForeignSocket(t *testing.T) {
	for _, test := range []struct {
		table string
		inode uint64
	}{
		{udpHeader + udpLine("14E9", "1") + udpLine("013F", "100") + udpLine("0140", "101"), 0},
		{udpHeader + udpLine("013F", "100") + udpLine("013F", "77") + udpLine("0140", "101"), 77},
		{udpHeader + udpLine("0140", "78"), 78},
		{udpHeader, 0},
		{"", 0},
		{"013F :013F\n", 0},
	} {
		inode, uid := foreignSocket([]byte(test.table), [2]uint64{100, 101})
		if inode != test.inode || inode != 0 && uid != 116 {
			t.Errorf("%q: inode %d of user %d, want %d of 116", test.table, inode, uid, test.inode)
		}
	}
}

func TestProgramOf(t *testing.T) {
	dir := t.TempDir()
	fds := filepath.Join(dir, "42", "fd")
	if err := os.MkdirAll(fds, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("socket:[77]", filepath.Join(fds, "5")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "42", "comm"), []byte("ptp4l\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := programOf(dir, 77, 0); got != "ptp4l (process 42)" {
		t.Errorf("got %q", got)
	}
	if got := programOf(dir, 78, 116); got != "a program of user 116" {
		t.Errorf("of one that may not be seen: %q", got)
	}
}

func TestAnotherPTPProgramIsNoticedAndNamed(t *testing.T) {
	r := newRunning(t, aes67.ClockAuto)
	table := filepath.Join(t.TempDir(), "udp")
	r.loop.udpTable = table
	tell := func(text string) {
		if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.alone(20 * time.Second)
	}
	tell(udpHeader + udpLine("013F", "18446744073709551000")) // a socket that nobody holds
	if s := r.Snapshot(); s.Role == ptp.RoleGrandmaster || !strings.Contains(s.Problem, "a program of user 116") {
		t.Errorf("%v, %q; want no grandmaster, and the program named", s.Role, s.Problem)
	}
	tell(udpHeader)
	if s := r.Snapshot(); s.Role != ptp.RoleGrandmaster || strings.Contains(s.Problem, "another PTP program") {
		t.Errorf("when it has ended: %v, %q; want grandmaster", s.Role, s.Problem)
	}
}

func TestMembershipIsRenewedInSilence(t *testing.T) {
	r := newRunning(t, aes67.ClockFollower)
	if err := r.Listen([]int{1}); err != nil {
		t.Skip("no multicast on the loopback interface:", err)
	}
	renewed := func(d time.Duration, each func()) (n int) {
		for end := r.now.Add(d); r.now < end; {
			each()
			before := r.loop.heardAt[1]
			r.alone(time.Second)
			if r.loop.heardAt[1] != before {
				n++
			}
		}
		return n
	}
	nothing := func() {}
	r.turn() // listens
	if n := renewed(membershipTime-time.Second, nothing); n != 0 {
		t.Fatalf("renewed %d times before its time", n)
	}
	if n := renewed(10*time.Minute, nothing); n < 18 || n > 21 {
		t.Errorf("renewed %d times in ten minutes of silence, want each %v", n, membershipTime)
	}
	if n := renewed(100*time.Second, func() { r.loop.Datagram(announce(aes67.ClockIdentity{9}, 0, 1, true)) }); n != 0 {
		t.Errorf("renewed %d times although messages came", n)
	}
}

func TestAComputerThatSleptBeginsAnew(t *testing.T) {
	r := newRunning(t, aes67.ClockAuto)
	r.loop.self = self
	slept := time.Duration(0)
	r.ports.readings = func() (Readings, bool) {
		all, _ := r.readings()
		for _, p := range []*Pair{&all.Boot, &all.Real} {
			p.Inner += int64(slept)
		}
		return all, true
	}
	r.alone(20 * time.Second)
	if s := r.Snapshot(); s.Role != ptp.RoleGrandmaster {
		t.Fatalf("%v, want grandmaster", s.Role)
	}
	before, _ := r.loop.tether.Clock.Load()
	slept = 8 * time.Hour
	awake := make(chan struct{})
	go func() { r.Awake(); close(awake) }()
	for asked := false; !asked; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		asked = len(r.commands) > 0
		r.mu.Unlock()
	}
	r.turn()
	<-awake
	if s := r.Snapshot(); !s.Stale || s.State == ptp.Locked {
		t.Errorf("who asks first is told of a clock that is right: %+v", s)
	}
	r.alone(3 * time.Second)
	if s := r.Snapshot(); s.Role == ptp.RoleGrandmaster {
		t.Error("serves at once with a time that stood still")
	}
	r.alone(10 * time.Second)
	after, _ := r.loop.tether.Clock.Load()
	gained := after.PTPAt(r.now).Sub(before.PTPAt(r.now))
	if s := r.Snapshot(); s.Role != ptp.RoleGrandmaster || s.Stale || s.Steps != 1 || (gained-slept).Abs() > time.Millisecond {
		t.Errorf("%v, %d steps, the clock gained %v; want grandmaster, one step, %v", s.Role, s.Steps, gained, slept)
	}
}

// TestWhatWasListenedToBeforeASleepDoesNotCount: the time asleep is not counted, and so an
// interface chosen a moment after it seems to have been listened to all along.
func TestWhatWasListenedToBeforeASleepDoesNotCount(t *testing.T) {
	w := newWalled(t, true)
	w.pass(time.Second)
	w.loop.mu.Lock()
	w.loop.wake()
	w.loop.mu.Unlock()
	w.pass(100 * time.Millisecond)
	if err := w.Use(net.Interface{Index: 1, Name: "lo"}, loopback, time.Minute); err != nil {
		t.Fatal(err)
	}
	if roles, _ := w.pass(3 * time.Second); roles[ptp.RoleGrandmaster] {
		t.Error("serves at once, though whoever does by now has not been heard")
	}
	if roles, _ := w.pass(10 * time.Second); !roles[ptp.RoleGrandmaster] {
		t.Errorf("roles %v, want it to serve where nobody else does", roles)
	}
}
