package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aes67-sink/aes67"
)

// clip is a file that programs play: a tone on each channel.
type clip struct {
	rate           aes67.Hz
	bits, channels int
	length         time.Duration
	shift          int // of its tones among channelHz, for two files at once
}

// hz is the tone of a channel.
func (c clip) hz(channel int) float64 { return channelHz[(channel+c.shift)%len(channelHz)] }

// layouts are the orders of channels in a WAV file, with the mask that says so
// (Microsoft's ksmedia.h, KSAUDIO_SPEAKER_*; of 7.1: _7POINT1_SURROUND).
var layouts = map[int]struct {
	name string
	mask uint32
}{1: {"mono", 0x4}, 2: {"stereo", 0x3}, 6: {"5.1", 0x3f}, 8: {"7.1", 0x63f}}

// channelHz are the tones of a file's channels: left and right, centre, low
// frequencies, rear and side. Primes, as leftHz.
var channelHz = [8]float64{leftHz, rightHz, 2503, 83, 3499, 4507, 5501, 6451}

const (
	// clipLevel is the amplitude of each tone: eight of them do not clip.
	clipLevel = 0.1
	clipDBFS  = -20
	// clipFade is short, for the first sound is measured, and no step.
	clipFade = 5 * time.Millisecond
	// clipSounds is what tells sound from silence.
	clipSounds = clipLevel / 4
)

// clips are the files that each program plays.
func clips(length time.Duration) (all []clip) {
	for _, rate := range []aes67.Hz{44100, 48000, 96000} {
		all = append(all, clip{rate, 16, 2, length, 0}, clip{rate, 24, 2, length, 0})
	}
	return append(all, clip{48000, 16, 1, length, 0}, clip{48000, 24, 6, length, 0}, clip{48000, 24, 8, length, 0})
}

// write makes the file in a directory, unless it is there, and returns its path.
func (c clip) write(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%d-%d-%d-%d-%d.wav", c.rate, c.bits, c.channels, c.length.Milliseconds(), c.shift))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := os.WriteFile(path, c.wav(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wav is the file's content, WAVE_FORMAT_EXTENSIBLE (Microsoft's mmreg.h) where it
// must tell which channel is which.
func (c clip) wav() []byte {
	frames, each := int(aes67.FramesIn(c.length, c.rate)), c.bits/8
	block, fade := c.channels*each, float64(aes67.FramesIn(clipFade, c.rate))
	code, extension := uint16(1), []byte(nil)
	if c.channels > 2 {
		code, extension = 0xFFFE, binary.LittleEndian.AppendUint16([]byte{22, 0}, uint16(c.bits))
		extension = binary.LittleEndian.AppendUint32(extension, layouts[c.channels].mask)
		extension = append(extension, "\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...) // KSDATAFORMAT_SUBTYPE_PCM
	}
	b := append(make([]byte, 0, 68+frames*block), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+len(extension)+frames*block))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, uint32(16+len(extension)))
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(c.channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(c.rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(int(c.rate)*block))
	b = binary.LittleEndian.AppendUint16(b, uint16(block))
	b = binary.LittleEndian.AppendUint16(b, uint16(c.bits))
	b = append(append(b, extension...), "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(frames*block))
	full := math.Ldexp(1, c.bits-1)
	for i := range frames {
		gain := min(1, float64(min(i, frames-1-i))/fade)
		gain = clipLevel * (1 - math.Cos(math.Pi*gain)) / 2
		for channel := range c.channels {
			v := int32(math.RoundToEven(full * gain * math.Sin(2*math.Pi*c.hz(channel)*float64(i)/float64(c.rate))))
			for n := range each {
				b = append(b, byte(v>>(8*n)))
			}
		}
	}
	return b
}
