package doctor

import (
	"os"
	"os/user"

	"aes67-sink/status"
)

// NewSharer makes a Sharer that knows the names in this computer and those that are
// heard on the network; nil: none are known.
func NewSharer(heard *status.Listing) *Sharer {
	s := &Sharer{}
	if name, err := os.Hostname(); err == nil {
		s.Name("host", name)
	}
	if u, err := user.Current(); err == nil {
		s.Name("user", u.Username)
	}
	if heard != nil {
		for i := range heard.Sessions {
			s.Name("host", heard.Sessions[i].Host)
			s.Name("session", heard.Sessions[i].Name)
		}
	}
	return s
}
