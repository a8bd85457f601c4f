package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"aes67-sink/internal/incidents"
	"aes67-sink/internal/text"
	"aes67-sink/recorder"
	"aes67-sink/status"
)

type whyCommand struct {
	When string `arg:"" name:"WHEN" optional:"" help:"Which incidents: a time of the day such as 20:14, a day such as 2026-11-29, or the beginning of an id; the last one if left out."`
	All  bool   `xor:"which" help:"List all that are kept, the newest first."`
	JSON bool   `name:"json" xor:"form" help:"Print JSON: a list, the newest first."`
	CSV  bool   `name:"csv" xor:"form,which" help:"Print what the newest of them was told from, a line a packet time, for plots."`
}

// Run tells what went wrong last, whether a bridge runs or not.
func (c *whyCommand) Run(to streams) error {
	if c.All && c.When != "" {
		return usageError{"why --all: lists all incidents, not those of " + c.When + "; leave out one of the two; see aes67-sink why --help"}
	}
	store := incidents.Ours()
	all, err := store.List()
	if code := report(to.stderr, err); code != exitDone && len(all) == 0 { // else of some, beside the rest
		return verdict(code)
	}
	chosen := all
	switch {
	case c.When != "":
		if chosen = incidents.When(all, c.When, time.Local); len(chosen) == 0 && len(all) > 0 && !c.JSON {
			_, err := fmt.Fprintf(to.stdout, "none of the %s that are kept is of %q; aes67-sink why --all lists them\n", text.Count(len(all), "incident", "incidents"), c.When)
			return err
		}
	case !c.All:
		chosen = all[:min(len(all), 1)]
	}
	return c.show(to.stdout, chosen, store.Directory)
}

// show writes incidents in the form that is wanted.
func (c *whyCommand) show(out *os.File, chosen []recorder.Kept, directory string) error {
	var page []byte
	switch {
	case c.JSON:
		list := make([]recorder.Incident, len(chosen))
		for i := range chosen {
			list[i] = chosen[i].Incident
		}
		encoded, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			return err
		}
		page = append(encoded, '\n')
	case c.CSV && len(chosen) == 0:
		page = (&recorder.Kept{}).CSV() // the head
	case len(chosen) == 0:
		page = []byte(nothing(directory) + "\n")
	case c.CSV:
		page = chosen[0].CSV()
	case c.All:
		for i := range chosen {
			page = append(page, incidents.Line(&chosen[i].Incident)...)
		}
	default:
		for i := range chosen {
			page = append(page, incidents.Words(&chosen[i].Incident, width(out))+"\n"...)
		}
		page = page[:len(page)-1]
	}
	_, err := out.Write(page)
	return err
}

// nothing says that nothing is kept, and for how long the bridge has run, if one does.
// What a full disk had no room for is on the page alone.
func nothing(directory string) string {
	kept := "nothing that went wrong is kept in " + directory
	m, err := status.NewClient().Model(context.Background()) // it has a time limit of its own
	switch {
	case errors.Is(err, status.ErrNotRunning):
		return kept + ", and no bridge of this user is running"
	case err != nil:
		return kept + "; of the bridge that runs nothing is known: " + err.Error()
	}
	return kept + "; the bridge has run for " + time.Duration(float64(m.UptimeS)*float64(time.Second)).Round(time.Second).String()
}
