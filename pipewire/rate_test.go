package pipewire

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"aes67-sink/pipewire/pod"
)

var profiler = announce(31, typeProfiler)

// profile is a profiler's event of two graphs; ours is the second, in which a node follows.
func profile(ours uint32) []byte {
	graph := func(hz, driver uint32, follower int32) []byte {
		clock := pod.AppendString(pod.AppendInt(pod.AppendInt(nil, 0), 1), "clock.system.monotonic")
		clock = pod.AppendLong(pod.AppendRatio(pod.AppendLong(clock, 1e12), 1, hz), 12345)
		node := func(number int32) []byte {
			return pod.AppendStruct(nil, pod.AppendString(pod.AppendInt(nil, number), "x"))
		}
		return pod.AppendObject(nil, 0x4000a, 0,
			pod.Property{Key: 0x10001, Value: pod.AppendStruct(nil, pod.AppendLong(nil, 57))},
			pod.Property{Key: profileClock, Value: pod.AppendStruct(nil, clock)},
			pod.Property{Key: profileDriver, Value: node(int32(driver))},
			pod.Property{Key: profileFollower, Value: node(follower)})
	}
	return event(firstOwn, profilerProfile, pod.AppendStruct(nil, append(graph(48000, 40, 41), graph(44100, 42, int32(ours))...)))
}

// profiles plays a server that tells of objects, and goes on with profiles.
func profiles(t *testing.T, patience time.Duration, globals [][]byte, told ...[]byte) (int, error) {
	t.Helper()
	const asked = 3 // messages before the Sync
	done := event(core, coreDone, pod.AppendInt(pod.AppendInt(nil, core), asked))
	socket, _ := serve(t, slices.Concat(globals, [][]byte{done}, told))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return GraphRate(ctx, socket, "aes67")
}

func TestGraphRateIsThatOfTheNodesGraph(t *testing.T) {
	for _, c := range []struct {
		name    string
		globals [][]byte
		told    [][]byte
		want    int
		says    string
	}{
		{"a follower", [][]byte{node, profiler}, [][]byte{profile(57)}, 44100, ""},
		{"not in the first profile", [][]byte{node, profiler}, [][]byte{profile(58), profile(57)}, 44100, ""},
		{"no graph of its own", [][]byte{node, profiler}, [][]byte{profile(58)}, 0, "timeout"},
		{"no profiler", [][]byte{node}, nil, 0, "no profiler"},
		{"no node", [][]byte{profiler}, nil, 0, "no such node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			patience := 10 * time.Second
			if c.says == "timeout" {
				patience = 50 * time.Millisecond
			}
			rate, err := profiles(t, patience, c.globals, c.told...)
			if rate != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d Hz, %v; want %d, %q", rate, err, c.want, c.says)
			}
		})
	}
}
