package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/sdp"
)

// receiveCommand receives streams for a while and reports on them.
func receiveCommand(args []string) error {
	flags := flag.NewFlagSet("receive", flag.ContinueOnError)
	name := interfaceFlag(flags)
	seconds := flags.Float64("seconds", 10, "how long to receive")
	skip := flags.Float64("skip", 0, "`seconds` after the first packet before arrival times are judged")
	window := flags.Float64("window", 0, "the slope is that of the last so many `seconds`; 0: of all")
	prefix := flags.String("wav", "", "write what is received to `PREFIX`-1.wav and so on, one file a stream")
	float := flags.Bool("float", false, "write floats, not 24-bit integers")
	envelope := flags.String("envelope", "", "write the least delay of each second to `PREFIX`-1.csv and so on")
	group := flags.String("group", "", "multicast `address` of a stream given by hand")
	port := flags.Uint("port", 5004, "its port")
	encoding := flags.String("encoding", "L24", "its encoding, L24 or L16")
	rate := flags.Int("rate", 48000, "its sample rate in `Hz`")
	channels := flags.Int("channels", 1, "its channels")
	ptime := flags.String("ptime", "1ms", "its packet time")
	clocks := addClockFlags(flags)
	if err := parse(flags, "[SDP-FILE...]", args); err != nil {
		return err
	}
	clock, clockSource, err := clocks.clock()
	if err != nil {
		return err
	}
	iface, err := findInterface(*name)
	if err != nil {
		return err
	}
	var subscriptions []lab.Subscription
	for _, file := range flags.Args() {
		s, fault := readSession(file)
		if fault != nil {
			return fault
		}
		subscriptions = append(subscriptions, s)
	}
	if *group != "" {
		s, fault := byHand(*group, *port, *encoding, *rate, *channels, *ptime)
		if fault != nil {
			return wrongUsage(flags, "%v", fault)
		}
		subscriptions = append(subscriptions, s)
	}
	if len(subscriptions) == 0 {
		return wrongUsage(flags, "no stream: give session descriptions or -group")
	}

	receivers := make([]*lab.Receiver, len(subscriptions))
	for i, s := range subscriptions {
		cfg := lab.ReceiverConfig{Interface: iface, Subscription: s, Clock: clock, Skip: time.Duration(*skip * 1e9)}
		if *prefix != "" {
			cfg.Record = aes67.FramesIn(time.Duration((*seconds+1)*1e9), s.Stream.Rate)
		}
		if receivers[i], err = lab.NewReceiver(cfg); err != nil {
			return err
		}
		defer func() { _ = receivers[i].Close() }() // closed twice at worst
	}
	ctx, stop := untilSignal()
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*seconds*1e9))
	defer cancel()
	parts, partsCtx := errgroup.WithContext(ctx)
	for _, r := range receivers {
		parts.Go(func() error { return r.Run(partsCtx) })
	}
	if err := parts.Wait(); err != nil {
		return err
	}

	reports := make([]lab.Report, 0, len(receivers))
	for i, r := range receivers {
		reports = append(reports, r.Report(time.Duration(*window*1e9)))
		if *prefix != "" {
			if err := writeRecording(fmt.Sprintf("%s-%d.wav", *prefix, i+1), r, *float); err != nil {
				return err
			}
		}
		if *envelope != "" {
			if err := writeEnvelope(fmt.Sprintf("%s-%d.csv", *envelope, i+1), r); err != nil {
				return err
			}
		}
	}
	return printJSON(map[string]any{"clock": clockSource, "streams": reports})
}

func interfaceFlag(flags *flag.FlagSet) *string {
	name := flags.String("iface", "", "network `interface`")
	flags.StringVar(name, "i", "", "short for -iface")
	return name
}

func findInterface(name string) (net.Interface, error) {
	if name == "" {
		return net.Interface{}, fmt.Errorf("interface: none is named: use -iface")
	}
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return net.Interface{}, fmt.Errorf("interface %q: %w", name, err)
	}
	return *iface, nil
}

// readSession reads a session description; "-" is stdin.
func readSession(name string) (lab.Subscription, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, 65536))
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return lab.Subscription{}, err
	}
	described, err := sdp.Parse(text)
	if err != nil {
		return lab.Subscription{}, fmt.Errorf("%s: %w", name, err)
	}
	s, err := lab.Subscribe(described)
	if err != nil {
		return lab.Subscription{}, fmt.Errorf("%s: %w", name, err)
	}
	if s.Name == "" {
		s.Name = strings.TrimSuffix(filepath.Base(name), ".sdp")
	}
	return s, nil
}

// byHand describes a stream by flags; its payload type may be any.
func byHand(group string, port uint, encoding string, rate, channels int, ptime string) (lab.Subscription, error) {
	address, err := netip.ParseAddr(group)
	if err != nil || !address.Is4() || !address.IsMulticast() {
		return lab.Subscription{}, fmt.Errorf("-group %q: not an IPv4 multicast address", group)
	}
	if port < 1 || port > 65535 || !aes67.ValidRate(aes67.Hz(rate)) || channels < 1 || channels > 64 {
		return lab.Subscription{}, fmt.Errorf("-port %d -rate %d -channels %d: out of range", port, rate, channels)
	}
	s := lab.Subscription{Name: group, Channels: channels, AnyPayload: true}
	s.Stream = aes67.Stream{Group: address, Port: uint16(port), Rate: aes67.Hz(rate)}
	if s.Stream.Encoding, err = aes67.ParseEncoding(encoding); err != nil {
		return s, err
	}
	s.Stream.PacketTime, err = aes67.ParsePacketTime(ptime)
	return s, err
}

func writeRecording(name string, r *lab.Receiver, float bool) error {
	recording := r.Recording()
	format := lab.WAVInt24
	if float {
		format = lab.WAVFloat32
	}
	b, err := recording.WAV().Bytes(format)
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

func writeEnvelope(name string, r *lab.Receiver) error {
	var b strings.Builder
	b.WriteString("mono_s,arrival_less_rtp_instant_us\n")
	for _, l := range r.Envelope() {
		fmt.Fprintf(&b, "%.6f,%.3f\n", float64(l.At)/1e9, float64(l.Delay)/1e3)
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}
