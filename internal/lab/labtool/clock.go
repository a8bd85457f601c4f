package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
	"aes67-sink/mediaclock"
)

// clockFile tells other processes of this machine, in whatever namespace, what
// a grandmaster's clock shows at an instant of CLOCK_MONOTONIC_RAW.
type clockFile struct {
	RawNS   int64   `json:"raw_ns"`
	PTPNS   int64   `json:"ptp_ns"`
	RatePPB float64 `json:"rate_ppb"` // against CLOCK_MONOTONIC_RAW, plus = fast
}

func readClock(name string) (mediaclock.Map, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return mediaclock.Map{}, err
	}
	var f clockFile
	if err := json.Unmarshal(b, &f); err != nil {
		return mediaclock.Map{}, fmt.Errorf("%s: %w", name, err)
	}
	if f.RawNS == 0 || f.PTPNS == 0 {
		return mediaclock.Map{}, fmt.Errorf("%s: raw_ns and ptp_ns must not be 0", name)
	}
	return mediaclock.Map{Raw: aes67.RawTime(f.RawNS), PTP: aes67.PTPTime(f.PTPNS), Rate: aes67.PPB(f.RatePPB)}, nil
}

// clockFlags are those by which a command learns the grandmaster's time.
type clockFlags struct {
	file         *string
	ppm          *float64
	epoch, start *int64
}

func addClockFlags(flags *flag.FlagSet) clockFlags {
	return clockFlags{
		file:  flags.String("clock", "", "`file` with the grandmaster's clock, as labtool gm writes it"),
		ppm:   flags.Float64("gm-ppm", 0, "the grandmaster's rate against CLOCK_MONOTONIC_RAW"),
		epoch: flags.Int64("gm-epoch", 0, "the grandmaster's time in `ns` at -gm-start"),
		start: flags.Int64("gm-start", 0, "an instant of CLOCK_MONOTONIC_RAW in `ns`"),
	}
}

// clock returns the grandmaster's time, nil if nothing was told of it, and
// where it is known from.
func (c clockFlags) clock() (func(aes67.RawTime) aes67.PTPTime, string, error) {
	switch {
	case *c.file != "":
		m, err := readClock(*c.file)
		if err != nil {
			return nil, "", fmt.Errorf("-clock: %w", err)
		}
		return m.PTPAt, *c.file, nil
	case *c.epoch != 0:
		o := lab.Oscillator{Start: aes67.RawTime(*c.start), Epoch: aes67.PTPTime(*c.epoch), Skew: aes67.PPB(*c.ppm * 1000)}
		return o.At, "flags", nil
	case *c.ppm != 0:
		// The rate alone: offsets mean nothing, but the slope does.
		o := lab.Oscillator{Start: rtthread.Raw(), Epoch: 1, Skew: aes67.PPB(*c.ppm * 1000)}
		return o.At, "rate only", nil
	}
	return nil, "none: against CLOCK_MONOTONIC", nil
}
