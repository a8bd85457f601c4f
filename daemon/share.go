package daemon

import (
	"context"
	"errors"

	"aes67-sink/bundle"
	"aes67-sink/internal/redact"
	"aes67-sink/internal/state"
	"aes67-sink/speakers"
	"aes67-sink/status"
)

// Redactor replaces the names of this computer and its user, and those that others have
// in what is heard, or had; nil: nothing is.
func Redactor(heard *status.Listing, gone *redact.Others) *redact.Redactor {
	known := bundle.Secrets()
	if heard != nil {
		for i := range heard.Sessions {
			if s := &heard.Sessions[i]; !s.Own { // ours has the computer's name in it, and the rest tells what it is
				known.Hosts, known.Sessions = append(known.Hosts, s.Host), append(known.Sessions, s.Name)
			}
		}
	}
	if pair, err := speakers.PairFile(state.Directory()).Load(); err == nil {
		for _, side := range []speakers.Identity{pair.Left, pair.Right} {
			known.Speakers = append(known.Speakers, side.Name, side.Serial)
		}
	}
	if gone != nil {
		gone.Tell(&known)
	}
	return redact.New(known)
}

var errOthers = errors.New("left out of what anybody may read, since only a running bridge knows the names of others in it")

// Unheard leaves out of a bundle for anybody to read, made without a bridge, what may
// tell the names of others: nobody knows them then.
func Unheard(parts []bundle.Part) []bundle.Part {
	for i := range parts {
		if p := &parts[i]; p.Name == "log.txt" || p.Name == "incidents.json" {
			p.Make = func(context.Context) ([]byte, error) { return nil, errOthers }
		}
	}
	return parts
}
