package speakers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"aes67-sink/internal/state"
	"aes67-sink/internal/text"
	"aes67-sink/ssc"
	"aes67-sink/ssc/wire"
)

// Backup is a file of what speakers were set to.
type Backup struct {
	Taken    time.Time `json:"taken"`
	Comment  string    `json:"comment,omitempty"`
	Speakers []Saved   `json:"speakers"`
}

// Saved is one speaker of a backup.
type Saved struct {
	Name     string                 `json:"name"`
	Model    string                 `json:"model"`
	Serial   string                 `json:"serial"`
	Firmware string                 `json:"firmware"`
	Leaves   map[ssc.Path]ssc.Value `json:"leaves"`
}

const (
	// readTime bounds reading all of a speaker: 100 leaves of a slow one.
	readTime = 2 * time.Minute
	// maxLeaves bounds what is taken from one speaker; the largest known has about 60.
	maxLeaves = 1000
)

// paths are all leaves of a speaker: as it tells, else those that are known.
func paths(ctx context.Context, d *ssc.Device) ([]ssc.Path, error) {
	var out []ssc.Path
	var walk func(at ssc.Path, depth int) error
	walk = func(at ssc.Path, depth int) error {
		below, err := d.Below(ctx, at)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(below)) {
			p := ssc.Path(strings.TrimPrefix(string(at)+"/"+name, "/"))
			switch {
			case p == "osc" || p == "m" || len(out) >= maxLeaves:
			case !below[name]:
				out = append(out, p)
			case depth < 8:
				if err := walk(p, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := walk("", 0)
	var refused *ssc.Error
	if errors.As(err, &refused) || errors.Is(err, wire.ErrMessage) {
		return wire.KnownPaths(), nil
	}
	return out, err
}

// save reads all of a speaker.
func save(ctx context.Context, s Speaker) (Saved, error) {
	ctx, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	out := Saved{Name: s.Name, Model: s.Model, Serial: s.Serial, Firmware: s.Firmware, Leaves: map[ssc.Path]ssc.Value{}}
	if s.Problem != "" {
		return out, errors.New(s.Problem)
	}
	all, err := paths(ctx, s.device)
	if err != nil {
		return out, err
	}
	for _, p := range all {
		v, err := s.device.Get(ctx, p)
		var refused *ssc.Error
		switch {
		case err == nil:
			out.Leaves[p] = v
		case !errors.As(err, &refused):
			return out, err
		}
	}
	return out, nil
}

func (c Command) backup(ctx context.Context, out io.Writer, all []Speaker) error {
	b := Backup{Taken: time.Now().UTC(), Comment: c.Comment, Speakers: make([]Saved, len(all))}
	faults := make([]error, len(all))
	each(all, func(i int, s Speaker) {
		var err error
		if b.Speakers[i], err = save(ctx, s); err != nil {
			faults[i] = fmt.Errorf("%s: %w; nothing is kept", s.label(), err)
		}
	})
	if err := errors.Join(faults...); err != nil {
		return err // half a backup is none
	}
	if err := (state.File[Backup]{Path: c.Value}).Save(b); err != nil {
		return err
	}
	for _, s := range b.Speakers {
		fmt.Fprintf(out, "%s: %d settings kept in %s\n", text.Printable(s.Name), len(s.Leaves), text.Printable(c.Value))
	}
	return nil
}

// keep takes a backup of one speaker before something touches its equalizer.
func (c Command) keep(ctx context.Context, s Speaker) (string, error) {
	saved, err := save(ctx, s)
	if err != nil {
		return "", fmt.Errorf("no backup could be taken first, so nothing was written: %w", err)
	}
	now := time.Now().UTC()
	file := state.File[Backup]{Path: c.keepName(s, now)}
	return file.Path, file.Save(Backup{Taken: now, Comment: "before a change", Speakers: []Saved{saved}})
}

// Change is a leaf in which a speaker differs from its backup.
type Change struct {
	Path     ssc.Path
	Now, Was ssc.Value
}

// louder reports whether what was kept would turn the speaker up: nobody is to be
// surprised by that who wants his equalizer back, or whose slider moves the level.
func (c Change) louder() bool {
	switch c.Path {
	case wire.Level, wire.SubLevel, wire.Dimm, "audio/in/gain", "audio/out/mixer/levels", "audio/out/aes67mixer1/levels":
		now, known := c.Now.Floats()
		was, ok := c.Was.Floats()
		if !known || !ok || len(now) != len(was) {
			return true
		}
		for i := range now {
			if was[i] > now[i] {
				return true
			}
		}
		return false
	case wire.Mute, wire.SubMute:
		return c.Now.Same(wire.Bool(true))
	default:
		return false
	}
}

// differences are sorted by path.
func differences(now, was Saved) []Change {
	var out []Change
	for _, p := range slices.Sorted(maps.Keys(was.Leaves)) {
		if v, has := now.Leaves[p]; has && !v.Same(was.Leaves[p]) && !measured(p) {
			out = append(out, Change{p, v, was.Leaves[p]})
		}
	}
	return out
}

// measured are leaves that change by themselves, or tell what the speaker is.
func measured(p ssc.Path) bool {
	return p == wire.StandbyIn || p == wire.Warnings || p == wire.CurrentInput || p == wire.Identify ||
		strings.HasPrefix(string(p), "m/") || strings.HasPrefix(string(p), "device/identity/")
}

// restore shows what differs, writes it, and reads it again.
func (c Command) restore(ctx context.Context, out io.Writer, all []Speaker) error {
	b, err := (state.File[Backup]{Path: c.Value}).Load()
	if err != nil {
		return err
	}
	var faults []error
	restored := 0
	for _, s := range all {
		i := slices.IndexFunc(b.Speakers, func(was Saved) bool { return was.Serial != "" && was.Serial == s.Serial })
		if i < 0 {
			fmt.Fprintf(out, "%s: not in %s\n", text.Printable(s.label()), text.Printable(c.Value))
			continue
		}
		restored++
		if err := c.restoreOne(ctx, out, s, b.Speakers[i]); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", s.label(), err))
		}
	}
	if restored == 0 {
		return fmt.Errorf("%s has none of these speakers, by their serial numbers", c.Value)
	}
	return errors.Join(faults...)
}

func (c Command) restoreOne(ctx context.Context, out io.Writer, s Speaker, was Saved) error {
	name := text.Printable(s.label())
	if s.Model != was.Model {
		return fmt.Errorf("is a %s, and the backup of a %s", s.Model, was.Model)
	}
	now, err := save(ctx, s)
	if err != nil {
		return err
	}
	changes := differences(now, was)
	for _, ch := range changes {
		fmt.Fprintf(out, "%s: %s is %s, was %s\n", name, text.Printable(string(ch.Path)), text.Printable(ch.Now.String()), text.Printable(ch.Was.String()))
	}
	if len(changes) == 0 || c.DryRun {
		fmt.Fprintf(out, "%s: %d settings differ\n", name, len(changes))
		return nil
	}
	kept, err := c.keep(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: what it had is kept in %s\n", name, kept)
	written, stays := 0, 0
	for _, ch := range changes {
		if ch.louder() {
			fmt.Fprintf(out, "%s: %s stays: what was kept is louder; set it by hand\n", name, text.Printable(string(ch.Path)))
			stays++
			continue
		}
		if r := s.set(ctx, ch.Path, ch.Was); r.Problem != "" {
			fmt.Fprintf(out, "%s: %s stays: %s\n", name, text.Printable(string(ch.Path)), text.Printable(r.Problem))
			continue
		}
		written++
	}
	again, err := save(ctx, s)
	if err != nil {
		return fmt.Errorf("written, and then not read again: %w", err)
	}
	fmt.Fprintf(out, "%s: %d settings written\n", name, written)
	if left := len(differences(again, was)) - stays; left > 0 {
		return fmt.Errorf("%d settings still differ", left)
	}
	return nil
}

// checkRaw checks a line before any speaker is asked.
func checkRaw(line string) error {
	if err := wire.AllowedLine([]byte(line)); err != nil {
		return fmt.Errorf("%w raw: %w", ErrUsage, err)
	}
	return nil
}

// raw sends a line as it is. One that may write an equalizer is sent after a backup.
func (c Command) raw(ctx context.Context, s Speaker) Result {
	r := s.result()
	if r.Problem != "" {
		return r
	}
	if wire.TouchesEqualizer([]byte(c.Value)) {
		kept, err := c.keep(ctx, s)
		if err != nil {
			r.Problem = err.Error()
			return r
		}
		r.Note = "what it had is kept in " + kept
	}
	ctx, stop := context.WithTimeout(ctx, budget)
	defer stop()
	answer, err := s.device.Raw(ctx, c.Value)
	if err == nil {
		r.Value, err = wire.JSON(answer)
	}
	if err != nil {
		r.Problem = err.Error()
	}
	return r
}
