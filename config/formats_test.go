package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"aes67-sink/aes67"
)

// TestEveryCombinationIsAllowedOrToldWhat goes through all that can be written: what is
// refused is so in words that name a packet time which is not.
func TestEveryCombinationIsAllowedOrToldWhat(t *testing.T) {
	positions := []string{"front-left", "front-right", "front-center", "lfe", "side-left", "side-right", "rear-left", "rear-right"}
	allowed, refused := 0, 0
	for _, rate := range aes67.Rates {
		for _, encoding := range aes67.Encodings() {
			for _, ptime := range aes67.PacketTimes() {
				for _, layout := range Layouts {
					for channels := 1; channels <= len(positions); channels++ {
						c := Default()
						c.Stream.Rate, c.Stream.Encoding, c.Stream.PacketTime, c.Stream.Layout = rate, encoding, ptime, layout
						c.Sink.Channels = positions[:channels]
						name := fmt.Sprintf("%d %v %v %v %d", rate, encoding, ptime, layout, channels)
						err := c.Validate()
						if err == nil {
							allowed++
							continue
						}
						refused++
						nearest := c.Format().Check().Nearest
						if !strings.Contains(err.Error(), fmt.Sprintf("; take stream.ptime = %q", nearest.PacketTime)) || strings.Contains(err.Error(), "\n") {
							t.Errorf("%s: %v", name, err)
						}
						c.Stream.PacketTime = nearest.PacketTime
						if err := c.Validate(); err != nil {
							t.Errorf("%s: what it is told to take is refused: %v", name, err)
						}
						if _, other, ok := strings.Cut(err.Error(), " or stream.layout"); ok {
							c.Stream.PacketTime, c.Stream.Layout = ptime, Mono
							if err := c.Validate(); err != nil {
								t.Errorf("%s: with stream.layout%s it is refused: %v", name, other, err)
							}
						}
					}
				}
			}
		}
	}
	if allowed < 546 || refused < 94 {
		t.Errorf("%d are allowed and %d refused, want 546 and 94 with the layouts mono and multi alone", allowed, refused)
	}
}

// Marks around the table in docs/formats.md.
const (
	tableBegins = "<!-- table: config/formats_test.go -->\n"
	tableEnds   = "<!-- end -->\n"
)

// formatTable tells how many channels a stream can have.
func formatTable() string {
	var b strings.Builder
	b.WriteString("| | ")
	for _, ptime := range aes67.PacketTimes() {
		fmt.Fprintf(&b, "| %v ", ptime)
	}
	b.WriteString("|\n|---|---")
	b.WriteString(strings.Repeat("|---", len(aes67.PacketTimes())) + "|\n")
	for _, rate := range aes67.Rates {
		for _, encoding := range aes67.Encodings() {
			fmt.Fprintf(&b, "| %d Hz | %v ", rate, encoding)
			for _, ptime := range aes67.PacketTimes() {
				f := aes67.Format{Rate: rate, Encoding: encoding, PacketTime: ptime}
				for f.Channels = aes67.MaxChannels; f.Channels > 0 && f.Check() != nil; f.Channels-- {
				}
				switch f.Channels {
				case 0:
					b.WriteString("| none ")
				case 1:
					fmt.Fprintf(&b, "| 1 / %v ", f.Usual())
				default:
					fmt.Fprintf(&b, "| 1 to %d / %v ", f.Channels, f.Usual())
				}
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

func TestTheTableOfFormatsIsTheCode(t *testing.T) {
	const path = "../docs/formats.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !ok || !ended {
		t.Fatalf("%s has no table between %q and %q", path, tableBegins, tableEnds)
	}
	want := before + tableBegins + formatTable() + tableEnds + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s: the table is not what the code says, refresh it with -update; want\n%s", path, formatTable())
	}
}
