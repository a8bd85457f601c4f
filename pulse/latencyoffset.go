package pulse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
	"aes67-sink/internal/wake"
	"aes67-sink/pipewire"
)

// A null sink tells players nothing of what comes behind it: their picture is ahead of the
// sound by all of our latency. PipeWire 1.4 and newer has a sink that does: a remap sink,
// whose loopback heeds latencyOffsetNsec (module-loopback.c, since 1.4.0). It has the
// null sink's name, label and volume, and plays into a null sink that nobody sees, in the
// same cycle of the graph. Its monitor is recorded, so all else is as with the null sink
// alone.
//
// Whether players are told is proved by reading what the sink's ports tell. If not, and on
// older servers and PulseAudio, which have nothing of the kind, the null sink stands alone.

const (
	frontModule = "module-remap-sink"
	// hiddenEnd makes the hidden sink's name of the visible one's, hiddenClass its class,
	// which PulseAudio's protocol does not list and WirePlumber does not choose; wpctl lists
	// it among the sinks unless it is a filter's, which its link group makes it.
	hiddenEnd   = "_null"
	hiddenClass = "Audio/Sink/Internal"
	// offsetKey is the last of the front's properties; a number, "}" and the quotes follow.
	offsetKey = `node.param.Props="{latencyOffsetNsec=`

	// latencyStep is the least change that players are told, at a heartbeat.
	latencyStep = time.Millisecond
	// provable is the least that is told at first: proof cannot do with nothing.
	provable = 10 * time.Millisecond
	// proofLimit is how long a new sink may take to have ports and tell by them, proofPause
	// the time between two looks.
	proofLimit = time.Second
	proofPause = 25 * time.Millisecond
	// nativeLimit bounds one call over PipeWire's own protocol: volumes wait for it.
	nativeLimit = 250 * time.Millisecond
	// retellAfter is when a sink that is made anew may be one that tells, though another
	// was not: the computer may have been busy.
	retellAfter = 10 * time.Minute
)

var errUntold = errors.New("players cannot be told the latency here")

// offset is what players are told beside what the server knows by itself.
type offset struct {
	front   bool           // the sink can tell
	lacking bool           // it cannot, but was left by another run, and a new one may
	failed  aes67.MonoTime // when this server proved unable to; 0: never
	set     time.Duration  // what was set; -1: not known
	proved  bool           // the sink's ports tell it
}

// tellsLatency reports whether the server may have a sink that tells: PipeWire, of this
// computer, from 1.4 on.
func (s *server) tellsLatency() bool {
	_, version, _ := strings.Cut(s.name, "PipeWire ")
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return n == 2 && (major > 1 || major == 1 && minor >= 4) && s.speaksNative()
}

func (t *life) wantsFront() bool {
	failed := t.offset.failed != 0 && t.cfg.Now().Sub(t.offset.failed) < retellAfter
	return t.cfg.Latency != nil && !failed && t.server.tellsLatency()
}

// hiddenArgs are the arguments of the null sink behind.
func (c *Config) hiddenArgs() string {
	return fmt.Sprintf("sink_name=%s format=float32le rate=%d channels=%d channel_map=%s sink_properties='media.class=\"%s\" node.link-group=\"%s\" %s=\"%s\" node.driver=\"false\"'",
		c.SinkID+hiddenEnd, c.Rate, len(c.Channels), strings.Join(c.Channels, ","), hiddenClass, c.SinkID+hiddenEnd, ownerKey, ownerValue)
}

// frontArgs makes those of the sink before it, up to the latency, of the null sink's alone.
// By itself a loopback's monitor is not scaled by the sink's volume.
func frontArgs(id, plain string) string {
	args := strings.Replace(plain, " norewinds=1", " remix=no master="+id+hiddenEnd, 1)
	args = strings.TrimSuffix(args, "'")
	if !strings.Contains(args, scaledKey+"=") {
		args += " " + scaledKey + `="true"`
	}
	return args + " " + offsetKey
}

// isFront reports whether arguments that a module was loaded with are those of a front of
// one of some null sinks, whatever latency it told.
func isFront(id, args string, plain []string) bool {
	return slices.ContainsFunc(plain, func(p string) bool { return strings.HasPrefix(args, frontArgs(id, p)) })
}

// makeSink loads the sink of the null sink's arguments, with a front if the server has one.
func (t *life) makeSink(ctx context.Context, plain string) (*proto.GetSinkInfoReply, error) {
	t.unloadHidden()
	if t.wantsFront() {
		info, err := t.loadFront(ctx, plain)
		if !errors.Is(err, errUntold) {
			return info, err
		}
		t.offset.failed = t.cfg.Now()
		t.log.Warn().Err(err).Msg("players are not told the latency")
	}
	return t.load(ctx, moduleName, plain)
}

// loadFront loads both and proves that players are told. An error that is errUntold has
// left nothing behind.
func (t *life) loadFront(ctx context.Context, plain string) (info *proto.GetSinkInfoReply, err error) {
	fail := func(err error) error { return fmt.Errorf("%w: %w", errUntold, err) }
	err = t.server.request("loading "+moduleName, &proto.LoadModule{Name: moduleName, Args: t.cfg.hiddenArgs()}, &proto.LoadModuleReply{})
	if err != nil {
		return nil, fail(err)
	}
	first := provable
	if d, known := t.cfg.Latency(); known {
		first = max(first, d)
	}
	info, err = t.load(ctx, frontModule, fmt.Sprintf(`%s%d}"'`, frontArgs(t.cfg.SinkID, plain), first.Nanoseconds()))
	if err != nil {
		t.unloadHidden()
		if errors.Is(err, errNotLoaded) {
			return nil, fail(err)
		}
		return nil, err
	}
	t.offset = offset{front: true, set: first}
	if err := t.proveSoon(ctx); err != nil {
		t.offset = offset{}
		if e := t.remove(ctx, info); e != nil {
			return nil, e
		}
		t.module, t.leftBehind = noModule, false
		return nil, fail(err)
	}
	return info, nil
}

// proveSoon waits until a new sink's ports tell what was set.
func (t *life) proveSoon(ctx context.Context) error {
	err := errors.New("the sink's ports do not tell it")
	for begin := t.cfg.Now(); !t.offset.proved && t.cfg.Now().Sub(begin) < proofLimit; wake.Pause(ctx, proofPause) {
		if e := t.prove(ctx); e != nil {
			err = e
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if t.offset.proved {
		return nil
	}
	return err
}

// prove reads what the sink's ports tell.
func (t *life) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nativeLimit)
	defer cancel()
	told, err := pipewire.Latency(ctx, pipewire.Socket(t.where.getenv), t.cfg.SinkID)
	t.offset.proved = err == nil && t.offset.set >= 0 && told >= t.offset.set-latencyStep
	return err
}

// tellLatency keeps what players are told true. What was set is proved at the next
// heartbeat: it goes through several processes.
func (t *life) tellLatency(ctx context.Context) {
	if !t.offset.front || !t.present {
		return
	}
	if found, err := t.hidden(); err == nil && len(found) == 0 { // somebody unloaded it: the sound must not go elsewhere
		t.log.Warn().Str("sink", t.cfg.SinkID).Msg("the hidden sink was removed; making both anew")
		t.absent()
		t.mark(dirtySink)
		return
	}
	want, known := t.cfg.Latency()
	var err error
	switch {
	case known && (t.offset.set < 0 || (want-t.offset.set).Abs() > latencyStep):
		bounded, cancel := context.WithTimeout(ctx, nativeLimit)
		defer cancel()
		err = pipewire.SetLatencyOffset(bounded, pipewire.Socket(t.where.getenv), t.cfg.SinkID, want)
		if err == nil {
			t.log.Debug().Dur("latency", want).Msg("players are told the latency")
			t.offset.set = want
		}
	case !t.offset.proved:
		err = t.prove(ctx)
	}
	if err != nil {
		t.offset.proved = false
		t.log.Debug().Err(err).Msg("what players are told of the latency is not known")
	}
	t.set(func(st *Status) { st.LatencyTold = t.offset.proved })
}

// hidden lists the modules of hidden sinks of ours.
func (t *life) hidden() (found []uint32, err error) {
	if !t.server.tellsLatency() {
		return nil, nil
	}
	var all proto.GetModuleInfoListReply
	if err := t.server.request("list of modules", &proto.GetModuleInfoList{}, &all); err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.ModuleName == moduleName && strings.HasPrefix(m.ModuleArgs, "sink_name="+t.cfg.SinkID+hiddenEnd+" ") &&
			strings.Contains(m.ModuleArgs, ownerKey+`="`+ownerValue+`"`) {
			found = append(found, m.ModuleIndex)
		}
	}
	return found, nil
}

// unloadHidden removes what is behind a sink that is removed.
func (t *life) unloadHidden() {
	found, _ := t.hidden() // a server that does not answer has ended
	for _, module := range found {
		if err := t.unload(module); err != nil {
			t.log.Warn().Err(err).Uint32("module", module).Msg("the hidden sink could not be removed")
		}
	}
}
