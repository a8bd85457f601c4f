package sdp_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/sdp"
)

func TestGroups(t *testing.T) {
	tests := []struct {
		name   string
		second byte // of the prefix
		host   string
		used   []string
		want   []string
	}{
		{"a host's own", 69, "192.168.10.1", nil, []string{"239.69.1.65", "239.69.1.66"}},
		{"its neighbour in the same /24", 69, "192.168.10.2", nil, []string{"239.69.2.65", "239.69.2.66"}},
		{"the same last octet in the next /24", 69, "192.168.11.1", nil, []string{"239.69.1.73", "239.69.1.74"}},
		{"another prefix", 1, "192.168.10.1", nil, []string{"239.1.1.65", "239.1.1.66"}},
		{"one is used, the other stays", 69, "192.168.10.1", []string{"239.69.1.65"}, []string{"239.69.1.73", "239.69.1.66"}},
		{
			"two in a row are used", 69, "192.168.10.1",
			[]string{"239.69.1.66", "239.69.1.74"},
			[]string{"239.69.1.65", "239.69.1.82"},
		},
		{"host octet 0 where switches would flood", 128, "10.0.4.0", nil, []string{"239.128.1.33", "239.128.1.34"}},
		{"host octet 0 elsewhere", 69, "10.0.4.0", nil, []string{"239.69.0.33", "239.69.0.34"}},
		{"host octet 255 beside SAP", 255, "10.0.4.255", nil, []string{"239.255.0.33", "239.255.0.34"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			prefix := sdp.GroupPrefix{239, test.second}
			used := func(a netip.Addr) bool { return slices.Contains(test.used, a.String()) }
			got, err := sdp.Groups(prefix, ip(test.host), 2, used)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestGroupsAreDistinctFreeAndTheSameAtEveryStart(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		prefix := sdp.GroupPrefix{239, byte(r.Uint32())}
		host := netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		salt, share := r.Uint32(), uint32(r.IntN(10))
		used := func(a netip.Addr) bool { // up to nine in ten
			o := a.As4()
			return (uint32(o[2])*2654435761^uint32(o[3])*40503^salt)>>7%10 < share
		}
		got, err := sdp.Groups(prefix, host, aes67.MaxStreams, used)
		if err != nil {
			t.Fatalf("%v %v: %v", prefix, host, err)
		}
		again, _ := sdp.Groups(prefix, host, aes67.MaxStreams, used)
		if !slices.Equal(got, again) {
			t.Fatalf("%v %v: %v, then %v", prefix, host, got, again)
		}
		fewer, _ := sdp.Groups(prefix, host, 2, used)
		if !slices.Equal(got[:2], fewer) {
			t.Fatalf("%v %v: two streams %v, of many %v", prefix, host, fewer, got)
		}
		for i, g := range got {
			o := g.As4()
			if used(g) || !g.IsMulticast() || [2]byte(o[:2]) != prefix || o[3] == 0 || o[3] == 255 || aes67.CheckGroup(g) != nil {
				t.Fatalf("%v %v: %v", prefix, host, g)
			}
			if slices.Contains(got[:i], g) {
				t.Fatalf("%v %v: twice %v", prefix, host, g)
			}
		}
	}
}

func TestHostsOfOneNetworkHaveGroupsOfTheirOwn(t *testing.T) {
	owner := map[netip.Addr]netip.Addr{}
	for third := range 31 {
		for last := 1; last < 255; last++ {
			host := netip.AddrFrom4([4]byte{10, 20, byte(third), byte(last)})
			groups, err := sdp.Groups(sdp.GroupPrefix{239, 69}, host, 8, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				if other, ok := owner[g]; ok {
					t.Fatalf("%v and %v share %v", host, other, g)
				}
				owner[g] = host
			}
		}
	}
}

func TestGroupsFail(t *testing.T) {
	prefix := sdp.GroupPrefix{239, 69}
	for want, derive := range map[string]func() ([]netip.Addr, error){
		"in use": func() ([]netip.Addr, error) {
			return sdp.Groups(prefix, ip("10.0.0.1"), 1, func(netip.Addr) bool { return true })
		},
		"not an IPv4 address": func() ([]netip.Addr, error) { return sdp.Groups(prefix, ip("fe80::1"), 1, nil) },
		"at most 64":          func() ([]netip.Addr, error) { return sdp.Groups(prefix, ip("10.0.0.1"), 65, nil) },
	} {
		if got, err := derive(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v; want an error with %q", got, err, want)
		}
	}
}
