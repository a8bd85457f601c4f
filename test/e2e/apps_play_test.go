package e2e

import (
	"fmt"
	"strings"
	"time"

	"aes67-sink/aes67"
	"aes67-sink/internal/lab"
	"aes67-sink/internal/rtthread"
)

// playFile runs the program's recipe for a file to its end.
func (r *appRoom) playFile(a *app, c clip) outcome {
	r.t.Helper()
	path, at := c.write(r.t, r.files), rtthread.Now()
	p := r.run(a, 0, path)
	if !soon(c.length+15*time.Second, p.ended) {
		p.stop()
		return outcome{faults: []string{"it does not end with the file"}, wrong: true}
	}
	out := r.heardOf(c, at)
	if p.err != nil {
		out.never("%v: %s", p.err, tail(p.output.String(), 3))
	}
	return out
}

// playHeld plays a file with a program in hand.
func (r *appRoom) playHeld(in remote, c clip) outcome {
	r.t.Helper()
	in.load(c.write(r.t, r.files))
	r.sounding()
	at := in.play()
	soon(5*time.Second, r.sounding)
	pass(c.length)
	soon(5*time.Second, func() bool { pass(250 * time.Millisecond); return !r.sounding() })
	return r.heardOf(c, at)
}

// playTones lets a program make its own: left alone, then right alone.
func (r *appRoom) playTones(a *app, c clip) outcome {
	r.t.Helper()
	at := rtthread.Now()
	p := r.run(a, 0, "", "-t sine", fmt.Sprintf("-t sine -r %d -F S%d_LE", c.rate, map[int]int{16: 16, 24: 32}[c.bits]))
	if !soon(20*time.Second, p.ended) {
		p.stop()
		return outcome{faults: []string{"it does not end"}, wrong: true}
	}
	out := r.heardTones(at)
	if p.err != nil {
		out.never("%v: %s", p.err, tail(p.output.String(), 3))
	}
	return out
}

// long is a file to do something with.
func long(shift int) clip { return clip{44100, 16, 2, 5 * time.Second, shift} }

// transport pauses, goes on, seeks and takes the next file.
func (r *appRoom) transport(in remote) outcome {
	r.t.Helper()
	first, second := long(0), long(0)
	second.length += time.Second
	in.load(first.write(r.t, r.files), second.write(r.t, r.files))
	at := in.play()
	pass(1300 * time.Millisecond)
	in.pause()
	pass(500 * time.Millisecond)
	in.resume()
	pass(700 * time.Millisecond)
	in.seek(3 * time.Second)
	pass(700 * time.Millisecond)
	in.next()
	pass(time.Second)
	in.pause()
	pass(300 * time.Millisecond)
	return r.besideMonitor(at, 2*time.Second)
}

// moveFile moves a program that plays a file.
func (r *appRoom) moveFile(a *app) outcome {
	r.t.Helper()
	path, at := long(0).write(r.t, r.files), rtthread.Now()
	p := r.run(a, 0, path)
	defer p.stop()
	return r.move(at)
}

func (r *appRoom) moveHeld(in remote) outcome {
	r.t.Helper()
	in.load(long(0).write(r.t, r.files))
	at := in.play()
	defer func() { in.pause(); pass(300 * time.Millisecond) }()
	return r.move(at)
}

// move moves what plays away and back again.
func (r *appRoom) move(at aes67.MonoTime) (out outcome) {
	r.t.Helper()
	input := ""
	if !soon(5*time.Second, func() bool {
		if away := r.plays(otherSink); away != "" { // where a try before has left it
			r.server.pactl("move-sink-input", away, "aes67")
		}
		input = r.plays("aes67")
		return input != "" && r.sounding()
	}) {
		return outcome{faults: []string{"it does not play to the sink"}, wrong: true}
	}
	pass(betweenMoves)
	r.server.pactl("move-sink-input", input, otherSink)
	silent := soon(2*time.Second, func() bool { return !r.sounding() })
	pass(betweenMoves)
	back := rtthread.Now()
	r.server.pactl("move-sink-input", input, "aes67")
	pass(time.Second)
	out = r.besideMonitor(at, time.Second)
	if !silent {
		out.never("it is heard still after it was moved away")
	}
	if first, ok := firstSound(r.own[0].tail(back)); !ok {
		out.never("it is not heard after it was moved to the sink")
	} else if took := first.Sub(back); took > movedWithin {
		out.fault("moved to the sink, it is heard after %v", took)
	}
	return out
}

// betweenMoves lets a session manager settle, as between two clicks.
const betweenMoves = 800 * time.Millisecond

// movedWithin is how soon what is moved to the sink is heard, inHand and all.
const movedWithin = 700 * time.Millisecond

// plays returns the number of the stream that plays to a sink, "" if there is none.
func (r *appRoom) plays(sink string) (input string) {
	numbers := map[string]string{}
	for line := range strings.Lines(r.server.pactl("list", "short", "sinks")) {
		if f := strings.Fields(line); len(f) > 1 {
			numbers[f[0]] = f[1]
		}
	}
	for line := range strings.Lines(r.server.pactl("list", "short", "sink-inputs")) {
		if f := strings.Fields(line); len(f) > 1 && numbers[f[1]] == sink {
			input = f[0]
		}
	}
	return input
}

// sounding tells whether there was sound in the left stream since it was asked last.
func (r *appRoom) sounding() bool { return r.own[0].TakeLevels()[0].PeakDBFS > lab.DBFS(clipSounds) }

// judgeTwo plays two files at once with two programs: they are mixed.
func (r *appRoom) judgeTwo() {
	r.t.Helper()
	need(r.t, "aplay", "paplay")
	second := clip{96000, 24, 2, 3 * time.Second, 4}
	row := appRow{program: "paplay and aplay at once", server: r.name}
	out := r.again(false, func() outcome {
		first := long(0)
		at := rtthread.Now()
		r.recipe = recipeOf(r.t, "paplay")
		one := r.run(&app{name: "paplay"}, 0, first.write(r.t, r.files))
		defer one.stop()
		r.recipe = recipeOf(r.t, "aplay")
		r.server.install(r.recipe)
		two := r.run(&app{name: "aplay"}, 0, second.write(r.t, r.files))
		defer two.stop()
		pass(2500 * time.Millisecond)
		return r.heardBoth(first, second, at)
	})
	row.mixed(r.t, out)
	appRows.add(row)
}

// firstSound tells when there was sound first.
func firstSound(h heard) (aes67.MonoTime, bool) {
	from, to := loud(h.x)
	if from == to {
		return 0, false
	}
	return h.at(from), true
}
