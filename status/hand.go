package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// Hand sets what the page lets its readers set: of one speaker of the pair, by its
// channel (front-left, front-right). It is called from any goroutine, and answers in less
// than 5 s. An error is a sentence for the reader.
type Hand interface {
	SetMute(ctx context.Context, channel string, yes bool) error
	Identify(ctx context.Context, channel string, yes bool) error
}

const (
	formType = "application/x-www-form-urlencoded" // HTML Standard, 4.10.21.8: what a form is sent as
	maxForm  = 256                                 // bytes; ours have at most 40
)

// order is what a form asks for.
type order struct {
	channel, what string
	yes           bool
}

// serveSpeaker carries out the form of a speaker, the only thing that can be changed here,
// and leads back to the page.
func (s *Server) serveSpeaker(w http.ResponseWriter, r *http.Request) {
	if !ownForm(r.Header, r.Host) {
		http.Error(w, "a form of this page alone sets speakers: neither Sec-Fetch-Site nor Origin says that it is; open the page itself", http.StatusForbidden)
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != formType {
		http.Error(w, fmt.Sprintf("Content-Type %q is no form's; send %s", r.Header.Get("Content-Type"), formType), http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		http.Error(w, fmt.Sprintf("the form is longer than %d bytes", maxForm), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the form is not whole; send it again", http.StatusBadRequest)
		return
	}
	o, err := parseOrder(string(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	set := s.hand.SetMute
	if o.what == "identify" {
		set = s.hand.Identify
	}
	if err := set(r.Context(), o.channel, o.yes); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	// Relative, so that it holds behind a proxy too (RFC 9110, 10.2.2).
	header := w.Header()
	header.Set("Location", "./#speakers")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// ownForm reports whether a browser says that a form is of the page itself. It says so by
// Sec-Fetch-Site, behind a proxy too; over plain HTTP, where it sends that to this computer
// alone (W3C Fetch Metadata Request Headers, 2), by an Origin, which a form always has.
func ownForm(header http.Header, host string) bool {
	if site := header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := header.Get("Origin")
	return origin == "http://"+host || origin == "https://"+host
}

// parseOrder reads a form: a speaker, and mute or identify, each once.
func parseOrder(body string) (o order, err error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return o, errors.New("the form cannot be read; send speaker=front-left&mute=on")
	}
	for key, values := range form {
		switch {
		case len(values) != 1:
			return o, fmt.Errorf("the form has %d of %q; send one", len(values), key)
		case key == "speaker":
			o.channel = values[0]
			continue
		case key != "mute" && key != "identify":
			return o, fmt.Errorf("the form sets %q; mute and identify can be set", key)
		case values[0] != "on" && values[0] != "off":
			return o, fmt.Errorf("%s is %q; send on or off", key, values[0])
		case o.what != "":
			return o, errors.New("the form sets mute and identify; send one")
		}
		o.what, o.yes = key, values[0] == "on"
	}
	if o.channel == "" || o.what == "" {
		return o, errors.New("the form names no speaker, or nothing to set; send speaker=front-left&mute=on")
	}
	return o, nil
}
