package daemon

import (
	"aes67-sink/bundle"
	"aes67-sink/internal/redact"
	"aes67-sink/status"
)

// Redactor replaces the names of this computer and its user, and those that others have
// in what is heard; nil: nothing is.
func Redactor(heard *status.Listing) *redact.Redactor {
	known := bundle.Secrets()
	if heard != nil {
		for i := range heard.Sessions {
			if s := &heard.Sessions[i]; !s.Own { // ours has the computer's name in it, and the rest tells what it is
				known.Hosts, known.Sessions = append(known.Hosts, s.Host), append(known.Sessions, s.Name)
			}
		}
	}
	return redact.New(known)
}
