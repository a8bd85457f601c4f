package recorder

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aes67-sink/aes67"
)

// Kept is an incident as its file holds it: what it was, and what that was told from.
type Kept struct {
	Incident
	Before   Look     `json:"before"`
	After    Look     `json:"after"`
	Evidence Evidence `json:"evidence"`
	Records  Records  `json:"records"`
}

// Keep explains a case and returns what is to be kept of it.
func Keep(plan Plan, c *Case, e *Evidence) Kept {
	f := c.find(plan)
	return Kept{
		Incident: c.explain(plan, &f, e), Before: c.Before.plain(), After: c.After.plain(), Evidence: *e,
		Records: around(c.Records, f.middle()),
	}
}

// around returns MostRecords at most: of a storm, or of a short packet time, two thirds
// before what tells most.
func around(all []Record, middle int) []Record {
	if len(all) <= MostRecords {
		return all
	}
	from := max(0, min(middle-MostRecords*2/3, len(all)-MostRecords))
	return all[from : from+MostRecords]
}

// prolong takes what went on after k, and reports whether that is the same and not much
// worse: k then lasts until its end.
func (k *Kept) prolong(c *Case, later *Kept) bool {
	if !c.continues || later.Cause != k.Cause || later.lost() > worse*k.lost() {
		return false
	}
	first, _, _ := strings.Cut(k.Sentence, goesOn)
	k.DurationMS = milliseconds(later.At.Sub(k.At)) + later.DurationMS
	k.Sentence = first + goesOn + time.Duration(k.DurationMS*float64(time.Millisecond)).Round(time.Second).String()
	k.After = later.After
	return true
}

// worse is how many times more of lost time is another incident.
const worse = 3

// lost is the time that a bill divides, in ms.
func (i *Incident) lost() (ms float64) {
	for _, s := range i.Bill {
		ms += s.MS
	}
	return ms
}

// goesOn is the end of a sentence about what did not stop.
const goesOn = "; it went on like that for "

// plain is a look without what JSON has no words for.
func (l Look) plain() Look {
	for _, x := range []*float64{&l.Target, &l.LimitedDB} {
		if math.IsNaN(*x) || math.IsInf(*x, 0) {
			*x = 0
		}
	}
	return l
}

// Records are kept as base64 of 32 bytes each, little-endian, in the order of the
// fields.
type Records []Record

const recordSize = 32

// MarshalText encodes the records.
func (r Records) MarshalText() ([]byte, error) {
	b := make([]byte, 0, recordSize*len(r))
	for i := range r {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, &r[i]); err != nil {
			return nil, err
		}
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText decodes records.
func (r *Records) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	switch {
	case err != nil:
		return err
	case len(b)%recordSize != 0:
		return fmt.Errorf("records of %d bytes: not a multiple of %d", len(b), recordSize)
	}
	*r = make(Records, len(b)/recordSize)
	_, err = binary.Decode(b, binary.LittleEndian, *r)
	return err
}

// IDForm is what an incident's id looks like.
var IDForm = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}$`)

// mostText bounds each word of an incident that is read, mostLines its lists.
const (
	mostText  = 4096
	mostLines = 64
)

// Read reads an incident's file, which may be broken.
func Read(text []byte) (Kept, error) {
	var k Kept
	if err := json.Unmarshal(text, &k); err != nil {
		return Kept{}, err
	}
	return k, k.check()
}

func (k *Kept) check() error {
	words := append([]string{k.Cause, k.Sentence}, k.Context...)
	for _, s := range k.Bill {
		words = append(words, s.Name)
	}
	for _, word := range words {
		if len(word) > mostText {
			return fmt.Errorf("a word of %d bytes: more than %d", len(word), mostText)
		}
	}
	switch {
	case !IDForm.MatchString(k.ID):
		return fmt.Errorf("id %q: not the time of an incident", k.ID)
	case k.At.IsZero():
		return errors.New("without a time")
	case k.Sentence == "":
		return errors.New("without a sentence")
	case len(k.Context) > mostLines, len(k.Bill) > mostLines:
		return errors.New("too many lines")
	}
	return nil
}

// CSV writes the records as a table for plots, with a head; times are those of the
// incident.
func (k *Kept) CSV() []byte {
	b := []byte("due_s,woke_us,ready_us,sent_us,fill_frames,ratio_ppb,pause_ms,peak_dbfs,jumped,refused,starved,skipped,flows\n")
	for i := range k.Records {
		s := &k.Records[i]
		b = strconv.AppendFloat(b, k.due(s.Due), 'f', 6, 64)
		for _, ns := range []int32{s.Woke, s.Ready, s.Sent} {
			b = strconv.AppendFloat(append(b, ','), float64(ns)/1e3, 'f', 1, 64)
		}
		for _, x := range []float32{s.Fill, s.Ratio} {
			b = strconv.AppendFloat(append(b, ','), float64(x), 'f', 1, 32)
		}
		b = strconv.AppendFloat(append(b, ','), float64(s.Pause)*milliseconds(unitsOfPause), 'f', 1, 64)
		b = append(b, ',')
		if peak := s.PeakDBFS(); !math.IsInf(peak, -1) {
			b = strconv.AppendFloat(b, peak, 'f', 1, 64)
		}
		for _, m := range []Marks{Jumped, Refused, Starved, Skipped, Flows} {
			b = strconv.AppendBool(append(b, ','), s.has(m))
		}
		b = append(b, '\n')
	}
	return b
}

// due is when a record was due, in seconds after the incident began.
func (k *Kept) due(at aes67.RawTime) float64 {
	return (at.Sub(k.Before.Raw) - k.At.Sub(k.Before.At)).Round(time.Microsecond).Seconds()
}
