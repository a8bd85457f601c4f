package doctor

import (
	"context"

	"aes67-sink/internal/text"
)

func checkAnnounce(_ context.Context, f *Facts) Result {
	if f.Bridge == nil || f.Bridge.Announce.SAP == "" {
		return unknown("no bridge announces")
	}
	return fact("SAP %s", f.Bridge.Announce.SAP)
}

// avahiName is Avahi's on the bus.
const avahiName = "org.freedesktop.Avahi"

func checkAvahi(ctx context.Context, f *Facts) Result {
	if f.Bridge != nil && f.Bridge.Announce.MDNS == "established" {
		return well("the sessions are published by mDNS")
	}
	const so = "so RAVENNA receivers do not list the streams"
	switch presence, err := f.Bus(ctx, avahiName); {
	case err != nil:
		return unknown("%v", err)
	case presence == Absent:
		return ill("sudo apt install avahi-daemon", "not installed, or switched off, %s", so)
	case presence == Startable:
		return ill("sudo systemctl enable --now avahi-daemon", "not running, %s", so)
	}
	return well("runs")
}

func checkOthers(_ context.Context, f *Facts) Result {
	if f.Bridge == nil {
		return unknown("no bridge has listened; aes67-sink list does, for half a minute")
	}
	return fact("%s and %s", text.Count(f.Bridge.Heard.Sessions, "session", "sessions"), text.Count(f.Bridge.Heard.Masters, "PTP master", "PTP masters"))
}
