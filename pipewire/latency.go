package pipewire

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"aes67-sink/pipewire/pod"
)

// The parameters (spa/param/param.h, props.h, latency.h; spa/utils/type.h).
const (
	paramProps   = 2
	paramLatency = 15

	objectProps       = 0x40002
	propLatencyOffset = 0x1000e // a Long, in ns

	latencyDirection = 1 // ID: 0 is what comes in at the port, and so on from there to the ear
	latencyMaxNs     = 7

	directionInput = 0
)

// typeNode and typePort are what the registry calls them.
const (
	typeNode = "PipeWire:Interface:Node"
	typePort = "PipeWire:Interface:Port"
)

// ErrNoNode says that there is no node of that name.
var ErrNoNode = errors.New("no such node")

// SetLatencyOffset sets what the node of a name, of which there is one, adds to the latency
// that players see. The server takes it for any node, and PipeWire 1.4 and newer heeds it
// for a loopback's, such as module-remap-sink makes: ask Latency what became of it.
func SetLatencyOffset(ctx context.Context, socket, node string, offset time.Duration) error {
	c, globals, err := dial(ctx, socket)
	if err != nil {
		return err
	}
	defer c.close()
	number, err := findNode(globals, node)
	if err != nil {
		return err
	}
	param := pod.AppendInt(pod.AppendID(nil, paramProps), 0) // no flags
	param = pod.AppendObject(param, objectProps, paramProps, pod.Property{Key: propLatencyOffset, Value: pod.AppendLong(nil, int64(offset))})
	err = errors.Join(c.bind(number, typeNode, firstOwn), c.send(firstOwn, nodeSetParam, param))
	if err == nil {
		err = c.sync(func(message) {})
	}
	if err != nil {
		return fmt.Errorf("PipeWire: latency offset of %q: %w", node, err)
	}
	return nil
}

// Latency is the largest that the input ports of a node tell to who plays into them, of
// what is told as a time: the graph's own cycles are left out. No port yet is 0.
func Latency(ctx context.Context, socket, node string) (time.Duration, error) {
	c, globals, err := dial(ctx, socket)
	if err != nil {
		return 0, err
	}
	defer c.close()
	number, err := findNode(globals, node)
	if err != nil {
		return 0, err
	}
	object := uint32(firstOwn)
	for _, g := range globals {
		if g.kind != typePort || g.node != number || g.direction != "in" {
			continue
		}
		query := pod.AppendID(pod.AppendInt(nil, 0), paramLatency)
		query = pod.AppendNone(pod.AppendInt(pod.AppendInt(query, 0), -1)) // from the first, all of them, no filter
		err = errors.Join(err, c.bind(g.number, typePort, object), c.send(object, portEnumParams, query))
		object++
	}
	longest := time.Duration(0)
	if err == nil {
		err = c.sync(func(m message) {
			if d, ok := readLatency(m); ok {
				longest = max(longest, d)
			}
		})
	}
	if err != nil {
		return 0, fmt.Errorf("PipeWire: latency of %q: %w", node, err)
	}
	return longest, nil
}

// bind gives an object of the server a number of our own.
func (c *connection) bind(number uint32, kind string, object uint32) error {
	b := pod.AppendString(pod.AppendInt(nil, int32(number)), kind)
	return c.send(registry, registryBind, pod.AppendInt(pod.AppendInt(b, version), int32(object)))
}

// global is an object of the server, and of its properties those of use.
type global struct {
	number    uint32
	kind      string
	name      string // of a node
	node      uint32 // that a port is of
	direction string // of a port: in or out
}

// readGlobal reads what the registry tells: number, permissions, kind, version, and a
// Struct of a count and as many keys and values.
func readGlobal(m message) (g global, ok bool) {
	if m.to != registry || m.opcode != registryGlobal || len(m.body) < 5 {
		return g, false
	}
	g = global{number: uint32(m.body[0].Int()), kind: m.body[2].Text()}
	key, at := "", 0
	for v := range m.body[4].Values() {
		switch text := v.Text(); {
		case at == 0: // the count
		case at%2 == 1:
			key = text
		case key == "node.name":
			g.name = text
		case key == "port.direction":
			g.direction = text
		case key == "node.id":
			number, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return g, false
			}
			g.node = uint32(number)
		}
		at++
	}
	return g, true
}

// findNode is the node of a name; of two nobody knows which is meant.
func findNode(globals []global, name string) (number uint32, err error) {
	found := 0
	for _, g := range globals {
		if g.kind == typeNode && g.name == name {
			number = g.number
			found++
		}
	}
	if found != 1 {
		return 0, fmt.Errorf("PipeWire: %w: %d are named %q", ErrNoNode, found, name)
	}
	return number, nil
}

// readLatency reads a port's latency for what comes in: sequence number, parameter, index,
// next index, and the Object.
func readLatency(m message) (d time.Duration, ok bool) {
	if m.to < firstOwn || m.opcode != portParam || len(m.body) < 5 || m.body[1].Int() != paramLatency {
		return 0, false
	}
	for key, v := range m.body[4].Properties() {
		switch key {
		case latencyDirection:
			ok = v.Int() == directionInput
		case latencyMaxNs:
			d = time.Duration(v.Int())
		}
	}
	return d, ok
}
