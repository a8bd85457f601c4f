package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"

	"aes67-sink/aes67"
	"aes67-sink/resample"
)

// blockFrames is how many frames are handed over at a time.
const blockFrames = 256

// ours is the name of this project's engine in the tables.
const ours = "aes67-sink"

// door leads to the resamplers of others.
type door struct {
	program string
	engines []string
}

func openDoor(program string) (door, error) {
	out, err := exec.Command(program, "list").Output()
	if err != nil {
		return door{}, fmt.Errorf("%s list: %w", program, err)
	}
	return door{program, strings.Fields(string(out))}, nil
}

// wander stands for a ratio that swings by ±50 ppm at 0.5 Hz.
var wander = aes67.PPB(math.NaN())

func ratioName(ratio aes67.PPB) string {
	if math.IsNaN(float64(ratio)) {
		return "WANDER"
	}
	return strconv.FormatFloat(float64(ratio), 'f', -1, 64)
}

// through passes a signal through an engine.
func (d door) through(engine string, c conversion, ratio aes67.PPB, in []float64) ([]float64, error) {
	if engine == ours {
		return throughOurs(c, ratio, blockFrames, in)
	}
	raw := make([]byte, 0, 4*len(in))
	for _, v := range in {
		raw = binary.NativeEndian.AppendUint32(raw, math.Float32bits(float32(v)))
	}
	cmd := exec.Command(d.program, "run", engine, fmt.Sprint(int(c.in)), fmt.Sprint(int(c.out)), ratioName(ratio), fmt.Sprint(blockFrames))
	cmd.Stdin = bytes.NewReader(raw)
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s, %v: %w", engine, c, err)
	}
	out := make([]float64, len(text)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.NativeEndian.Uint32(text[4*i:])))
	}
	return out, nil
}

// throughOurs makes blocks of output frames, as the bridge does.
func throughOurs(c conversion, ratio aes67.PPB, block int, in []float64) ([]float64, error) {
	r, err := resample.New(1, c.in, c.out)
	if err != nil {
		return nil, err
	}
	if !math.IsNaN(float64(ratio)) {
		r.SetRatio(ratio, 0)
	}
	var all []float64
	from := make([]float32, resample.MaxBlock*4)
	to := [][]float64{make([]float64, block)}
	for done := 0; ; {
		if math.IsNaN(float64(ratio)) {
			at := float64(len(all)+block) / float64(c.out)
			r.SetRatio(aes67.PPB(50_000*math.Sin(2*math.Pi*0.5*at)), block)
		}
		n := r.Needed(block)
		if done+n > len(in) {
			return all, nil
		}
		for i := range n {
			from[i] = float32(in[done+i])
		}
		r.Push(from[:n])
		done += n
		r.Process(to)
		all = append(all, to[0]...)
	}
}
