package port_test

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
)

// The daemons of others, as masters and as followers.

// missing names a program that is not installed; empty: all are.
func missing(tools ...string) string {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return tool
		}
	}
	return ""
}

// runPtp4l runs linuxptp until the test ends. It must not touch the machine's
// clock: it runs free, and without the capability to.
func runPtp4l(t *testing.T, ns string, more string) *output {
	t.Helper()
	if tool := missing("ptp4l", "setpriv"); tool != "" {
		t.Skip("not installed:", tool)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "ptp.conf")
	text := "[global]\ntwoStepFlag 1\nnetwork_transport UDPv4\ndelay_mechanism E2E\ntime_stamping software\n" +
		"logSyncInterval -3\nlogMinDelayReqInterval -3\nlogAnnounceInterval 0\nannounceReceiptTimeout 2\nfree_running 1\n" +
		"uds_address " + filepath.Join(dir, "uds") + "\n" + more + "[eth0]\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runReadOnly(t, ns, "ptp4l", "-m", "-q", "-f", conf)
}

// runPtpd runs the other well-known daemon in the same way.
func runPtpd(t *testing.T, ns string, more ...string) *output {
	t.Helper()
	if tool := missing("ptpd", "setpriv"); tool != "" {
		t.Skip("not installed:", tool)
	}
	dir := t.TempDir()
	return runReadOnly(t, ns, append([]string{
		"ptpd", "--interface", "eth0", "--foreground", "--verbose", "--clock:no_adjust=y",
		"--lock-directory", dir, "--global:status_file=" + filepath.Join(dir, "status"),
		"--clock:drift_file=" + filepath.Join(dir, "drift"), "--clock:drift_handling=reset",
	}, more...)...)
}

// runReadOnly runs a PTP daemon in a namespace without the capability to set
// the machine's clock, until the test ends.
func runReadOnly(t *testing.T, ns string, command ...string) *output {
	t.Helper()
	out := &output{}
	cmd := exec.Command("setpriv", append([]string{
		"--bounding-set=-sys_time", "--inh-caps=-sys_time", "ip", "netns", "exec", ns,
	}, command...)...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(command[0] + ": " + out.String())
		}
	})
	return out
}

// output is what a program printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// The bridge serves: another bridge follows it, and so do ptp4l, whose
// reported offset must stay where it is, and ptpd.
func TestServesBridgePtp4lAndPtpdOnVeth(t *testing.T) {
	t.Parallel()
	w := newVeth(t, "s")
	ports, iface := openIn(t, w.pc)
	server, served := run(t, ports, aes67.ClockAuto)
	// It has listened for long enough already, so it serves at once.
	if err := server.Use(iface, netip.MustParseAddr(pcAddr), 6*time.Second); err != nil {
		t.Fatal(err)
	}
	otherPorts, otherIface := openIn(t, w.gm)
	other, followed := run(t, otherPorts, aes67.ClockAuto)
	if err := other.Listen([]int{otherIface.Index}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the master is heard", other, func() bool { return len(other.Heard()) == 1 && other.Heard()[0].Qualified })
	if h, s := other.Heard()[0], other.Snapshot(); h.Interface != otherIface.Index || h.Priority1 != 250 || h.Address.String() != pcAddr ||
		s.State != ptp.Listening || s.Port != ptp.PortDisabled {
		t.Errorf("heard %+v and is %+v, want the server heard and the engine off", h, s)
	}
	if err := other.Use(otherIface, netip.MustParseAddr(gmAddr), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other bridge locks", other, func() bool { return other.Snapshot().State == ptp.Locked })
	var ptpd, out *output
	if tool := missing("ptpd", "setpriv"); tool != "" {
		t.Logf("ptpd is left out: %s is not installed", tool)
	} else {
		ptpd = runPtpd(t, w.gm, "--slaveonly")
	}
	if tool := missing("ptp4l", "setpriv"); tool != "" {
		t.Logf("ptp4l is left out: %s is not installed", tool)
	} else {
		out = runPtp4l(t, w.gm, "slaveOnly 1\npriority1 255\nlogAnnounceInterval 1\nannounceReceiptTimeout 3\nsummary_interval -3\nfreq_est_interval 0\n")
	}
	truth := func(now aes67.RawTime) aes67.PTPTime {
		m, _ := served.Load()
		return m.PTPAt(now)
	}
	f := compare(followed, truth, 12*time.Second)
	t.Log("bridge against bridge:", f)
	if !(f.rms <= 5000) {
		t.Errorf("error rms %.0f ns, want at most 5000 ns", f.rms)
	}
	if s := other.Snapshot(); s.Role != ptp.RoleFollower || s.Grandmaster != server.Snapshot().Grandmaster {
		t.Errorf("the other bridge is %+v, want a follower of the first", s)
	}
	if ptpd != nil {
		eventually(t, "ptpd is a follower", server, func() bool { return strings.Contains(ptpd.String(), "PTP_SLAVE") })
	}
	if out == nil {
		return
	}
	offsets := reportedOffsets(out.String())
	if len(offsets) < 5 {
		t.Fatalf("ptp4l reported %d offsets", len(offsets))
	}
	offsets = offsets[len(offsets)/2:]
	deviation := spreadOf(offsets)
	t.Logf("ptp4l: %d offsets, deviation %.0f ns", len(offsets), deviation)
	if !(deviation <= 20_000) {
		t.Errorf("ptp4l's offset deviates by %.0f ns, want at most 20000 ns", deviation)
	}
}

// deviationOf is the standard deviation.
func deviationOf(list []float64) float64 {
	var mean, spread float64
	for _, o := range list {
		mean += o / float64(len(list))
	}
	for _, o := range list {
		spread += (o - mean) * (o - mean) / float64(len(list))
	}
	return math.Sqrt(spread)
}

// spreadOf is the same by the median of the deviations from the median: one message that a
// machine kept back tells nothing of the clock.
func spreadOf(list []float64) float64 {
	middle := func(x []float64) float64 {
		sorted := slices.Sorted(slices.Values(x))
		return sorted[len(sorted)/2]
	}
	center := middle(list)
	off := make([]float64, len(list))
	for i, o := range list {
		off[i] = math.Abs(o - center)
	}
	return 1.4826 * middle(off) // of a normal distribution
}

// reportedOffsets are those that ptp4l prints, in ns.
func reportedOffsets(out string) (list []float64) {
	for _, m := range regexp.MustCompile(`master offset +(-?\d+)`).FindAllStringSubmatch(out, -1) {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			list = append(list, v)
		}
	}
	return list
}
