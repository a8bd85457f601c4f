package port

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestEachFailureOfThePortsHasItsOwnRemedy(t *testing.T) {
	for _, test := range []struct {
		err      error
		has, not string
	}{
		{os.ErrPermission, "sudo setcap cap_net_bind_service+ep ", "end the program"},
		{fmt.Errorf("ptp: UDP port 319: %w", syscall.EACCES), "sudo setcap", "end the program"},
		{fmt.Errorf("ptp: UDP port 319: %w", syscall.EADDRINUSE), "end the program that holds the port", "setcap"},
		{fmt.Errorf("ptp: eventfd: %w", syscall.EMFILE), "report it", "end the program"},
		{errors.New("no such thing"), "report it", "end the program"},
	} {
		if got := Remedy(test.err, "restart aes67-sink"); !strings.Contains(got, test.has) || strings.Contains(got, test.not) {
			t.Errorf("%v: %q, want %q in it and not %q", test.err, got, test.has, test.not)
		}
	}
}
