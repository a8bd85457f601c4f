package resident

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// one is a part as the kernel tells it (Linux 6.18; lines that do not matter are left out).
func one(head, anonymous string) string {
	return head + "\nSize:               7192 kB\nRss:                6744 kB\nAnonymous:      " + anonymous + " kB\nAnonHugePages:         0 kB\nSwap:                  0 kB\nVmFlags: rd ex mr mw me sd\n"
}

const program = "/usr/bin/aes67-sink"

func TestWhatIsGivenBack(t *testing.T) {
	const code = "00400000-00b06000 r-xp 00000000 fe:00 9979967                            " + program
	for _, c := range []struct {
		name, smaps string
		want        []span
	}{
		{"code", one(code, "    0"), []span{{0x400000, 0xb06000}}},
		{"constants", one("00b06000-0126b000 r--p 00706000 fe:00 9979967    "+program, "0"), []span{{0xb06000, 0x126b000}}},
		{"variables", one("0126b000-012d9000 rw-p 00e6b000 fe:00 9979967    "+program, "0"), nil},
		{"what the linker changed", one("0126b000-012d9000 r--p 00e6b000 fe:00 9979967    "+program, "4"), nil},
		{"what the linker changed, swapped out", strings.Replace(one(code, "0"), "Swap:                  0", "Swap:                  4", 1), nil},
		{"a kernel that does not tell of swap", strings.Replace(one(code, "0"), "Swap:", "Other:", 1), nil},
		{"shared", one("00b06000-0126b000 r--s 00706000 fe:00 9979967    "+program, "0"), nil},
		{"another file", one("00b06000-0126b000 r--p 00706000 fe:00 9979967    "+program+".so", "0"), nil},
		{"a file whose name ends alike", one("00b06000-0126b000 r--p 00706000 fe:00 9979967    /opt"+program, "0"), nil},
		{"no file", one("7f2f8e610000-7f2f8eb00000 r--p 00000000 00:00 0 ", "0"), nil},
		{"turned around", one("00b06000-00a06000 r-xp 00000000 fe:00 9979967    "+program, "0"), nil},
		{"the next one's figures", strings.SplitAfter(one(code, "0"), "\n")[0] + one("7f2f8e610000-7f2f8eb00000 rw-p 00000000 00:00 0 ", "0"), nil},
		{"both", one(code, "0") + one("0126b000-012d9000 rw-p 00e6b000 fe:00 9979967    "+program, "108") + one("00b06000-0126b000 r--p 00706000 fe:00 9979967    "+program, "0"), []span{{0x400000, 0xb06000}, {0xb06000, 0x126b000}}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := unwritten(strings.NewReader(c.smaps), program); !slices.Equal(got, c.want) {
				t.Errorf("%x, want %x", got, c.want)
			}
		})
	}
}

func FuzzSmaps(f *testing.F) {
	own, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.ReplaceAll(string(own), os.Args[0], program))
	f.Add(one("00400000-00b06000 r-xp 00000000 fe:00 9979967    "+program, "0"))
	f.Fuzz(func(t *testing.T, smaps string) {
		for _, s := range unwritten(strings.NewReader(smaps), program) {
			if s.from >= s.to {
				t.Errorf("%x", s)
			}
		}
	})
}

// TestTheProgramGoesOn without its code: less of its file is mapped, and it works.
func TestTheProgramGoesOn(t *testing.T) {
	before := mapped(t)
	bytes, err := GiveBackCode()
	if err != nil {
		t.Fatal(err)
	}
	after := mapped(t)
	t.Logf("%d KB of the file were mapped of %d, now %d", before, bytes/1024, after)
	if bytes == 0 || after >= before {
		t.Errorf("%d KB are mapped, %d before, of %d bytes", after, before, bytes)
	}
}

// mapped is how much of files is mapped, KB.
func mapped(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nRssFile:")
	value, _, _ := strings.Cut(rest, " kB")
	kb, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}
