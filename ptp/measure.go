package ptp

import (
	"time"

	"aes67-sink/aes67"
	"aes67-sink/ptp/track"
	"aes67-sink/ptp/wire"
)

// This file joins messages into one-way measurements (IEEE 1588-2008, 11.3):
//
//	T1  the master sends Sync          told in Sync (one step) or Follow_Up
//	T2  we receive it                  kernel timestamp
//	T3  we send Delay_Req              kernel timestamp
//	T4  the master receives it         told in Delay_Resp
//
// Each pair is one measurement of mono - ptp, late by the path's delay in one
// direction and early by it in the other. Pairs need not be mates: the
// estimator takes both directions as they come. T3 and T4 are in request.go.

// pendingSyncs bounds how many may be under way at once: half a second of 128 a second,
// for a pause of ours lets all Syncs be read before the first Follow_Up. The sequence
// number wraps at a multiple of it.
const pendingSyncs = 64

// syncHalf is a Sync or a Follow_Up that may await the other.
type syncHalf struct {
	sequence             uint16
	used                 bool
	received, told, done bool
	t2                   aes67.RawTime
	t1                   aes67.PTPTime // with the corrections so far
	correction           time.Duration // of the Sync, while T1 is awaited
}

// exchange matches the messages of one master.
type exchange struct {
	syncs    [pendingSyncs]syncHalf
	requests [pendingRequests]request
	sequence uint16 // of the next Delay_Req
	answers
	lastSync  aes67.RawTime // the latest complete T1, T2
	heardSync bool
	offset    int64         // ns, mono - ptp as it showed it
	lastSign  aes67.RawTime // the latest Sync, of whatever use
}

// half returns the record of a Sync's sequence number.
func (x *exchange) half(sequence uint16) *syncHalf {
	h := &x.syncs[sequence%pendingSyncs]
	if !h.used || h.sequence != sequence {
		*h = syncHalf{sequence: sequence, used: true}
	}
	return h
}

// sync takes a Sync.
func (x *exchange) sync(m *wire.Message, t2 aes67.RawTime) (track.Sample, bool) {
	x.lastSign = t2
	h := x.half(m.Sequence)
	if h.received {
		return track.Sample{}, false // a duplicate
	}
	h.received, h.t2, h.correction = true, t2, m.Correction
	if !m.Flags.Has(wire.FlagTwoStep) {
		h.told, h.t1 = true, m.Time
	}
	return x.finish(h)
}

// followUp takes a Follow_Up, which may overtake its Sync.
func (x *exchange) followUp(m *wire.Message) (track.Sample, bool) {
	h := x.half(m.Sequence)
	if h.told {
		return track.Sample{}, false // a duplicate, or the Sync was one-step
	}
	h.told, h.t1 = true, m.Time.Add(m.Correction)
	return x.finish(h)
}

func (x *exchange) finish(h *syncHalf) (track.Sample, bool) {
	if !h.received || !h.told || h.done {
		return track.Sample{}, false
	}
	h.done = true
	x.offset = int64(h.t2) - int64(h.t1.Add(h.correction))
	x.lastSync, x.heardSync = h.t2, true
	return track.Sample{At: h.t2, Offset: x.offset}, true
}
