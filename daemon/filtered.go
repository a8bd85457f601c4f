package daemon

import (
	"bytes"
	"fmt"
	"os"

	"aes67-sink/aes67"
	"aes67-sink/internal/firewall"
	"aes67-sink/ptp"
	"aes67-sink/sdp"
)

// unheard returns the grandmaster that others on the network say they follow in our
// domain, where no master at all is heard here. Of several it is the lowest, always
// the same.
func unheard(references []sdp.Reference, clock ptp.Status, masters int) (named aes67.ClockIdentity, filtered bool) {
	if masters > 0 || !clock.Silent {
		return named, false // heard, or it is too early to tell
	}
	for _, r := range references {
		ours := r.Grandmaster == clock.Grandmaster // others follow us
		if r.Domain == clock.Domain && !ours && (!filtered || bytes.Compare(r.Grandmaster[:], named[:]) < 0) {
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
