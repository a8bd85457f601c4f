package httphost

import (
	"os"
	"strings"
	"testing"
)

func TestOnlyNamesOfThisComputerAreAnswered(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Skip("no host name:", err)
	}
	own, _, _ = strings.Cut(own, ".")
	for host, want := range map[string]bool{
		"": true, "localhost": true, "LOCALHOST:6767": true, "127.0.0.1": true, "10.0.0.7:8554": true, "[::1]:6767": true, "[fe80::1]": true,
		own: true, own + ".local:8554": true, strings.ToUpper(own): true,
		"evil.example": false, "evil.example:8554": false, "localhost.evil.example": false, own + ".evil.example": false,
		"127.0.0.1.evil.example": false, "[evil]": false, "::1:": false, ".": false,
	} {
		if got := Ours(host); got != want {
			t.Errorf("Ours(%q) = %v, want %v", host, got, want)
		}
	}
}
