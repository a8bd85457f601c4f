package netif

import (
	"errors"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// metaQuery is the name whose PTR records list service types (RFC 6763, 9).
const metaQuery = "_services._dns-sd._udp.local."

// asked are the services that devices are asked for (RFC 6763, 4.1 and 7.1).
var asked = []string{"_ravenna_session._sub._rtsp._tcp.local.", "_netaudio-arc._udp.local.", "_ssc._tcp.local."}

// query asks for them, and for the answers to go to the group (RFC 6762, 5.2 and 18).
func query() []byte {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{})
	err := b.StartQuestions()
	for _, name := range asked {
		var n dnsmessage.Name
		if err == nil {
			n, err = dnsmessage.NewName(name)
		}
		if err == nil {
			err = b.Question(dnsmessage.Question{Name: n, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET})
		}
	}
	message, finishErr := b.Finish()
	if errors.Join(err, finishErr) != nil {
		return nil // not with the names above
	}
	return message
}

// announcedService returns the AES67 service that a multicast DNS response
// announces, such as "_ravenna_session" or "_netaudio-arc", and "" for
// anything else: queries, goodbyes, other services, what is broken.
func announcedService(message []byte) string {
	var p dnsmessage.Parser
	if h, err := p.Start(message); err != nil || !h.Response {
		return ""
	}
	if p.SkipAllQuestions() != nil {
		return ""
	}
	if service := sectionService(&p, (*dnsmessage.Parser).AnswerHeader, (*dnsmessage.Parser).SkipAnswer); service != "" {
		return service
	}
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return ""
	}
	return sectionService(&p, (*dnsmessage.Parser).AdditionalHeader, (*dnsmessage.Parser).SkipAdditional)
}

// sectionService looks at the records of one section.
func sectionService(p *dnsmessage.Parser, header func(*dnsmessage.Parser) (dnsmessage.ResourceHeader, error), skip func(*dnsmessage.Parser) error) string {
	for {
		h, err := header(p)
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return ""
		}
		// The parser refuses names with a dot in a label, which instance names
		// may have; such a record can still be skipped.
		read := false
		if err == nil && h.TTL > 0 {
			var service string
			if service, read = recordService(p, h); service != "" {
				return service
			}
		}
		if !read && skip(p) != nil {
			return ""
		}
	}
}

// recordService looks at one record: its owner, or what the list of service
// types points at; read tells that the parser is behind the record then.
func recordService(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) (service string, read bool) {
	owner := h.Name.String()
	if h.Type == dnsmessage.TypePTR && strings.EqualFold(owner, metaQuery) {
		target, err := p.PTRResource()
		if err != nil {
			return "", false
		}
		return aesService(target.PTR.String()), true
	}
	return aesService(owner), false
}

// aesService returns the label of a name that is a service of AES67 devices: RAVENNA,
// Dante, or Sennheiser's and Neumann's control (SSC). It is told to the user, so it has
// letters, digits and hyphens alone, as service names do (RFC 6335, 5.1).
func aesService(name string) string {
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		if label == "_ravenna" || label == "_ravenna_session" || label == "_ssc" || strings.HasPrefix(label, "_netaudio-") && strings.Trim(label, "_-abcdefghijklmnopqrstuvwxyz0123456789") == "" {
			return label
		}
	}
	return ""
}
