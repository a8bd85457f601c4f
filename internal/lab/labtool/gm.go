package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/ptp/port"
)

// gmCommand is the scripted PTP grandmaster: its time is a known function of
// CLOCK_MONOTONIC_RAW, which it tells on stdout and, with -clock, in a file.
func gmCommand(args []string) error {
	flags := flag.NewFlagSet("gm", flag.ContinueOnError)
	name := interfaceFlag(flags)
	ppm := flags.Float64("ppm", 0, "rate against CLOCK_MONOTONIC_RAW, plus = fast")
	wander := flags.Float64("wander-ppm", 0, "swing of the rate about that, as a sine")
	period := flags.Duration("wander-period", 20*time.Second, "period of the swing")
	oneStep := flags.Bool("one-step", false, "tell T1 in Sync itself; in software that is good to some 10 µs")
	arb := flags.Bool("arb", false, "a timescale of its own: ptpTimescale is not set")
	epoch := flags.Duration("epoch-offset", 0, "added to International Atomic Time, as far as the computer knows it")
	domain := flags.Uint("domain", 0, "PTP domain, 0 to 127")
	announceLog := flags.Int("announce-log", 1, "log2 of the seconds between Announces")
	syncLog := flags.Int("sync-log", -3, "log2 of the seconds between Syncs")
	delayLog := flags.Int("delay-req-log", -3, "log2 of the seconds between Delay_Reqs that is asked for")
	priority1 := flags.Uint("priority1", 128, "priority1, 1 to 255")
	class := flags.Uint("class", 248, "clockClass, 1 to 255")
	jitter := flags.Duration("jitter", 0, "one-sided random delay each way, up to this, put into the timestamps it tells")
	dscp := flags.Int("dscp", 46, "DSCP of its packets")
	file := flags.String("clock", "", "`file` to write its clock to, for the other commands; constant rate only")
	seconds := flags.Float64("seconds", 0, "how long; 0: until a signal")
	if err := parse(flags, "", args); err != nil {
		return err
	}
	switch {
	case *name == "":
		return wrongUsage(flags, "-i: no interface is named")
	case *domain > 127:
		return wrongUsage(flags, "-domain %d: must be 0 to 127", *domain)
	case *priority1 < 1 || *priority1 > 255:
		return wrongUsage(flags, "-priority1 %d: must be 1 to 255", *priority1)
	case *class < 1 || *class > 255:
		return wrongUsage(flags, "-class %d: must be 1 to 255", *class)
	case min(*announceLog, *syncLog, *delayLog) < -7 || max(*announceLog, *syncLog, *delayLog) > 5:
		return wrongUsage(flags, "an interval of 2^%d s: must be -7 to 5", max(*announceLog, *syncLog, *delayLog))
	case *file != "" && *wander != 0:
		return wrongUsage(flags, "-clock %s: a file cannot tell of a wander of %g ppm", *file, *wander)
	}
	iface, err := findInterface(*name)
	if err != nil {
		return err
	}
	addr, err := addressOf(iface)
	if err != nil {
		return err
	}
	ports, err := port.Open(*dscp)
	if err != nil {
		return err
	}
	defer ports.Close()

	start := rtthread.Raw()
	cfg := lab.GrandmasterConfig{
		Clock: lab.Oscillator{
			Start: start, Epoch: ports.TAI(start).Add(*epoch),
			Skew: aes67.PPB(*ppm * 1000), Wander: aes67.PPB(*wander * 1000), Period: *period,
		},
		Identity: aes67.ClockIdentityFromMAC(iface.HardwareAddr),
		Domain:   uint8(*domain), Priority1: uint8(*priority1), Class: uint8(*class),
		ARB: *arb, OneStep: *oneStep,
		AnnounceLog: int8(*announceLog), SyncLog: int8(*syncLog), DelayReqLog: int8(*delayLog),
		Seed: uint64(start),
	}
	if cfg.Identity.IsZero() {
		cfg.Identity = aes67.ClockIdentity{2, 0, 0, 0xFF, 0xFE, 0, 0, 1} // loopback has no hardware address
	}
	if *jitter > 0 {
		cfg.Noise = lab.Uniform(*jitter)
	}
	told := clockFile{RawNS: int64(start), PTPNS: int64(cfg.Clock.Epoch), RatePPB: float64(cfg.Clock.Skew)}
	if *file != "" {
		if err := writeClock(*file, told); err != nil {
			return err
		}
	}
	if err := printJSON(struct {
		Interface string `json:"interface"`
		Address   string `json:"address"`
		Identity  string `json:"identity"`
		Domain    uint8  `json:"domain"`
		clockFile
	}{iface.Name, addr.String(), cfg.Identity.String(), cfg.Domain, told}); err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	if *seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*seconds*float64(time.Second)))
		defer cancel()
	}
	return lab.NewGrandmaster(cfg).Serve(ctx, ports, iface, addr, rtthread.Raw)
}

// writeClock writes the file whole or not at all: others poll for it.
func writeClock(name string, f clockFile) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), ".clock-*")
	if err != nil {
		return fmt.Errorf("-clock: %w", err)
	}
	_, err = temporary.Write(append(b, '\n'))
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return fmt.Errorf("-clock %s: %w", name, err)
	}
	return nil
}
