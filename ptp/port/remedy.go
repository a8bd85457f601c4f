package port

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Remedy says what to do about an error of Open.
func Remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the program that holds the port, then restart"
	case errors.Is(err, os.ErrPermission):
		program, lookErr := os.Executable()
		if lookErr != nil {
			program = "/usr/bin/aes67-sink"
		}
		return fmt.Sprintf("run 'sudo setcap cap_net_bind_service+ep %s', then restart", program)
	default:
		return "restart aes67-sink; if it stays, please report it with the log"
	}
}
