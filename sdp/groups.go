package sdp

import (
	"fmt"
	"net/netip"
	"slices"

	"aes67-sink/aes67"
)

// GroupPrefix is the first two octets of the groups that are derived. Dante
// receivers subscribe within one such prefix only, 239.69 if not set otherwise.
type GroupPrefix [2]byte

// String returns the configuration's form.
func (p GroupPrefix) String() string { return fmt.Sprintf("%d.%d", p[0], p[1]) }

// Contains reports whether a group begins with the prefix.
func (p GroupPrefix) Contains(group netip.Addr) bool {
	return group.Is4() && group.As4()[0] == p[0] && group.As4()[1] == p[1]
}

// A host's groups are one block of the last octet: 31 blocks of eight, the
// octets 1 to 248, so that 0 and 255 never occur. Stream n has the n-th place
// of whatever block it is in, the ninth the first again, some blocks further.
const (
	blockSize = 8
	blocks    = 31
	// further is how many blocks stream 9 is behind stream 1: the two next /24 have
	// those between.
	further = 3
)

// Groups derives the groups of n streams (at most aes67.MaxStreams) from the
// address of the host that sends them. The third octet is the host's last, so
// hosts of one /24 never meet; the block in the last octet comes from the
// host's middle octets, so hosts of a wider network seldom do. A group that is
// used, or that aes67.CheckGroup refuses, is passed over in a fixed order, which
// leaves the other streams' groups as they are. used may be nil.
func Groups(prefix GroupPrefix, host netip.Addr, n int, used func(netip.Addr) bool) ([]netip.Addr, error) {
	if !host.Is4() {
		return nil, fmt.Errorf("groups: host %v: not an IPv4 address", host)
	}
	if n < 0 || n > aes67.MaxStreams {
		return nil, fmt.Errorf("groups: %d streams: must be at most %d", n, aes67.MaxStreams)
	}
	groups := make([]netip.Addr, 0, n)
	taken := func(group netip.Addr) bool { return slices.Contains(groups, group) || used != nil && used(group) }
	for place := range n {
		group, ok := freeGroup(prefix, host.As4(), place, taken)
		if !ok {
			return nil, fmt.Errorf("groups: every group of %v.0.0/16 is in use: give stream.addresses or another stream.address-prefix", prefix)
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// freeGroup tries the blocks of the host's own third octet first, and then
// those of the following ones.
func freeGroup(prefix GroupPrefix, host [4]byte, place int, used func(netip.Addr) bool) (netip.Addr, bool) {
	// 7 and 31 have no common divisor: neighbours in either octet differ.
	home := (7*int(host[1]) + int(host[2]) + further*(place/blockSize)) % blocks
	for probe := range 256 * blocks {
		third := byte(int(host[3]) + probe/blocks)
		block := (home + probe) % blocks
		group := netip.AddrFrom4([4]byte{prefix[0], prefix[1], third, byte(1 + block*blockSize + place%blockSize)})
		if aes67.CheckGroup(group) == nil && !used(group) {
			return group, true
		}
	}
	return netip.Addr{}, false
}
