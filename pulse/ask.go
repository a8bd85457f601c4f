package pulse

import (
	"context"
	"errors"

	"github.com/jfreymuth/pulse/proto"

	"aes67-sink/aes67"
)

// Answer is what a sound server tells of itself.
type Answer struct {
	Server      string   // such as "PulseAudio (on PipeWire 1.4.2)"
	Rate        aes67.Hz // what it mixes at by itself
	DefaultSink string   // the chosen output
	SinkThere   bool     // there is a sink of the name that was asked for
}

// Ask asks the sound server that a sink of this user would be made in. The error is
// that of a sink that waits for one. Nothing is changed.
func Ask(ctx context.Context, sinkID string) (Answer, error) { return ask(ctx, thisProcess(), sinkID) }

func ask(ctx context.Context, where surroundings, sinkID string) (a Answer, err error) {
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
	a = Answer{Server: s.name, Rate: aes67.Hz(info.DefaultSampleSpec.Rate), DefaultSink: info.DefaultSinkName}
	err = s.request("sink information", &proto.GetSinkInfo{SinkIndex: proto.Undefined, SinkName: sinkID}, &proto.GetSinkInfoReply{})
	if err != nil && !errors.Is(err, proto.ErrNoSuchEntity) {
		return a, s.notReady(err)
	}
	a.SinkThere = err == nil
	return a, nil
}
