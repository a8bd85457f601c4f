package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aes67-sink/aes67"
	words "aes67-sink/internal/text"
)

// sinkTable is the table of which there may be several.
const sinkTable = "sink"

const (
	// minGainDB is the lowest gain of a channel: all but silence.
	minGainDB = -60
	// maxDelay is the longest delay of a channel: that of sound over 170 m.
	maxDelay = 500 * time.Millisecond
)

// Sinks are all that programs play into, in the order of the file.
func (c Config) Sinks() []Sink { return append([]Sink{c.Sink}, c.More...) }

// SinkIDs are those of all.
func (c Config) SinkIDs() (ids []string) {
	for _, s := range c.Sinks() {
		ids = append(ids, s.ID)
	}
	return ids
}

// FollowedRates are those of a sink whose rate is Auto, first the one to begin with: music
// from discs, and all else.
var FollowedRates = [...]aes67.Hz{48000, 44100}

// StartRate is what a sink has before anything has played.
func (s Sink) StartRate() aes67.Hz { return s.Rates()[0] }

// Rates are those that a sink may have, first the one to begin with.
func (s Sink) Rates() []aes67.Hz {
	if s.Rate == 0 {
		return FollowedRates[:]
	}
	return []aes67.Hz{s.Rate}
}

// Everywhere reports whether a sink has no streams of its own.
func (s Sink) Everywhere() bool { return len(s.PlaysInto) > 0 }

// LayoutOf is how the channels of a sink are spread over streams.
func (c Config) LayoutOf(s Sink) Layout {
	if s.Layout != nil {
		return *s.Layout
	}
	return c.Stream.Layout
}

// Spread returns the channels of each stream of a sink.
func (c Config) Spread(s Sink) [][]string {
	switch layout := c.LayoutOf(s); {
	case s.Everywhere():
		return nil
	case layout == Multi:
		return [][]string{s.Channels}
	case layout == Pairs:
		return slices.Collect(slices.Chunk(s.Channels, 2))
	}
	return slices.Collect(slices.Chunk(s.Channels, 1))
}

// StreamCount returns how many streams the layouts make of the channels.
func (c Config) StreamCount() int {
	n := 0
	for _, s := range c.Sinks() {
		n += len(c.Spread(s))
	}
	return n
}

// Into are the numbers, in Sinks, of those that a sink plays into.
func (c Config) Into(s Sink) (numbers []int) {
	for i, other := range c.Sinks() {
		if slices.Contains(s.PlaysInto, other.ID) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// view is c with the sink of a number as its first, for which fields are written.
func (c Config) view(number int) Config {
	c.Sink = c.Sinks()[number]
	return c
}

// readAt reads an option of the sink of a number, or any other.
func (o Option) readAt(c *Config, number int, raw any) error {
	if number == 0 {
		return o.read(c, raw)
	}
	view := c.view(number)
	if err := o.read(&view, raw); err != nil {
		return err
	}
	c.More[number-1] = view.Sink
	return nil
}

// keyAt is how an option of the sink of a number is called.
func (c Config) keyAt(key string, number int) string {
	if name, ok := strings.CutPrefix(key, sinkTable+"."); ok && len(c.More) > 0 {
		return fmt.Sprintf("%s.%d.%s", sinkTable, number, name)
	}
	return key
}

// perSink reports whether each sink has an option of its own.
func (o Option) perSink() bool { return o.Table() == sinkTable }

// tables is how many values an option has.
func (o Option) tables(c *Config) int {
	if o.perSink() {
		return 1 + len(c.More)
	}
	return 1
}

// rawAt is what an option of the sink of a number is.
func (o Option) rawAt(c Config, number int) any {
	view := c.view(number)
	return o.raw(&view)
}

// locate reads a key of --set, such as sink.rate, sink.1.rate or sink.kitchen.rate.
func (s *settings) locate(key string) (option string, number int, why, remedy string) {
	rest, ours := strings.CutPrefix(key, sinkTable+".")
	if !ours {
		return key, 0, "", ""
	}
	ids := s.config.SinkIDs()
	end := strings.LastIndexByte(rest, '.')
	if end < 0 {
		if _, known := find(key); known && len(ids) > 1 {
			return key, 0, fmt.Sprintf("there are %d sinks", len(ids)),
				fmt.Sprintf("say which: %s.%s.%s or %s.0.%s", sinkTable, ids[0], rest, sinkTable, rest)
		}
		return key, 0, "", ""
	}
	which, name := rest[:end], rest[end+1:]
	number = slices.Index(ids, which)
	if n, err := strconv.Atoi(which); err == nil && 0 <= n && n < len(ids) {
		number = n
	}
	if number < 0 {
		return key, 0, fmt.Sprintf("no sink %q", which), "the sinks are " + strings.Join(ids, ", ")
	}
	return sinkTable + "." + name, number, "", ""
}

// sinkIDs, sinkNames: programs and receivers tell the sinks apart by them.
func sinkIDs(c Config, number int) (why, remedy string) {
	id := c.Sinks()[number].ID
	for _, other := range c.Sinks() {
		if id == other.ID+"_null" {
			return "is what the sink behind " + other.ID + " is called", "choose another"
		}
	}
	return twice(c, number, func(s Sink) string { return s.ID })
}

func sinkNames(c Config, number int) (why, remedy string) {
	return twice(c, number, func(s Sink) string { return s.Name })
}

func twice(c Config, number int, of func(Sink) string) (why, remedy string) {
	sinks := c.Sinks()
	for i, other := range sinks[:number] {
		if strings.EqualFold(of(other), of(sinks[number])) {
			return fmt.Sprintf("sink %d has it too", i), "give each sink one of its own"
		}
	}
	return "", ""
}

// gainCount, delayCount: one a channel.
func gainCount(c Config, number int) (why, remedy string) {
	s := c.Sinks()[number]
	return aChannel(len(s.Gains), len(s.Channels), "gain", "gains")
}

func delayCount(c Config, number int) (why, remedy string) {
	s := c.Sinks()[number]
	return aChannel(len(s.Delays), len(s.Channels), "delay", "delays")
}

func aChannel(n, want int, one, many string) (why, remedy string) {
	if n == 0 || n == want {
		return "", ""
	}
	return fmt.Sprintf("%s for %s", words.Count(n, one, many), words.Count(want, "channel", "channels")),
		fmt.Sprintf("must be %d in the order of the channels, or []", want)
}

// playsInto: the sinks named have streams, and a sink that plays into them has none.
func playsInto(c Config, number int) (why, remedy string) {
	sinks := c.Sinks()
	s := sinks[number]
	if !s.Everywhere() {
		return "", ""
	}
	var with []string
	for _, other := range sinks {
		if !other.Everywhere() {
			with = append(with, other.ID)
		}
	}
	remedy = "name sinks that have streams of their own: " + strings.Join(with, ", ")
	if len(with) == 0 {
		remedy = "leave plays-into out of a sink, so that there is one with streams"
	}
	for _, id := range s.PlaysInto {
		switch i := slices.IndexFunc(sinks, func(other Sink) bool { return other.ID == id }); {
		case i < 0:
			return fmt.Sprintf("no sink has the id %q", id), remedy
		case i == number:
			return "a sink cannot play into itself", remedy
		case sinks[i].Everywhere():
			return fmt.Sprintf("%q plays into others itself", id), remedy
		}
	}
	if s.Layout != nil || len(s.Gains) > 0 || len(s.Delays) > 0 {
		return "such a sink has no streams of its own", "leave its layout, gains and delays out: those of the sinks named hold"
	}
	return "", ""
}

// streamCount: what a sender is measured for.
func streamCount(c Config, _ int) (why, remedy string) {
	if n := c.StreamCount(); n > aes67.MaxStreams {
		return fmt.Sprintf("the sinks have %d streams together: must be at most %d", n, aes67.MaxStreams),
			"take fewer channels, or layout = \"pairs\" or \"multi\""
	}
	return "", ""
}
