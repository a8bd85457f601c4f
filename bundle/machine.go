package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine are the parts that tell of the program and of the computer, whether a bridge
// runs or not.
func Machine(version string) []Part {
	return []Part{
		Now("version.txt", func() ([]byte, error) { return program(version), nil }),
		Now("kernel.txt", kernel),
		{Name: "os-release.txt", Make: file("/etc/os-release", "/usr/lib/os-release")}, // os-release(5)
		Now("interfaces.txt", interfaces),
		{Name: "process.txt", Make: file("/proc/self/status")},
		{Name: "pressure.txt", Make: file("/proc/pressure/cpu")},
		Now("goroutines.txt", goroutines),
	}
}

// program tells the version, and what of the build is known.
func program(version string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "aes67-sink %s, %s, %s/%s, %d processors\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if info, ok := debug.ReadBuildInfo(); ok {
		b.WriteString(info.String())
	}
	return b.Bytes()
}

// kernel tells its name, and how it was started.
func kernel() ([]byte, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	var b bytes.Buffer
	for _, field := range [][65]byte{u.Sysname, u.Nodename, u.Release, u.Version, u.Machine} {
		b.WriteString(unix.ByteSliceToString(field[:]) + " ")
	}
	line, err := os.ReadFile("/proc/cmdline")
	return append(append(bytes.TrimSpace(b.Bytes()), '\n'), line...), err
}

// file reads the first of several that is there.
func file(paths ...string) func(context.Context) ([]byte, error) {
	return func(context.Context) (text []byte, err error) {
		for _, path := range paths {
			if text, err = os.ReadFile(path); !errors.Is(err, os.ErrNotExist) {
				return text, err
			}
		}
		return nil, err
	}
}

// interfaces tells of each its state, addresses and counters.
func interfaces() ([]byte, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, i := range all {
		fmt.Fprintf(&b, "%d %s: %s, MTU %d, %s\n", i.Index, i.Name, i.Flags, i.MTU, i.HardwareAddr)
		addresses, err := i.Addrs()
		if err != nil {
			fmt.Fprintf(&b, "  addresses: %v\n", err)
		}
		for _, a := range addresses {
			fmt.Fprintf(&b, "  %s\n", a)
		}
		below := filepath.Join("/sys/class/net", i.Name)
		for _, name := range []string{"operstate", "carrier", "speed", "duplex", "carrier_changes"} { // sysfs-class-net
			if text, err := os.ReadFile(filepath.Join(below, name)); err == nil {
				fmt.Fprintf(&b, "  %s %s\n", name, bytes.TrimSpace(text))
			}
		}
		counters, _ := filepath.Glob(filepath.Join(below, "statistics/*")) // an error of the pattern alone
		for _, path := range counters {
			if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) != "0" {
				fmt.Fprintf(&b, "  %s %s\n", filepath.Base(path), bytes.TrimSpace(text))
			}
		}
	}
	return b.Bytes(), nil
}

// goroutines tells how many wait where. In this form the others go on meanwhile, the
// sender among them; for the one with all stacks they stand still.
func goroutines() ([]byte, error) {
	var b bytes.Buffer
	err := pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.Bytes(), err
}
