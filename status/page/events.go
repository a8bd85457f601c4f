package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"aes67-sink/recorder"
	"aes67-sink/status"
)

const (
	mostStreams  = 8                      // of events at a time
	beat         = 250 * time.Millisecond // between points; recorder.History has 4 a second
	beatsStatus  = 4                      // between pictures and texts
	beatsSpread  = 40                     // between measures of the spread, which are dear
	backlog      = 32                     // events that a slow reader may be behind: 4 s
	writeTimeout = 5 * time.Second
	busyRetry    = "5" // s, for whoever finds no stream free
)

// hub sends events to all who look. Its pump runs while anybody does.
type hub struct {
	teller status.Teller

	mu      sync.Mutex
	streams map[*stream]bool
	stop    chan struct{} // ends the pump when closed; nil: it does not run
}

// stream is one who looks.
type stream struct {
	language language
	events   chan []byte // closed: too slow, or the pump broke
	fresh    bool        // has had nothing yet
}

func newHub(teller status.Teller) *hub { return &hub{teller: teller, streams: map[*stream]bool{}} }

// serve sends events until the reader leaves, is too slow, or the server ends.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	s := &stream{language: preferred(r.Header.Get("Accept-Language")), events: make(chan []byte, backlog), fresh: true}
	if !h.join(s) {
		w.Header().Set("Retry-After", busyRetry)
		http.Error(w, fmt.Sprintf("%d pages look already; close one", mostStreams), http.StatusServiceUnavailable)
		return
	}
	defer h.leave(s)
	control := http.NewResponseController(w)
	// The server's bounds are those of a request; a stream lasts, and each write has its own.
	_ = control.SetReadDeadline(time.Time{})
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // of a proxy (nginx, ngx_http_proxy_module)
	for {
		select {
		case <-r.Context().Done():
			return
		case event, fast := <-s.events:
			if !fast {
				return
			}
			_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := w.Write(event); err != nil {
				return
			}
			if control.Flush() != nil {
				return
			}
		}
	}
}

// join lets s look on, and starts the pump with the first; false: too many look.
func (h *hub) join(s *stream) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.streams) >= mostStreams {
		return false
	}
	h.streams[s] = true
	if h.stop == nil {
		h.stop = make(chan struct{})
		go h.pump(h.stop)
	}
	return true
}

// leave ends the pump with the last.
func (h *hub) leave(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	if len(h.streams) == 0 && h.stop != nil {
		close(h.stop)
		h.stop = nil
	}
}

// pump asks the bridge, once for all who look, until stop. A panic ends their streams,
// as the server has it for other requests, and not the program with its sound; they ask
// again.
func (h *hub) pump(stop chan struct{}) {
	defer func() {
		if recover() != nil {
			h.drop(stop)
		}
	}()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	now := told{teller: h.teller}
	for n := 0; ; n++ {
		h.send(&now, n, stop)
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

// drop ends the streams of a pump that broke.
func (h *hub) drop(stop chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != stop {
		return
	}
	h.stop = nil
	for s := range h.streams {
		close(s.events)
	}
	clear(h.streams)
}

// send makes the events of one beat, and hands them to all.
func (h *hub) send(now *told, n int, stop chan struct{}) {
	h.mu.Lock()
	if h.stop != stop { // those who look have a pump of their own by now
		h.mu.Unlock()
		return
	}
	all := slices.Collect(maps.Keys(h.streams))
	h.mu.Unlock()
	fresh := slices.ContainsFunc(all, func(s *stream) bool { return s.fresh })
	common := now.points()
	if n%beatsSpread == 0 {
		common = append(common, now.measure()...)
	}
	var changed, whole [languages][]byte
	if n%beatsStatus == 0 || fresh {
		common = append(common, now.look()...)
		for l := range languages {
			if slices.ContainsFunc(all, func(s *stream) bool { return s.language == l }) {
				changed[l], whole[l] = now.renew(l)
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range all {
		if !h.streams[s] {
			continue
		}
		own := changed[s.language]
		if s.fresh {
			own = whole[s.language]
		}
		s.fresh = false
		event := slices.Concat(common, own)
		if len(event) == 0 {
			continue
		}
		select {
		case s.events <- event:
		default: // it would only show what was
			delete(h.streams, s)
			close(s.events)
		}
	}
}

// told is what has been told, to tell what is new.
type told struct {
	teller  status.Teller
	after   float64 // of points, s
	picture picture
	texts   [languages]map[string]string
	shape   [languages]string
}

// points are those that were not sent yet.
func (t *told) points() []byte {
	if t.after == 0 { // who looks on has the history up to now
		t.after = float64(time.Now().Add(-time.Second).UnixMilli()) / 1e3
	}
	track := t.teller.Points(t.after)
	if len(track.UnixS) == 0 {
		return nil
	}
	t.after = track.UnixS[len(track.UnixS)-1]
	return message("points", track)
}

// measure takes the spread of the history.
func (t *told) measure() []byte {
	t.picture.spread = measure(t.teller.History())
	return message("histogram", t.picture.spread.lateness)
}

// look takes a picture; it is that of status.json.
func (t *told) look() []byte {
	events := t.picture.events
	after := uint64(0)
	if len(events) > 0 {
		after = events[len(events)-1].Number
	}
	events = newest(append(events, t.teller.Events(after)...))
	t.picture = ask(t.teller, t.picture.spread, events)
	text, err := t.picture.model.JSON()
	if err != nil {
		return nil
	}
	return message("status", json.RawMessage(text))
}

// renewal is the texts of a page, or those that changed.
type renewal struct {
	Shape string            `json:"shape"`
	Texts map[string]string `json:"texts"`
}

// renew returns the texts that changed, if any, and all of them.
func (t *told) renew(l language) (changed, whole []byte) {
	all := texts(l, &t.picture)
	now := renewal{shape(all, t.picture.events), map[string]string{}}
	for id, text := range all {
		if before, there := t.texts[l][id]; !there || before != text {
			now.Texts[id] = text
		}
	}
	if len(now.Texts) > 0 || now.Shape != t.shape[l] {
		changed = message("texts", now)
	}
	t.texts[l], t.shape[l] = all, now.Shape
	return changed, message("texts", renewal{now.Shape, all})
}

// message is an event of a stream (HTML Living Standard, 9.2 Server-sent events).
func message[T recorder.Track | recorder.Histogram | json.RawMessage | renewal](name string, data T) []byte {
	text, err := json.Marshal(data) // in one line, raw JSON too
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, text)
	return b.Bytes()
}
