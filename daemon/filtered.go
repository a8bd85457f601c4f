package daemon

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"aes67-sink/aes67"
	"aes67-sink/internal/firewall"
	"aes67-sink/ptp"
	"aes67-sink/sdp"
)

// mastersHeard remembers the masters that an interface has had, the latest: one of them
// that is silent now is gone, and nothing keeps it from us, whatever others still say.
type mastersHeard struct {
	index int // of the interface
	all   []aes67.ClockIdentity
}

// mostMastersHeard bounds it.
const mostMastersHeard = 32

// note takes the masters that are heard now.
func (h *mastersHeard) note(index int, masters []ptp.Announcement) {
	if index != h.index {
		h.index, h.all = index, nil
	}
	for i := range masters {
		if m := &masters[i]; m.Interface == index && !slices.Contains(h.all, m.Identity) {
			h.all = append(h.all[max(0, len(h.all)-mostMastersHeard+1):], m.Identity)
		}
	}
}

// unheard returns the grandmaster that others on the network say they follow in our
// domain, where no master at all is heard here, nor was that one. Of several it is the
// lowest, always the same.
func unheard(references []sdp.Reference, clock ptp.Status, masters int, heard []aes67.ClockIdentity) (named aes67.ClockIdentity, filtered bool) {
	if masters > 0 || !clock.Silent {
		return named, false // heard, or it is too early to tell
	}
	for _, r := range references {
		ours := r.Grandmaster == clock.Grandmaster || r.Grandmaster == clock.Own // others follow us, or did
		if r.Domain == clock.Domain && !ours && !slices.Contains(heard, r.Grandmaster) && (!filtered || bytes.Compare(r.Grandmaster[:], named[:]) < 0) {
			named, filtered = r.Grandmaster, true
		}
	}
	return named, filtered
}

// filteredProblem says that something keeps PTP from us.
func filteredProblem(named aes67.ClockIdentity, domain uint8, iface string) string {
	return fmt.Sprintf("others follow the grandmaster %v in domain %d, which is not heard here on %s: %s",
		named, domain, iface, firewall.Advice(os.DirFS("/"), iface))
}

// deafProblem says that what is sent to the PTP group does not come to this program.
func deafProblem(iface string) string {
	return fmt.Sprintf("PTP messages do not reach this program on %s: %s", iface, firewall.LocalAdvice(os.DirFS("/")))
}
