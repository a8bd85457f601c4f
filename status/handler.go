package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"aes67-sink/internal/httphost"
	"aes67-sink/recorder"
)

// page is what browsers of this computer may see.
func (s *Server) page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status.json", s.serveModel)
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	mux.HandleFunc("GET /list.json", s.serveListing)
	mux.HandleFunc("GET /history.json", s.serveHistory)
	mux.HandleFunc("GET /incidents.json", s.serveIncidents)
	mux.HandleFunc("GET /sdp/{number}", s.serveSession)
	mux.HandleFunc("GET /bundle.zip", s.serveSharedBundle)
	if s.hand != nil {
		mux.HandleFunc("POST /speaker", s.serveSpeaker)
	}
	if s.pages != nil {
		mux.Handle("GET /", s.pages)
	}
	return hostCheck(http.NewCrossOriginProtection().Handler(originCheck(policy(mux))))
}

// originCheck refuses what a page from elsewhere asks for behind its reader's back: it
// could not read the answer, but hold a stream or let a bundle be made. A link may lead
// here, to be seen as a page (W3C Fetch Metadata Request Headers). Programs send no such
// header.
func originCheck(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownPage(r.Header, r.Host) {
			http.Error(w, "cross-origin request refused; open the page itself", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownPage reports whether a page of ours asks, the reader himself or a program. Behind a
// proxy the host is another than the reader's, but a browser then says same-origin, or
// nothing: it names no origin where it reads from its own (Fetch Standard, 3.2).
func ownPage(header http.Header, host string) bool {
	switch header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		origin := header.Get("Origin")
		return origin == "" || origin == "http://"+host || origin == "https://"+host
	}
	return header.Get("Sec-Fetch-Mode") == "navigate" && header.Get("Sec-Fetch-Dest") == "document"
}

// contentPolicy lets a page use what is served here, and nothing else: no script or
// style in the page itself (W3C Content Security Policy Level 3). A frame around it is
// allowed for pages of the same origin, as behind a proxy; so are the forms of speakers.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// policy tells browsers what they may do with the answers.
func policy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentPolicy)
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Referrer-Policy", "same-origin") // with none at all a form's Origin is null (Fetch Standard, 3.2)
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// control is what this user's own programs may see, and do.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status.json", s.serveModel)
	mux.HandleFunc("GET /list.json", s.serveListing)
	mux.HandleFunc("GET /bundle.zip", s.serveBundle)
	mux.HandleFunc("POST /reload", s.serveReload)
	mux.HandleFunc("GET /sdp", s.serveSessions)
	mux.HandleFunc("GET /sdp/{number}", s.serveSession)
	return mux
}

// hostCheck refuses requests that were led here by a name of somebody else's:
// a page from elsewhere could otherwise let its own name point to this address
// and read the answer (DNS rebinding).
func hostCheck(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" || !httphost.Ours(r.Host) {
			http.Error(w, "ask by IP address or as localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) serveModel(w http.ResponseWriter, _ *http.Request) {
	text, err := s.teller.Model().JSON()
	reply(w, "application/json", text, err)
}

func (s *Server) serveListing(w http.ResponseWriter, _ *http.Request) {
	text, err := s.teller.Listing().JSON()
	reply(w, "application/json", text, err)
}

func (s *Server) serveHistory(w http.ResponseWriter, _ *http.Request) {
	text, err := json.Marshal(s.teller.History())
	reply(w, "application/json", text, err)
}

func (s *Server) serveIncidents(w http.ResponseWriter, _ *http.Request) {
	incidents := s.teller.Incidents()
	if incidents == nil {
		incidents = []recorder.Incident{}
	}
	text, err := json.Marshal(incidents)
	reply(w, "application/json", text, err)
}

func (s *Server) serveReload(w http.ResponseWriter, _ *http.Request) {
	text, err := json.Marshal(s.teller.Reload())
	reply(w, "application/json", text, err)
}

func (s *Server) serveSessions(w http.ResponseWriter, _ *http.Request) {
	sessions := s.teller.Sessions()
	if sessions == nil {
		sessions = []Session{}
	}
	text, err := json.Marshal(sessions)
	reply(w, "application/json", text, err)
}

// serveSession answers /sdp/N, N counting from 1.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	sessions := s.teller.Sessions()
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil || n < 1 || n > len(sessions) {
		http.Error(w, fmt.Sprintf("no such session: there are %d", len(sessions)), http.StatusNotFound)
		return
	}
	reply(w, "application/sdp", []byte(sessions[n-1].Text), nil) // RFC 8866, 8.1
}

func reply(w http.ResponseWriter, form string, text []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", form)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // a reader that went away is no fault of ours
}
