package doctor

import (
	"context"
	"strings"

	"aes67-sink/internal/text"
)

func checkSoundServer(_ context.Context, f *Facts) Result {
	if f.Bridge != nil && f.Bridge.Sink.Server != "" {
		return well("%s", f.Bridge.Sink.Server)
	}
	s, err := f.sound()
	if err != nil {
		return ill("systemctl --user start pipewire-pulse", "%v", err)
	}
	return well("%s", s.Name)
}

// cd is the rate of compact discs and most shops, in Hz (IEC 60908).
const cd = 44100

func checkSoundRate(_ context.Context, f *Facts) Result {
	s, err := f.sound()
	switch {
	case err != nil:
		return unknown("the sound server does not answer")
	case f.SinkRateHz == cd:
		return fact("programs play into the sink at %d Hz, the sound server mixes at %d Hz", f.SinkRateHz, s.RateHz)
	case f.RateFollows:
		return fact("the sound server mixes at %d Hz, and the sink takes what played last, %d or %d Hz, where the server may switch", s.RateHz, f.SinkRateHz, cd)
	}
	return fact("the sound server mixes at %d Hz, the sink takes %d Hz: music at %.1f kHz passes the server's resampler first", s.RateHz, f.SinkRateHz, cd/1e3)
}

func checkQuantum(ctx context.Context, f *Facts) Result {
	switch s, err := f.sound(); {
	case err != nil:
		return unknown("the sound server does not answer")
	case !strings.Contains(s.Name, "PipeWire"):
		return unknown("%s has no fixed cycle", s.Name)
	}
	set, err := f.PipeWire(ctx)
	if err != nil {
		return unknown("pw-metadata does not tell them: %v", err)
	}
	if forced := set["clock.force-quantum"]; forced != "" && forced != "0" {
		return fact("%s frames each, forced", forced)
	}
	return fact("%s to %s frames each, usually %s at %s Hz; rates allowed: %s",
		set["clock.min-quantum"], set["clock.max-quantum"], set["clock.quantum"], set["clock.rate"], set["clock.allowed-rates"])
}

func checkDefaultSink(_ context.Context, f *Facts) Result {
	s, err := f.sound()
	switch {
	case err != nil:
		return unknown("the sound server does not answer")
	case s.Default == f.SinkID:
		return fact("%s", f.SinkName)
	case !s.SinkThere:
		return fact("%s; %s is not there", s.Default, f.SinkName)
	}
	return fact("%s, not %s: programs that name no output are not heard on the speakers", s.Default, f.SinkName)
}

func checkMuted(_ context.Context, f *Facts) Result {
	switch {
	case f.Bridge == nil || f.Bridge.Sink.Muted == nil:
		return unknown("no bridge has told")
	case *f.Bridge.Sink.Muted:
		return ill("pactl set-sink-mute "+f.Bridge.Sink.ID+" 0", "%s is muted: nothing is heard", f.Bridge.Sink.Name)
	}
	return well("%s is not muted", f.Bridge.Sink.Name)
}

// kit is RealtimeKit's name on the bus.
const kit = "org.freedesktop.RealtimeKit1"

func checkRealtime(ctx context.Context, f *Facts) Result {
	presence, err := f.Bus(ctx, kit)
	if f.Bridge != nil && f.Bridge.Sender != nil {
		s, late := f.Bridge.Sender, f.latePackets()
		switch {
		case s.Why == "":
			return well("the sender has %s priority %d", s.Policy, s.Priority)
		case late == 0:
			return fact("none, %s; no packet was late all the same", s.Why)
		case err == nil && presence == Absent:
			return ill("sudo apt install rtkit", "%s and no real-time priority: %s; RealtimeKit would give it", text.Count(late, "late packet", "late packets"), s.Why)
		}
		return ill(f.RestartCommand, "%s and no real-time priority: %s; it is asked for again at a restart", text.Count(late, "late packet", "late packets"), s.Why)
	}
	switch {
	case f.Realtime():
		return well("this user may have it without RealtimeKit")
	case err != nil:
		return unknown("RealtimeKit: %v", err)
	case presence == Absent:
		return fact("RealtimeKit is not installed, so packets may be late while the computer is busy: sudo apt install rtkit")
	}
	return well("RealtimeKit gives it")
}

// latePackets is how many packets of a stream left late: all leave together.
func (f *Facts) latePackets() (most int) {
	for i := range f.Bridge.Streams {
		most = max(most, int(f.Bridge.Streams[i].Late))
	}
	return most
}

func checkGovernor(_ context.Context, f *Facts) Result {
	governor := f.read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	if governor == "" {
		return unknown("the kernel does not tell how its frequency is chosen")
	}
	return fact("its frequency is chosen by %q", governor)
}
