package pipewire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"aes67-sink/pipewire/pod"
)

const (
	// headSize is that of a message's header (protocol-native, connection.c, HDR_SIZE).
	headSize = 16
	// maxMessage bounds a message in bytes: the longest that a desktop sends, an object's
	// properties, has some kilobytes; the header has room for 16 MiB.
	maxMessage = 1 << 20
	// limit is how long a call may take.
	limit = time.Second
	// maxRights is how many file descriptors may come with one read (connection.c, MAX_FDS).
	maxRights = 1024
)

// The objects that exist from the start, and the numbers that we give to others.
const (
	core     = 0
	client   = 1
	registry = 2
	firstOwn = 3
)

// Opcodes and versions (pipewire/core.h, client.h, node.h, port.h; protocol-native.c has
// the arguments of each).
const (
	coreHello, coreSync, corePong, coreGetRegistry = 1, 2, 3, 5
	coreDone, corePing, coreError                  = 1, 2, 3
	clientUpdateProperties                         = 2
	registryBind                                   = 1
	registryGlobal                                 = 0
	nodeSetParam                                   = 3
	portEnumParams                                 = 2
	portParam                                      = 1
	version                                        = 3 // of all four
)

var endian = binary.NativeEndian

// Socket is where the server of this user listens (pipewire, "Environment variables"), by
// the variables of a process; "" where they tell none.
func Socket(getenv func(string) string) string {
	name := getenv("PIPEWIRE_REMOTE")
	if name == "" {
		name = "pipewire-0"
	}
	if filepath.IsAbs(name) {
		return name
	}
	for _, variable := range []string{"PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"} {
		if directory := getenv(variable); directory != "" {
			return filepath.Join(directory, name)
		}
	}
	return ""
}

// message is one that came.
type message struct {
	to     uint32 // the object that tells it
	opcode byte
	body   []pod.Value
}

// connection is one to a server, for one goroutine.
type connection struct {
	socket *net.UnixConn
	sent   uint32
	in     []byte // what came and was not taken yet
	rights []byte
}

// dial connects and greets; globals are the server's objects by then.
func dial(ctx context.Context, socket string) (c *connection, globals []global, err error) {
	if socket == "" {
		return nil, nil, errors.New("PipeWire: neither PIPEWIRE_REMOTE nor XDG_RUNTIME_DIR says where it listens")
	}
	plain, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, fmt.Errorf("PipeWire at %s: %w", socket, err)
	}
	c = &connection{socket: plain.(*net.UnixConn), rights: make([]byte, unix.CmsgSpace(4*maxRights))}
	deadline := time.Now().Add(limit)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(deadline) {
		deadline = sooner
	}
	_ = c.socket.SetDeadline(deadline) // fails on a closed socket alone
	name := pod.AppendString(pod.AppendString(pod.AppendInt(nil, 1), "application.name"), filepath.Base(os.Args[0]))
	err = errors.Join(
		c.send(core, coreHello, pod.AppendInt(nil, version)),
		c.send(client, clientUpdateProperties, pod.AppendStruct(nil, name)),
		c.send(core, coreGetRegistry, pod.AppendInt(pod.AppendInt(nil, version), registry)))
	if err == nil {
		err = c.sync(func(m message) {
			if g, ok := readGlobal(m); ok {
				globals = append(globals, g)
			}
		})
	}
	if err != nil {
		c.close()
		return nil, nil, fmt.Errorf("PipeWire at %s: %w", socket, err)
	}
	return c, globals, nil
}

func (c *connection) close() { _ = c.socket.Close() }

// send writes one message; arguments are laid end to end.
func (c *connection) send(to uint32, opcode byte, arguments []byte) error {
	body := pod.AppendStruct(nil, arguments)
	b := endian.AppendUint32(nil, to)
	b = endian.AppendUint32(b, uint32(opcode)<<24|uint32(len(body)))
	b = endian.AppendUint32(b, c.sent)
	b = endian.AppendUint32(b, 0) // no file descriptors
	c.sent++
	_, err := c.socket.Write(append(b, body...))
	return err
}

// sync hands on what comes until the server has done all that was asked before.
func (c *connection) sync(on func(message)) error {
	asked := int64(c.sent)
	if err := c.send(core, coreSync, pod.AppendInt(pod.AppendInt(nil, core), int32(asked))); err != nil {
		return err
	}
	return c.until(func(m message) (done bool) {
		if m.to != core {
			on(m)
		}
		return m.to == core && m.opcode == coreDone && len(m.body) >= 2 && m.body[1].Int() == asked
	})
}

// until hands on what comes until that was enough.
func (c *connection) until(enough func(message) bool) error {
	for {
		m, err := c.next()
		switch {
		case err != nil:
			return err
		case enough(m):
			return nil
		case m.to != core:
		case m.opcode == corePing && len(m.body) >= 2:
			pong := pod.AppendInt(pod.AppendInt(nil, int32(m.body[0].Int())), int32(m.body[1].Int()))
			if err := c.send(core, corePong, pong); err != nil {
				return err
			}
		case m.opcode == coreError && len(m.body) >= 4:
			return fmt.Errorf("it refuses: %q (%w)", m.body[3].Text(), unix.Errno(-m.body[2].Int()))
		}
	}
}

// next reads one message. What it holds is valid until the next call.
func (c *connection) next() (message, error) {
	for {
		m, size, err := parse(c.in)
		if err != nil {
			return m, err
		}
		if size > 0 {
			c.in = c.in[size:]
			return m, nil
		}
		b := make([]byte, 16<<10)
		n, rights, _, _, err := c.socket.ReadMsgUnix(b, c.rights)
		closeRights(c.rights[:rights])
		if err != nil {
			return m, err
		}
		if n == 0 {
			return m, io.ErrUnexpectedEOF
		}
		c.in = append(c.in[:len(c.in):len(c.in)], b[:n]...)
	}
}

// parse reads the first message of b; size is 0 while it is not whole.
func parse(b []byte) (m message, size int, err error) {
	if len(b) < headSize {
		return m, 0, nil
	}
	m.to = endian.Uint32(b)
	second := endian.Uint32(b[4:])
	m.opcode = byte(second >> 24)
	length := int(second & 0xFFFFFF)
	if length > maxMessage {
		return m, 0, fmt.Errorf("a message of %d bytes: at most %d make sense", length, maxMessage)
	}
	if len(b) < headSize+length {
		return m, 0, nil
	}
	// What may follow the Struct is for who keeps objects (connection.c, footer).
	if arguments, _, ok := pod.Next(b[headSize : headSize+length]); ok {
		for v := range arguments.Values() {
			m.body = append(m.body, v)
		}
	}
	return m, headSize + length, nil
}

// closeRights closes the file descriptors that came: memory of which nothing is used.
func closeRights(control []byte) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return
	}
	for _, m := range messages {
		descriptors, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range descriptors {
			_ = unix.Close(fd)
		}
	}
}
