package speakers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"aes67-sink/internal/state"
	"aes67-sink/internal/text"
	"aes67-sink/ssc"
)

// Command is what is asked on the command line.
type Command struct {
	Verb    string   // "" shows the table
	Value   string   // of the verb
	On      string   // a name, a serial number, left, right or all
	Address []string // instead of looking by mDNS
	JSON    bool
	DryRun  bool // restore only shows
	Comment string

	Player Player // of pair

	// StateDir and Timeout are the usual ones unless set.
	StateDir string
	Timeout  time.Duration
}

// Run does it. An error is ErrUsage, or tells why nothing could be done; what went wrong
// at one speaker is printed with it, and is an error too.
func (c Command) Run(ctx context.Context, out io.Writer) error {
	if c.StateDir == "" {
		c.StateDir = state.Directory()
	}
	var do func(context.Context, Speaker) Result
	switch c.Verb {
	case "", "pair":
	case "raw":
		if err := checkRaw(c.Value); err != nil {
			return err
		}
		do = c.raw
	case "backup", "restore":
		if c.Value == "" {
			return fmt.Errorf("%w %s: needs a file, such as aes67-sink speakers %[2]s speakers-backup.json", ErrUsage, c.Verb)
		}
	default:
		verb, value, err := parseVerb(c.Verb, c.Value)
		if err != nil {
			return err
		}
		do = func(ctx context.Context, s Speaker) Result { return s.set(ctx, verb.path(s, c.Value), value) }
	}
	all, err := c.speakers(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range all {
			s.device.Close()
		}
	}()
	chosen, err := c.choose(all)
	if err != nil {
		return err
	}
	switch c.Verb {
	case "":
		return c.show(out, chosen)
	case "pair":
		return c.pair(ctx, out, chosen)
	case "backup":
		return c.backup(ctx, out, chosen)
	case "restore":
		return c.restore(ctx, out, chosen)
	case "name":
		if len(chosen) > 1 {
			return fmt.Errorf("%w name: %d speakers would be of one name; say which with --on", ErrUsage, len(chosen))
		}
	}
	results := make([]Result, len(chosen))
	each(chosen, func(i int, s Speaker) { results[i] = do(ctx, s) })
	return c.tell(out, results)
}

// each runs something for all speakers at once.
func each(all []Speaker, do func(int, Speaker)) {
	var wait sync.WaitGroup
	for i, s := range all {
		wait.Go(func() { do(i, s) })
	}
	wait.Wait()
}

// speakers finds and asks them.
func (c Command) speakers(ctx context.Context) ([]Speaker, error) {
	var found []Found
	for _, said := range c.Address {
		at, err := ParseAddress(said)
		if err != nil {
			return nil, fmt.Errorf("%w %w", ErrUsage, err)
		}
		found = append(found, Found{Addr: at})
	}
	if len(found) == 0 {
		var err error
		if found, err = Find(ctx); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no speaker answers by mDNS (_ssc._tcp); are they on, and on the network of this computer? A firewall must let UDP 5353 in; --address asks one without mDNS")
	}
	pair, err := PairFile(c.StateDir).Load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make([]Speaker, len(found))
	var wait sync.WaitGroup
	for i, f := range found {
		wait.Go(func() {
			s := Look(ctx, ssc.NewDevice(f.Addr, c.Timeout))
			s.found, s.Side = f, pair.side(s.Serial)
			all[i] = s
		})
	}
	wait.Wait()
	return once(all), nil
}

// once leaves a speaker out that was found twice, by several interfaces or protocols.
func once(all []Speaker) []Speaker {
	var out []Speaker
	for _, s := range all {
		if s.Serial != "" && slices.ContainsFunc(out, func(o Speaker) bool { return o.Serial == s.Serial }) {
			s.device.Close()
			continue
		}
		out = append(out, s)
	}
	return out
}

// side of a speaker in the pair; "": neither.
func (p Pair) side(serial string) string {
	switch {
	case serial == "":
		return ""
	case serial == p.Left.Serial:
		return "left"
	case serial == p.Right.Serial:
		return "right"
	}
	return ""
}

// choose finds those that are meant.
func (c Command) choose(all []Speaker) ([]Speaker, error) {
	if c.On == "" || c.On == "all" {
		return all, nil
	}
	var out []Speaker
	var names []string
	for _, s := range all {
		names = append(names, s.label())
		if strings.EqualFold(s.label(), c.On) || s.Serial == c.On || s.Side == c.On {
			out = append(out, s)
		}
	}
	// A side that is remembered goes before a speaker that is called so.
	if i := slices.IndexFunc(out, func(s Speaker) bool { return s.Side == c.On || s.Serial == c.On }); i >= 0 {
		return out[i : i+1], nil
	}
	switch {
	case len(out) == 0:
		return nil, fmt.Errorf("no speaker is %s; there are %s", text.Printable(c.On), text.Printable(text.List(names)))
	case len(out) > 1:
		return nil, fmt.Errorf("%d speakers are called %s; take --on with the serial number, which aes67-sink speakers shows", len(out), text.Printable(c.On))
	}
	return out, nil
}

// errSome says that something is told above.
var errSome = errors.New("not all speakers did what was asked")

func (c Command) show(out io.Writer, all []Speaker) error {
	said := Table(all)
	if c.JSON {
		said = inJSON(all)
	}
	_, err := io.WriteString(out, said)
	if err == nil && slices.ContainsFunc(all, func(s Speaker) bool { return s.Problem != "" }) {
		err = errors.New("not all speakers answer")
	}
	return err
}

func (c Command) tell(out io.Writer, results []Result) error {
	said := ""
	for _, r := range results {
		line := r.Name + ": " + string(r.Path) + " " + r.Value.String()
		if r.Path == "" {
			line = r.Name + ": " + r.Value.String()
		}
		if r.Note != "" {
			line += " (" + r.Note + ")"
		}
		if r.Problem != "" {
			line = r.Name + ": PROBLEM " + r.Problem
		}
		said += text.Printable(line) + "\n"
	}
	if c.JSON {
		said = inJSON(results)
	}
	_, err := io.WriteString(out, said)
	if err == nil && slices.ContainsFunc(results, func(r Result) bool { return r.Problem != "" }) {
		err = errSome
	}
	return err
}

func inJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "null\n"
	}
	return string(b) + "\n"
}

// keepName is a file of the state directory that holds what one speaker had.
func (c Command) keepName(s Speaker, now time.Time) string {
	serial := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s.Serial)
	return filepath.Join(c.StateDir, "speaker-"+serial+"-"+now.Format("20060102-150405.000")+".json")
}
