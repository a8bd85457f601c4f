package pulse

import (
	"context"
	"slices"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// Answer is what a sound server tells of itself.
type Answer struct {
	Server      string   // such as "PulseAudio (on PipeWire 1.4.2)"
	Rate        aes67.Hz // what it mixes at by itself
	DefaultSink string   // the chosen output

	address address
	sinks   proto.GetSinkInfoListReply
}

// HasSink reports whether there is a sink of that name.
func (a *Answer) HasSink(id string) bool {
	return slices.ContainsFunc(a.sinks, func(s *proto.GetSinkInfoReply) bool { return s.SinkName == id })
}

// Ask asks the sound server that a sink of this user would be made in, over a connection
// of its own. The error is that of a sink that waits for one. Nothing is changed.
func Ask(ctx context.Context) (Answer, error) { return ask(ctx, thisProcess()) }

func ask(ctx context.Context, where surroundings) (a Answer, err error) {
	s, err := connect(ctx, where, newFramer(1, nil), func() aes67.MonoTime { return 0 }, nil, func(any) {})
	if err != nil {
		return a, err
	}
	defer s.close()
	defer context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })()
	info, err := s.info()
	if err != nil {
		return a, s.notReady(err)
	}
	a = Answer{Server: s.name, Rate: aes67.Hz(info.DefaultSampleSpec.Rate), DefaultSink: info.DefaultSinkName, address: s.address}
	if err := s.request("list of sinks", &proto.GetSinkInfoList{}, &a.sinks); err != nil {
		return a, s.notReady(err)
	}
	return a, nil
}
