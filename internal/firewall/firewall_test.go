package firewall

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestAdviceNamesWhatFilters(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const (
		some = "TcpExt: SyncookiesSent IPReversePathFilter TCPTimeouts\nTcpExt: 0 7 1\nIpExt: InOctets\nIpExt: 5\n"
		none = "TcpExt: SyncookiesSent IPReversePathFilter TCPTimeouts\nTcpExt: 9 0 1\n"
	)
	all, one := "proc/sys/net/ipv4/conf/all/rp_filter", "proc/sys/net/ipv4/conf/eth0/rp_filter"
	for name, test := range map[string]struct {
		root fstest.MapFS
		want string
	}{
		"nothing is known":      {fstest.MapFS{}, "a firewall of this computer or a switch filters"},
		"ufw":                   {fstest.MapFS{"etc/ufw/ufw.conf": file("# comment\nENABLED=yes\nLOGLEVEL=low\n")}, `sudo ufw allow "AES67 Speakers"`},
		"ufw, but off":          {fstest.MapFS{"etc/ufw/ufw.conf": file("ENABLED=no\n")}, "a firewall of this computer or a switch filters"},
		"firewalld":             {fstest.MapFS{"run/firewalld.pid": file("12\n")}, "firewall-cmd --permanent --add-service=aes67-sink"},
		"a strict filter":       {fstest.MapFS{all: file("0\n"), one: file("1\n"), "proc/net/netstat": file(some)}, "net.ipv4.conf.eth0.rp_filter=2"},
		"strict for all":        {fstest.MapFS{all: file("1\n"), one: file("0\n"), "proc/net/netstat": file(some)}, "rp_filter=2"},
		"a loose filter":        {fstest.MapFS{all: file("0\n"), one: file("2\n"), "proc/net/netstat": file(some)}, "a firewall of this computer or a switch filters"},
		"strict, none dropped":  {fstest.MapFS{all: file("1\n"), one: file("1\n"), "proc/net/netstat": file(none)}, "a firewall of this computer or a switch filters"},
		"rubbish in the counts": {fstest.MapFS{one: file("1\n"), "proc/net/netstat": file("TcpExt: IPReversePathFilter\nTcpExt:\n\n \x00")}, "a firewall of this computer or a switch filters"},
	} {
		if got := Advice(test.root, "eth0"); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q in it", name, got, test.want)
		}
	}
	vlan := fstest.MapFS{"proc/sys/net/ipv4/conf/eth0.100/rp_filter": file("1\n"), "proc/net/netstat": file(some)}
	if got := Advice(vlan, "eth0.100"); !strings.Contains(got, "net.ipv4.conf.eth0/100.rp_filter=2") {
		t.Errorf("a VLAN: %q", got)
	}
}
