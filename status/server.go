package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"aes67-sink/internal/instance"
	"aes67-sink/internal/text"
	"aes67-sink/internal/wake"
	"aes67-sink/recorder"
)

// Bounds on what one asker, or many, can take of the bridge.
const (
	requestTimeout   = 5 * time.Second // from the first byte to the last of a request, and of its answer
	idleTimeout      = 30 * time.Second
	shutdownTimeout  = time.Second // for answers under way when the bridge ends
	maxHeader        = 8 << 10     // bytes
	maxConnections   = 64
	controlName      = "control"
	controlMode      = 0o600
	staleDialTimeout = time.Second
	retryAfter       = time.Second
)

// Teller is what a server tells of. It is called from any goroutine.
type Teller interface {
	Model() Model        // the picture of the running bridge
	Sessions() []Session // its session descriptions
	Listing() Listing    // what is known of the network
	Reload() Reloaded    // reads the configuration anew
	// Bundle writes a zip for a bug report; SharedBundle one for anybody to read, with
	// names and addresses replaced.
	Bundle(ctx context.Context, w io.Writer) error
	SharedBundle(ctx context.Context, w io.Writer) error
	Recordings
}

// Recordings are what the flight recorder holds. They are asked from any goroutine.
type Recordings interface {
	History() recorder.History            // for plots
	Points(after float64) recorder.Track  // of History's fast track those after a time in Unix seconds
	Events(after uint64) []recorder.Event // those after a number
	Incidents() []recorder.Incident       // the newest first
}

// Server answers with what its teller tells.
type Server struct {
	teller Teller
	pages  http.Handler          // of people; nil: none
	hand   Hand                  // sets speakers; nil: nothing can be set
	pause  func(context.Context) // before a port is tried again

	bundling sync.Mutex // one at a time: each asks everything of everybody
}

// NewServer makes a server; it starts nothing.
func NewServer(teller Teller) *Server {
	return &Server{teller: teller, pause: func(ctx context.Context) { wake.Pause(ctx, retryAfter) }}
}

// With lets pages answer, on TCP, what is asked of no other path: the page for people.
func (s *Server) With(pages http.Handler) *Server {
	s.pages = pages
	return s
}

// Setting lets the page set speakers.
func (s *Server) Setting(hand Hand) *Server {
	s.hand = hand
	return s
}

// RunTCP serves browsers on an address and port until ctx is done; an empty
// address nowhere. Where that cannot be done, as while the address is not there yet,
// it is tried again and again: trouble is told why, once, and nil when it is over.
func (s *Server) RunTCP(ctx context.Context, address string, trouble func(error)) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	told := ""
	serving := func() {
		if told != "" {
			told = ""
			trouble(nil)
		}
	}
	for ctx.Err() == nil {
		if err := s.serveTCP(ctx, address, serving); err != nil {
			if err.Error() != told {
				told = err.Error()
				trouble(err)
			}
			s.pause(ctx)
		}
	}
	return nil
}

// serveTCP serves until ctx is done (nil) or it cannot; serving is called when it does.
func (s *Server) serveTCP(ctx context.Context, address string, serving func()) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("status.listen: %s: %w; %s", address, text.Cause(err), listenRemedy(err))
	}
	serving()
	return serve(ctx, netutil.LimitListener(l, maxConnections), s.page())
}

func listenRemedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the program that has this port, or choose another status.listen"
	case errors.Is(err, os.ErrPermission):
		return "choose a port of 1024 or above for status.listen"
	default:
		return "choose an address of this computer for status.listen"
	}
}

// RunControl serves the control socket of this user until ctx is done.
func (s *Server) RunControl(ctx context.Context) error {
	directory, err := instance.MakeDirectory()
	if err != nil {
		return err
	}
	l, err := listenControl(filepath.Join(directory, controlName))
	if err != nil {
		return err
	}
	return serve(ctx, netutil.LimitListener(l, maxConnections), s.control())
}

// listenControl opens a socket, in place of one that nobody serves any more.
// Its directory is private, so nobody else comes between.
func listenControl(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, staleDialTimeout); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another aes67-sink serves it; end that one first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w; remove it", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, text.Cause(err))
	}
	if err := os.Chmod(path, controlMode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// serve answers on l until ctx is done, and closes it.
func serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:        handler,
		ReadTimeout:    requestTimeout,
		WriteTimeout:   requestTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // askers' faults are no news
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Event streams end with their requests' context; Shutdown waits for them.
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	var closer sync.WaitGroup
	closer.Go(func() {
		<-ctx.Done()
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer done()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	stop()
	closer.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("status: %s: %w", l.Addr(), text.Cause(err))
}
