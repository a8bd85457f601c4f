package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"aes67-sink/aes67"
)

// WAV is a sound file in memory, one slice a channel, full scale ±1.
type WAV struct {
	Rate     aes67.Hz
	Channels [][]float64
}

// WAVFormat is how samples are stored.
type WAVFormat uint8

// The formats that are written.
const (
	WAVFloat32 WAVFormat = iota
	WAVInt24
)

// Codes of the format chunk (Microsoft's mmreg.h).
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xFFFE
)

// Frames returns the length of the file.
func (w *WAV) Frames() int {
	if len(w.Channels) == 0 {
		return 0
	}
	return len(w.Channels[0])
}

// Write stores w. Samples beyond full scale are kept as floats and clamped as
// integers.
func (w *WAV) Write(to io.Writer, format WAVFormat) error {
	return w.WriteLooped(to, format, Run{}, 1)
}

// WriteLooped stores w with a stretch of it so many times in place of once: at least once.
func (w *WAV) WriteLooped(to io.Writer, format WAVFormat, loop Run, times int) error {
	code, bytesEach := uint16(wavFloat), 4
	if format == WAVInt24 {
		code, bytesEach = wavPCM, 3
	}
	channels := len(w.Channels)
	block := channels * bytesEach
	size := (w.Frames() + loop.Length*(times-1)) * block
	if size > math.MaxUint32-64 {
		return fmt.Errorf("wav: %d bytes of samples: more than the format holds", size)
	}
	b := make([]byte, 0, 44)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+size+size%2))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(w.Rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(int(w.Rate)*block))
	b = binary.LittleEndian.AppendUint16(b, uint16(block))
	b = binary.LittleEndian.AppendUint16(b, uint16(8*bytesEach))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	end := loop.Frame + loop.Length
	before, again, after := w.samples(0, loop.Frame, format), w.samples(loop.Frame, end, format), w.samples(end, w.Frames(), format)
	if size%2 == 1 {
		after = append(after, 0)
	}
	_, err := to.Write(append(b, before...))
	for range times {
		if err == nil {
			_, err = to.Write(again)
		}
	}
	if err == nil {
		_, err = to.Write(after)
	}
	return err
}

// samples are frames as they are stored.
func (w *WAV) samples(from, to int, format WAVFormat) []byte {
	b := make([]byte, 0, (to-from)*len(w.Channels)*4+1)
	for i := from; i < to; i++ {
		for _, channel := range w.Channels {
			if format == WAVFloat32 {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(channel[i])))
				continue
			}
			v := int32(math.RoundToEven(max(-1<<23, min(1<<23-1, channel[i]*(1<<23)))))
			b = append(b, byte(v), byte(v>>8), byte(v>>16))
		}
	}
	return b
}

// wavLayout is the format chunk.
type wavLayout struct {
	code            uint16
	channels, block int
	rate            aes67.Hz
	bits            int
}

// ReadWAV reads 16, 24 and 32-bit integers and 32 and 64-bit floats. A file
// whose lengths were never filled in, as a program that was interrupted leaves
// it, is read to its end.
func ReadWAV(from io.Reader) (*WAV, error) {
	b, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("wav: %w", err)
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("wav: no RIFF and WAVE at its beginning")
	}
	var layout *wavLayout
	for rest := b[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		body := rest[:min(size, len(rest))]
		switch name {
		case "fmt ":
			if layout, err = parseLayout(body); err != nil {
				return nil, err
			}
		case "data":
			if layout == nil {
				return nil, errors.New("wav: samples before their format")
			}
			if size == 0 { // never filled in
				body = rest
			}
			return layout.samples(body), nil
		}
		rest = rest[min(size+size%2, len(rest)):]
	}
	return nil, errors.New("wav: no samples")
}

func parseLayout(b []byte) (*wavLayout, error) {
	if len(b) < 16 {
		return nil, fmt.Errorf("wav: a format of %d bytes: must be 16 or more", len(b))
	}
	l := &wavLayout{
		code:     binary.LittleEndian.Uint16(b),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     aes67.Hz(binary.LittleEndian.Uint32(b[4:])),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if l.code == wavExtensible && len(b) >= 26 {
		l.code = binary.LittleEndian.Uint16(b[24:]) // the GUID begins with it
	}
	l.block = l.channels * l.bits / 8
	integer := l.code == wavPCM && (l.bits == 16 || l.bits == 24 || l.bits == 32)
	float := l.code == wavFloat && (l.bits == 32 || l.bits == 64)
	if !integer && !float {
		return nil, fmt.Errorf("wav: format %#x with %d bits: neither integers of 16, 24 or 32 nor floats of 32 or 64", l.code, l.bits)
	}
	if l.channels < 1 || l.channels > 64 || l.rate < 1 {
		return nil, fmt.Errorf("wav: %d channels at %d Hz: must be 1 to 64, above 0 Hz", l.channels, l.rate)
	}
	return l, nil
}

func (l *wavLayout) samples(b []byte) *WAV {
	frames := len(b) / l.block
	w := &WAV{Rate: l.rate, Channels: make([][]float64, l.channels)}
	for c := range w.Channels {
		w.Channels[c] = make([]float64, frames)
		each := l.bits / 8
		for i := range frames {
			w.Channels[c][i] = l.sample(b[i*l.block+c*each:])
		}
	}
	return w
}

func (l *wavLayout) sample(b []byte) float64 {
	switch {
	case l.code == wavFloat && l.bits == 32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case l.code == wavFloat:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case l.bits == 16:
		return float64(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case l.bits == 24:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
	}
	return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
}

// Bytes returns the file that Write would store.
func (w *WAV) Bytes(format WAVFormat) ([]byte, error) {
	var b bytes.Buffer
	err := w.Write(&b, format)
	return b.Bytes(), err
}
