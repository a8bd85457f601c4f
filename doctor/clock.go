package doctor

import (
	"context"
	"fmt"

	"aes67-sink/internal/text"
	"aes67-sink/sdp"
)

// ptpPorts are those of event and general messages (IEEE 1588-2008, Annex D.2).
const eventPort, generalPort = 319, 320

func checkCapability(_ context.Context, f *Facts) Result {
	if f.hasPTP() {
		return well("the bridge has the PTP ports")
	}
	if from := f.read("proc/sys/net/ipv4/ip_unprivileged_port_start"); from != "" {
		var first int
		if _, err := fmt.Sscan(from, &first); err == nil && first <= eventPort {
			return well("every program may have the ports from %d on", first)
		}
	}
	file, _ := f.executable()
	switch capable, err := f.Capable(file); {
	case f.UID == 0:
		return well("root needs none")
	case err != nil:
		return unknown("%s: %v", file, text.Cause(err))
	case !capable:
		return ill("sudo setcap cap_net_bind_service+ep "+file, "%s has no permission for the PTP ports, so it sends by a clock of its own; give it that, then restart the bridge", file)
	}
	return well("%s has it", file)
}

func checkPorts(_ context.Context, f *Facts) Result {
	own := false
	for _, h := range f.holders(eventPort, generalPort) {
		switch {
		case h.name == program, h.pid == 0 && h.uid == f.UID && f.Bridge != nil: // whose files are its own
			own = true
			continue
		case h.unit != "":
			return ill("sudo systemctl disable --now "+h.unit, "another PTP program runs on this computer: %s has UDP ports %d and %d, and what this computer sends to PTP's group does not come back to it; end it", &h, eventPort, generalPort)
		case h.pid == 0:
			return ill("sudo ss -ulpn 'sport = :319 or sport = :320'", "another PTP program runs on this computer: %s has UDP ports %d and %d; the command names it, end it", &h, eventPort, generalPort)
		}
		return ill(fmt.Sprintf("sudo kill %d", h.pid), "another PTP program runs on this computer: %s has UDP ports %d and %d, and what this computer sends to PTP's group does not come back to it; end it", &h, eventPort, generalPort)
	}
	if own {
		return well("the bridge alone has them")
	}
	return well("nobody has them")
}

func checkMasters(_ context.Context, f *Facts) Result {
	switch {
	case f.Bridge == nil:
		return unknown("no bridge has told")
	case len(f.Bridge.Clock.Masters) == 0:
		return fact("none is heard")
	}
	var all []string
	for i := range f.Bridge.Clock.Masters {
		m := &f.Bridge.Clock.Masters[i]
		verb := "not followed"
		if m.Followed {
			verb = "followed"
		}
		all = append(all, fmt.Sprintf("%s %s (%s)", m.Grandmaster, verb, m.Why))
	}
	return fact("%s", text.List(all))
}

func checkDescriptions(_ context.Context, f *Facts) Result {
	if f.Bridge == nil || f.Listing == nil {
		return unknown("no bridge has told what it hears")
	}
	ours := f.Bridge.Clock.Grandmaster
	named := 0
	for i := range f.Listing.Sessions {
		s := &f.Listing.Sessions[i]
		reference, ok := sdp.ParseReference(s.Clock)
		if s.Own || !ok || ours == "" {
			continue
		}
		named++
		theirs := reference.Grandmaster.String()
		if theirs == ours || f.heard(theirs) {
			continue
		}
		return ill("aes67-sink list", "%q of %s goes by grandmaster %s, which is not heard here, and we by %s: the two are not in step; a switch may filter PTP (UDP ports %d and %d), or that sender is on another network", s.Name, s.Source, theirs, ours, eventPort, generalPort)
	}
	return well("%s of others, none by a clock that is not heard", text.Count(named, "session", "sessions"))
}

// heard reports whether a grandmaster announces itself.
func (f *Facts) heard(grandmaster string) bool {
	for i := range f.Listing.Masters {
		if f.Listing.Masters[i].Grandmaster == grandmaster {
			return true
		}
	}
	return false
}
