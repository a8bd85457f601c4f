package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/ptp/port"
)

// speakerCommand is a loudspeaker without sound: it takes every session that is
// announced and shows once a second what each channel does.
func speakerCommand(args []string) error {
	flags := flag.NewFlagSet("speaker", flag.ContinueOnError)
	name := interfaceFlag(flags)
	origin := flags.String("origin", "", "take sessions from this `address` only")
	master := flags.Bool("gm", false, "be the network's PTP grandmaster too (ports 319 and 320)")
	ppm := flags.Float64("gm-ppm", 0, "its rate against CLOCK_MONOTONIC_RAW; implies -gm")
	domain := flags.Uint("gm-domain", 0, "its PTP domain")
	seconds := flags.Float64("seconds", 0, "end after so long; 0: with Ctrl-C")
	lines := flags.Bool("lines", false, "print lines even on a terminal, do not redraw")
	if err := parse(flags, "", args); err != nil {
		return err
	}
	flags.Visit(func(f *flag.Flag) { *master = *master || f.Name == "gm-ppm" })
	if flags.NArg() > 0 || *domain > 127 || *ppm < -1000 || *ppm > 1000 {
		return wrongUsage(flags, "takes no arguments, -gm-domain up to 127 and -gm-ppm up to ±1000")
	}
	s := &speaker{sessions: map[sessionKey]*session{}, redraw: !*lines && isTerminal(os.Stdout)}
	var err error
	if *origin != "" {
		if s.origin, err = netip.ParseAddr(*origin); err != nil {
			return wrongUsage(flags, "-origin %q: not an address", *origin)
		}
	}
	if s.iface, err = findInterface(*name); err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	if *seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*seconds*1e9))
		defer cancel()
	}

	parts, partsCtx := errgroup.WithContext(ctx)
	if *master {
		var serve func(context.Context) error
		if serve, s.clock, err = grandmaster(s.iface, uint8(*domain), aes67.PPB(*ppm*1000)); err != nil {
			return err
		}
		parts.Go(func() error { return serve(partsCtx) })
	}
	parts.Go(func() error { return lab.HearSAP(partsCtx, s.iface, func(a lab.Announcement) { s.heard(partsCtx, a) }) })
	parts.Go(func() error { return s.show(partsCtx) })
	err = parts.Wait()
	s.endAll()
	return err
}

// grandmaster prepares the lab's grandmaster on an interface: what to run, and
// what its clock shows.
func grandmaster(iface net.Interface, domain uint8, rate aes67.PPB) (serve func(context.Context) error, clock func(aes67.RawTime) aes67.PTPTime, err error) {
	address, err := addressOf(iface)
	if err != nil {
		return nil, nil, err
	}
	ports, err := port.Open(46) // EF, AES67's default for the clock
	if err != nil {
		return nil, nil, fmt.Errorf("grandmaster: %w", err)
	}
	cfg := lab.GrandmasterConfig{
		// Civil time is near enough: nobody asks this clock for it.
		Clock:    lab.Oscillator{Start: rtthread.Raw(), Epoch: aes67.PTPTime(time.Now().UnixNano()), Skew: rate},
		Identity: aes67.ClockIdentityFromMAC(iface.HardwareAddr),
		Domain:   domain,
	}
	cfg.MediaProfile()
	master := lab.NewGrandmaster(cfg)
	return func(ctx context.Context) error {
		defer ports.Close()
		return master.Serve(ctx, ports, iface, address, rtthread.Raw)
	}, master.TimeAt, nil
}

func addressOf(iface net.Interface) (netip.Addr, error) {
	addresses, err := iface.Addrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("interface %s: %w", iface.Name, err)
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			if address, ok := netip.AddrFromSlice(network.IP.To4()); ok {
				return address, nil
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("interface %s: has no IPv4 address", iface.Name)
}
