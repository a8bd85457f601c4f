package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"aes67-sink/internal/lab"
)

// analysedChannel is the report on one channel of one file.
type analysedChannel struct {
	File    string  `json:"file"`
	Channel int     `json:"channel"`
	RateHz  int     `json:"rate_hz"`
	Frames  int     `json:"frames"`     // of the whole file
	From    int     `json:"from_frame"` // what was judged
	To      int     `json:"to_frame"`
	Peak    float64 `json:"file_peak_dbfs"`
	lab.ToneReport
}

// analyseCommand judges the tones of WAV files.
func analyseCommand(args []string) error {
	flags := flag.NewFlagSet("analyse", flag.ContinueOnError)
	tones := flags.String("tone", "", "expected tones in `Hz`, one for each channel of all files in turn (997,1499); empty: the strongest")
	others := flags.String("other-tone", "", "tones in `Hz` that should not be there, likewise")
	from := flags.Float64("from", 0, "judge from here on, in `seconds` of the file")
	seconds := flags.Float64("seconds", 0, "judge so much; 0: to the end")
	whole := flags.Bool("whole", false, "judge the edges too; else where the tone begins and ends is left out")
	margin := flags.Float64("margin", 0.1, "with what is left out at the edges, in `seconds`")
	if err := parse(flags, "FILE...", args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return wrongUsage(flags, "no file")
	}
	expected, err := numbers(*tones)
	if err != nil {
		return wrongUsage(flags, "-tone: %v", err)
	}
	foreign, err := numbers(*others)
	if err != nil {
		return wrongUsage(flags, "-other-tone: %v", err)
	}
	reports := []analysedChannel{}
	for _, name := range flags.Args() {
		w, err := readWAV(name)
		if err != nil {
			return err
		}
		for c, x := range w.Channels {
			k := len(reports)
			r := analysedChannel{File: name, Channel: c, RateHz: int(w.Rate), Frames: len(x), Peak: lab.DBFS(lab.Peak(x))}
			rate := float64(w.Rate)
			r.From = min(len(x), max(0, int(*from*rate)))
			r.To = len(x)
			if *seconds > 0 {
				r.To = min(r.To, r.From+int(*seconds*rate))
			}
			if !*whole {
				a, b := lab.Steady(x[r.From:r.To], int(*margin*rate))
				r.From, r.To = r.From+a, r.From+b
			}
			r.ToneReport = lab.AnalyseTone(x[r.From:r.To], w.Rate, lab.ToneOptions{NearHz: at(expected, k), OtherHz: at(foreign, k)})
			reports = append(reports, r)
		}
	}
	return printJSON(map[string]any{"channels": reports})
}

func readWAV(name string) (*lab.WAV, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	w, err := lab.ReadWAV(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

// numbers reads a list separated by commas.
func numbers(text string) (list []float64, err error) {
	for field := range strings.SplitSeq(text, ",") {
		if field == "" {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil {
			return nil, fmt.Errorf("%q: not a number", field)
		}
		list = append(list, v)
	}
	return list, nil
}

// at returns the element for channel k; a single one is for all.
func at(list []float64, k int) float64 {
	switch {
	case len(list) == 1:
		return list[0]
	case k < len(list):
		return list[k]
	}
	return 0
}
