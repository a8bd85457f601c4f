package pipewire

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aes67-sink/pipewire/pod"
)

// typeProfiler is what pw-top asks, too; the usual configuration has it.
const typeProfiler = "PipeWire:Interface:Profiler"

const (
	profilerProfile = 0 // pipewire/extensions/profiler.h

	// A profile has an object for each graph: its clock, who drives it, and who follows
	// (spa/param/profiler.h).
	profileClock    = 0x10002 // flags, number, name, time, rate
	profileDriver   = 0x10003 // number, name
	profileFollower = 0x20001 // number, name

	clockRate = 4 // of the values of profileClock
)

// GraphRate is the rate, in Hz, of the graph that the node of a name is in. It comes with the next
// profile, of which there is none while nothing runs.
func GraphRate(ctx context.Context, socket, node string) (hz int, err error) {
	c, globals, err := dial(ctx, socket)
	if err != nil {
		return 0, err
	}
	defer c.close()
	number, err := findNode(globals, node)
	if err == nil {
		err = errors.New("the server has no profiler (libpipewire-module-profiler)")
		if i := slices.IndexFunc(globals, func(g global) bool { return g.kind == typeProfiler }); i >= 0 {
			err = c.bind(globals[i].number, typeProfiler, firstOwn)
		}
	}
	if err == nil {
		err = c.until(func(m message) bool {
			hz = readProfile(m, number)
			return hz > 0
		})
	}
	if err != nil {
		return 0, fmt.Errorf("PipeWire: the rate of the graph of %q: %w", node, err)
	}
	return hz, nil
}

// readProfile reads the rate, in Hz, of the graph that a node is in; 0: the profile has none.
func readProfile(m message, node uint32) (hz int) {
	if m.to != firstOwn || m.opcode != profilerProfile || len(m.body) < 1 {
		return 0
	}
	for graph := range m.body[0].Values() {
		rate, ours := uint32(0), false
		for key, v := range graph.Properties() {
			switch key {
			case profileClock:
				at := 0
				for value := range v.Values() {
					if at == clockRate {
						_, rate = value.Ratio()
					}
					at++
				}
			case profileDriver, profileFollower:
				number, _, _ := pod.Next(v.Body)
				ours = ours || number.Type == pod.Int && number.Int() == int64(node)
			}
		}
		if ours {
			return int(rate)
		}
	}
	return 0
}
