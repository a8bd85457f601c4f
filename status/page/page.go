package page

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"aes67-sink/recorder"
	"aes67-sink/status"
)

//go:embed page.html
var layout string

//go:embed assets
var assets embed.FS

// Page answers what browsers ask for people: "/", "/events" and the files of the page.
type Page struct {
	teller status.Teller
	laid   *template.Template
	files  map[string]file
	hub    *hub
}

// New makes the page of what a teller tells; it starts nothing.
func New(teller status.Teller) *Page {
	return &Page{
		teller: teller,
		laid:   template.Must(template.New("page").Parse(layout)), // of this program itself
		files:  load(assets),
		hub:    newHub(teller),
	}
}

// ServeHTTP answers GET.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch name := r.URL.Path[1:]; name {
	case "":
		p.servePage(w, r)
	case "events":
		p.hub.serve(w, r)
	default:
		if f, there := p.files[name]; there {
			f.serve(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

// servePage answers with the whole page, complete without its script.
func (p *Page) servePage(w http.ResponseWriter, r *http.Request) {
	l := preferred(r.Header.Get("Accept-Language"))
	now := ask(p.teller, measure(p.teller.History()), newest(p.teller.Events(0)))
	var b bytes.Buffer
	if err := p.laid.Execute(&b, lay(l, &now, p.teller.Incidents())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", l.tag())
	header.Set("Vary", "Accept-Language")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // a reader that went away is no fault of ours
}

// ask takes a picture of the bridge; what is dear to get is handed in.
func ask(teller status.Teller, s spread, events []recorder.Event) picture {
	return picture{
		model: teller.Model(), listing: teller.Listing(), sessions: teller.Sessions(),
		events: events, spread: s,
	}
}

// newest returns the last of the events.
func newest(events []recorder.Event) []recorder.Event {
	return events[max(0, len(events)-mostEvents):]
}

// view is what the template lays out.
type view struct {
	language language
	texts    map[string]string
	Version  string
	Shape    string
	channels []string // of the peaks, by the numbers of their series
	Speakers []speaker
	Outputs  []int // numbers, from 1, of what has texts
	Streams  []int
	SDP      []int
	Sessions []int
	Masters  []int
	Notes    []int
	Also     []int
	Events   []event // the newest first
	Bins     []bin
}

// event is one with the incident that explains it.
type event struct {
	recorder.Event
	Clock    string // its time, with the date where that is another than the newest's
	Known    bool   // Incident is
	Incident recorder.Incident
}

// bin is a line of the histogram of lateness.
type bin struct{ UpTo, Count string }

func lay(l language, p *picture, incidents []recorder.Incident) *view {
	v := &view{language: l, texts: texts(l, p), Version: p.model.Version}
	v.Shape = shape(v.texts, p.events)
	v.channels = peakNames(l, &p.model)
	v.Outputs, v.Speakers = numbers(len(p.model.Sinks)), speakers(l, &p.model)
	v.Streams, v.SDP = numbers(len(p.model.Streams)), numbers(len(p.sessions))
	v.Sessions, v.Masters, v.Notes = numbers(len(p.listing.Sessions)), numbers(len(p.listing.Masters)), numbers(len(p.listing.Notes))
	for _, there := v.texts[fmt.Sprintf("also.%d.sentence", len(v.Also)+1)]; there; _, there = v.texts[fmt.Sprintf("also.%d.sentence", len(v.Also)+1)] {
		v.Also = append(v.Also, len(v.Also)+1)
	}
	for _, e := range byTime(p.events) {
		shown := event{Event: e, Clock: e.At.Format("15:04:05")}
		if day := e.At.Format(time.DateOnly); day != p.events[len(p.events)-1].At.Format(time.DateOnly) {
			shown.Clock = day + " " + shown.Clock
		}
		if at := slices.IndexFunc(incidents, func(i recorder.Incident) bool { return e.Why != "" && i.ID == e.Why }); at >= 0 {
			shown.Known, shown.Incident = true, incidents[at]
		}
		v.Events = append(v.Events, shown)
	}
	for i, n := range p.spread.lateness.Counts {
		upTo := l.word("table.above")
		if i < len(p.spread.lateness.EdgesUS) {
			upTo = late(l, int64(p.spread.lateness.EdgesUS[i]))
		}
		v.Bins = append(v.Bins, bin{upTo, count(n)})
	}
	return v
}

// byTime orders events by when they were, the newest first: an incident is told when it is over.
func byTime(events []recorder.Event) []recorder.Event {
	return slices.SortedStableFunc(slices.Values(events), func(a, b recorder.Event) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Number, a.Number))
	})
}

// numbers are those from 1 to n.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// Channels are those of the peaks, in one word for the script.
func (v *view) Channels() string { return strings.Join(v.channels, "|") }

// Tag is the language's.
func (v *view) Tag() string { return v.language.tag() }

// T is a text of the table of words.
func (v *view) T(key string) string { return v.language.word(key) }

// Of names a value of the bridge.
func (v *view) Of(kind, value string) string { return v.language.wordOf(kind, value) }

// Now is a text as it is now.
func (v *view) Now(id string, of ...any) string { return v.texts[fmt.Sprintf(id, of...)] }

// Live is a text that the stream of events renews.
func (v *view) Live(id string, of ...any) template.HTML { return v.live("", id, of...) }

// Said is such a text in the words of the bridge, which are English.
func (v *view) Said(id string, of ...any) template.HTML { return v.live(` lang="en"`, id, of...) }

func (v *view) live(attributes, id string, of ...any) template.HTML {
	id = fmt.Sprintf(id, of...)
	return template.HTML(fmt.Sprintf(`<span data-t="%s"%s>%s</span>`, //nolint:gosec // both are escaped
		template.HTMLEscapeString(id), attributes, template.HTMLEscapeString(v.texts[id])))
}

// Mark is the state by which an element is drawn, renewed like a text.
func (v *view) Mark(id string, of ...any) template.HTMLAttr {
	id = fmt.Sprintf(id, of...) + ".state"
	return template.HTMLAttr(fmt.Sprintf(`data-s="%s" data-state="%s"`, //nolint:gosec // both are escaped
		template.HTMLEscapeString(id), template.HTMLEscapeString(v.texts[id])))
}

// Quantity writes a decimal number.
func (v *view) Quantity(x float64, places int) string { return v.language.decimal(x, places) }

// Described reports whether a stream has a session description.
func (v *view) Described(stream int) bool { return stream <= len(v.SDP) }

// List is a list for the template to range over.
func (v *view) List(names ...string) []string { return names }

// table is the numbers beside a plot.
type table struct {
	V    *view
	Rows []string // series of recorder
}

// Table is that of some series.
func (v *view) Table(rows ...string) table { return table{v, rows} }

// Peaks is the table of all channels' peaks.
func (v *view) Peaks() table { return table{v, tabled(len(v.channels))[len(tabled(0)):]} }

// Row names a row of a table: what is measured, where that is not plain, and when.
func (v *view) Row(series, window string) string {
	window = v.T("plots." + window)
	if series == recorder.RatioPPB {
		return v.T("table.ratio") + ", " + window
	}
	for c, name := range v.channels {
		if series == peakSeries(c) {
			return name + ", " + window
		}
	}
	return window
}
