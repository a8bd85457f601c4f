package port

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Remedy says what to do about an error of Open; restart is the command for that.
func Remedy(err error, restart string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the program that holds the port, then " + restart
	case errors.Is(err, os.ErrPermission):
		program, lookErr := os.Executable()
		if lookErr != nil {
			program = "/usr/bin/aes67-sink"
		}
		return fmt.Sprintf("run 'sudo setcap cap_net_bind_service+ep %s', then %s", program, restart)
	default:
		return restart + "; if it stays, please report it with the log"
	}
}
