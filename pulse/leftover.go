package pulse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/internal/wake"
)

const (
	// removeLimit is how long a sink may stay after its module was unloaded,
	// removePause the time between two looks.
	removeLimit = time.Second
	removePause = 10 * time.Millisecond
	// loadLimit is how long a module that was loaded may take to show its sink.
	loadLimit = 500 * time.Millisecond
)

// noModule: nothing of ours is loaded, as far as is known.
const noModule = 0xFFFFFFFF

// establish makes the sink exist once: an own leftover that was loaded with the
// same arguments is adopted, others are removed, and a sink of that name that is
// not ours is left alone and waited for.
func (t *life) establish(ctx context.Context) error {
	all, err := t.allSinks()
	if err != nil {
		return err
	}
	alone := t.alone()
	args := func(name string, alone bool) string {
		return moduleArgs(t.cfg.SinkID, name, t.cfg.Rate, t.cfg.Channels, alone)
	}
	theirs := t.cfg.SinkName + " on " + t.cfg.Host
	plain, told := args(t.cfg.SinkName, alone), args(theirs, alone)
	// One whose volume another is to apply, or that can not tell players the latency, is made
	// anew when nothing plays.
	leftover := []string{plain, told, args(t.cfg.SinkName, !alone), args(theirs, !alone)}
	want := plain
	var adopted *proto.GetSinkInfoReply
	var front bool
	for _, info := range all {
		switch {
		case !t.namesake(info):
			if info.Device == label(t.cfg.SinkName) { // of another bridge, perhaps through the network
				want = told
			}
		case !t.isOurs(info):
			return errTaken(info)
		default:
			fits, tells := t.fits(info, leftover)
			if fits && adopted == nil && !t.worn {
				adopted, front = info, tells
			} else if err := t.remove(ctx, info); err != nil {
				return err
			}
		}
	}
	if adopted != nil {
		t.module = adopted.ModuleIndex
		t.offset = offset{front: front, lacking: !front && t.wantsFront(), set: -1, failed: t.offset.failed}
		t.take(adopted, true)
		t.startRate(ctx)
		if t.doubtful(volumeOf(adopted)) {
			return t.wantVolume()
		}
		return nil
	}
	info, err := t.makeSink(ctx, want)
	if err != nil {
		return err
	}
	t.worn = false
	t.take(info, false)
	t.unscaled = t.unscaled || alone // what was loaded is known, whatever the server tells yet
	return t.wantVolume()
}

// fits reports whether a leftover is of arguments that a null sink would have here, or a
// front of one with all that is behind it, which tells players the latency.
func (t *life) fits(info *proto.GetSinkInfoReply, plain []string) (fits, tells bool) {
	args := t.argumentsOf(info)
	if slices.Contains(plain, args) {
		return true, false
	}
	behind, _ := t.hidden()
	fits = t.wantsFront() && len(behind) == 1 && isFront(t.cfg.SinkID, args, plain)
	return fits, fits
}

func (t *life) allSinks() (all proto.GetSinkInfoListReply, err error) {
	return all, t.server.request("list of sinks", &proto.GetSinkInfoList{}, &all)
}

// namesake reports whether a sink has our name, or is of our module.
func (t *life) namesake(info *proto.GetSinkInfoReply) bool {
	return info.SinkName == t.cfg.SinkID || info.ModuleIndex == t.module && t.module != noModule
}

// namesakes lists them.
func (t *life) namesakes() ([]*proto.GetSinkInfoReply, error) {
	all, err := t.allSinks()
	return slices.DeleteFunc(all, func(info *proto.GetSinkInfoReply) bool { return !t.namesake(info) }), err
}

func errTaken(info *proto.GetSinkInfoReply) error {
	return fmt.Errorf("a sink named %q is already there and is not ours: remove it (`pactl unload-module %d`) or choose another sink.id", info.SinkName, info.ModuleIndex)
}

// isOurs reports whether a sink was made by this program. A sink that PipeWire
// is just making may have no properties yet: then its module tells.
func (t *life) isOurs(info *proto.GetSinkInfoReply) bool {
	return info.Properties[ownerKey].String() == ownerValue ||
		strings.Contains(t.argumentsOf(info), ownerKey+`="`+ownerValue+`"`)
}

// argumentsOf returns what a sink's module was loaded with, or "" if that cannot
// be known.
func (t *life) argumentsOf(info *proto.GetSinkInfoReply) string {
	module := &proto.GetModuleInfoReply{}
	if err := t.server.request("module information", &proto.GetModuleInfo{ModuleIndex: info.ModuleIndex}, module); err != nil {
		return ""
	}
	return module.ModuleArgs
}

// remove unloads a leftover and waits until it is gone: loading beside it would
// give two sinks of one name.
func (t *life) remove(ctx context.Context, info *proto.GetSinkInfoReply) error {
	t.log.Info().Str("sink", info.SinkName).Uint32("module", info.ModuleIndex).Msg("removing a leftover sink")
	if err := t.unload(info.ModuleIndex); err != nil {
		return err
	}
	t.unloadHidden()
	for range int(removeLimit / removePause) {
		err := t.server.request("sink information", &proto.GetSinkInfo{SinkIndex: info.SinkIndex}, &proto.GetSinkInfoReply{})
		if errors.Is(err, proto.ErrNoSuchEntity) {
			return nil
		}
		if err != nil {
			return err
		}
		if !wake.Pause(ctx, removePause) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the leftover sink %q stays although its module was unloaded: restart the sound server", info.SinkName)
}

// unload removes a module; one that is gone already is no error, nor is none.
func (t *life) unload(module uint32) error {
	if module == noModule { // another program made a sink in our name without one
		return nil
	}
	err := t.server.request("unloading the sink", &proto.UnloadModule{ModuleIndex: module}, nil)
	if errors.Is(err, proto.ErrNoSuchEntity) {
		return nil
	}
	return err
}

var errNotLoaded = errors.New("the sound server does not make the sink")

// load loads the module and finds its sink. Whoever else made a sink of that
// name in the meantime keeps it: ours is removed again.
func (t *life) load(ctx context.Context, module, args string) (*proto.GetSinkInfoReply, error) {
	loaded := &proto.LoadModuleReply{}
	if err := t.server.request("loading "+module, &proto.LoadModule{Name: module, Args: args}, loaded); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotLoaded, err)
	}
	t.module, t.leftBehind = loaded.ModuleIndex, true
	ours, other, err := t.loaded(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case ours != nil && ours.SinkName == t.cfg.SinkID && (other == nil || t.isOurs(other) && t.module < other.ModuleIndex):
		return ours, nil
	case other != nil && t.isOurs(other):
		err = fmt.Errorf("another bridge made the sink %q at the same time: stop one of them, or give it another sink.id", t.cfg.SinkID)
	case other != nil:
		err = errTaken(other)
	case ours != nil:
		err = fmt.Errorf("the sound server named the sink %q instead of %q", ours.SinkName, t.cfg.SinkID)
	default:
		err = errors.New("the sound server loaded the module but shows no sink")
	}
	if e := t.unload(t.module); e != nil {
		return nil, e
	}
	t.module, t.leftBehind = noModule, false
	return nil, err
}

// loaded finds the sink of our module, and another of its name. PipeWire's remap sink comes a
// moment after its module.
func (t *life) loaded(ctx context.Context) (ours, other *proto.GetSinkInfoReply, err error) {
	for begin := t.cfg.Now(); t.cfg.Now().Sub(begin) < loadLimit; wake.Pause(ctx, removePause) {
		sinks, err := t.namesakes()
		if err != nil {
			return nil, nil, err
		}
		for _, info := range sinks {
			if info.ModuleIndex == t.module {
				ours = info
			} else {
				other = info
			}
		}
		if ours != nil || other != nil || ctx.Err() != nil {
			break
		}
	}
	return ours, other, nil //nolint:nilerr // who is to end looks once all the same
}

// take notes the sink as ours.
func (t *life) take(info *proto.GetSinkInfoReply, adopted bool) {
	t.present, t.leftBehind, t.want = true, true, Volume{}
	t.index, t.unscaled = info.SinkIndex, t.isUnscaled(info)
	t.framer.sink.Store(info.SinkIndex)
	t.monitor.Store(info.MonitorSourceIndex)
	t.source = info.MonitorSourceName
	t.born = t.cfg.Now()
	t.log.Info().Str("sink", t.cfg.SinkID).Str("name", t.cfg.SinkName).Int("rate_hz", int(t.cfg.Rate)).
		Int("channels", len(t.cfg.Channels)).Uint32("module", t.module).Bool("adopted", adopted).Msg("sink is there")
}

// leave removes the sink.
func (t *life) leave() error {
	t.framer.record(noStream)
	t.leftBehind = false
	defer t.unloadHidden()
	if t.module == noModule {
		return nil
	}
	if err := t.unload(t.module); err != nil {
		t.log.Warn().Err(err).Str("sink", t.cfg.SinkID).Msg("sink could not be removed")
		return err
	}
	t.log.Info().Str("sink", t.cfg.SinkID).Msg("sink removed")
	return nil
}

// end removes the sink, or leaves it to the run that follows.
func (t *life) end() {
	if !t.stays() {
		_ = t.leave() // which has told it
		return
	}
	t.framer.record(noStream)
	t.leftBehind = false
	t.log.Info().Str("sink", t.cfg.SinkID).Msg("sink is left to the next run")
}

// withdraw takes out what is there, of an earlier run too.
func (t *life) withdraw() error {
	sinks, err := t.namesakes()
	if err != nil {
		return err
	}
	t.remember()
	for _, info := range sinks {
		if t.isOurs(info) {
			t.module = info.ModuleIndex
			if err := t.leave(); err != nil {
				return err
			}
		}
	}
	t.unloadHidden()
	if t.present {
		t.absent()
	}
	t.module = noModule
	t.set(func(st *Status) { st.State = StateWithdrawn })
	return nil
}

func (s *Sink) stays() bool { return s.cfg.Follows != nil && s.cfg.Follows() }

// sweep is the last resort at the end: the connection was lost while the sink
// was loaded, so perhaps the server has it still.
func (s *Sink) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	t := newLife(s)
	server, err := connect(ctx, s.where, s.framer, s.cfg.Now, nil, func(any) {})
	if err != nil {
		return // no server, no sink
	}
	t.server = server
	defer server.close()
	defer deadline(ctx, 0, func() { server.fail(errNoAnswer) })()
	sinks, err := t.namesakes()
	if err != nil {
		return
	}
	for _, info := range sinks {
		if t.isOurs(info) {
			t.module = info.ModuleIndex
			_ = t.leave() // nobody is there to try again
		}
	}
	t.unloadHidden()
}
