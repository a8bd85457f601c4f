package daemon

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aes67-sink/aes67"
	"aes67-sink/internal/rtthread"
	"aes67-sink/internal/speakersim"
	"aes67-sink/recorder"
	"aes67-sink/speakers"
	"aes67-sink/status"
	"aes67-sink/status/page"
	"aes67-sink/volume"
)

// paired tells of a pair alone.
type paired struct {
	status.Teller
	pair *volume.Pair
}

func (p paired) Model() (m status.Model) {
	m.SliderMoves, m.Speakers = speakerModels(p.pair)
	return m
}
func (paired) Listing() status.Listing        { return status.Listing{} }
func (paired) Sessions() []status.Session     { return nil }
func (paired) History() recorder.History      { return recorder.History{} }
func (paired) Events(uint64) []recorder.Event { return nil }
func (paired) Incidents() []recorder.Incident { return nil }

// mild is a stream and a slider that obey at once.
type mild struct{}

func (mild) Settle(uint64, aes67.Ramp, ...float64) uint64 { return 1 }
func (mild) InForce() uint64                              { return 1 }
func (mild) SetAsleep(bool)                               {}
func (mild) Begun() <-chan struct{}                       { return nil }
func (mild) SetVolume(float64)                            {}
func (mild) SetMuted(bool)                                {}
func (mild) SetAlone(bool)                                {}

var (
	aForm    = regexp.MustCompile(`(?s)<form.*?</form>`)
	anInput  = regexp.MustCompile(`<input[^>]*>`)
	anything = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

// attributes are those of the first tag of a text.
func attributes(text string) map[string]string {
	text, _, _ = strings.Cut(text, ">")
	all := map[string]string{}
	for _, a := range anything.FindAllStringSubmatch(text, -1) {
		all[a[1]] = a[2]
	}
	return all
}

// TestTheFormsOfThePageSetSpeakers has a browser without a script press each button of
// the page, before two simulated speakers.
func TestTheFormsOfThePageSetSpeakers(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	directory := t.TempDir()
	pair := speakers.Pair{ReferenceDB: 84}
	var sims [2]*speakersim.Speaker
	for i, side := range []*speakers.Identity{&pair.Left, &pair.Right} {
		sims[i] = speakersim.New(speakersim.Config{Profile: speakersim.KH120IIAES67, Serial: string(rune('1' + i))})
		at, err := sims[i].Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		*side = speakers.Identity{Serial: string(rune('1' + i)), Name: []string{"Desk", "Wall"}[i], Address: at.String()}
	}
	if err := speakers.PairFile(directory).Save(pair); err != nil {
		t.Fatal(err)
	}
	loudness := volume.NewLoudness(mild{}, rtthread.Now, zerolog.Nop())
	loudness.Join(mild{}, func() bool { return true })
	both := volume.NewPair(loudness, directory, "aes67", true, rtthread.Now, zerolog.Nop())
	address := freeAddress(t).String()
	told := paired{pair: both}
	server := status.NewServer(told).With(page.New(told)).Setting(both)
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{loudness.Run, both.Run, both.Keep, func(ctx context.Context) error {
		return server.RunTCP(ctx, address, func(err error) { t.Log(err) })
	}} {
		running.Go(func() { _ = run(ctx) })
	}
	defer running.Wait()
	defer end()

	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	read := func(answer *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", answer.Status, text, err)
		}
		return string(text)
	}
	deadline := time.Now().Add(10 * time.Second)
	for all := both.Snapshot(); len(all) < 2 || !all[0].Told.Reachable || !all[1].Told.Reachable; all = both.Snapshot() {
		if time.Now().After(deadline) {
			t.Fatal("the speakers are not known")
		}
		<-time.After(time.Millisecond)
	}
	for { // until it listens
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(time.Millisecond)
	}
	shown := read(client.Get("http://" + address + "/")) //nolint:bodyclose // read closes it
	forms := aForm.FindAllString(shown, -1)
	if len(forms) != 2 {
		t.Fatalf("the page has %d forms, want one a speaker", len(forms))
	}
	for i, form := range forms {
		way, hidden := attributes(form), attributes(anInput.FindString(form))
		if way["method"] != "post" {
			t.Errorf("the form is sent by %q", way["method"])
		}
		for what, leaf := range map[string]string{"mute": "audio/out/mute", "identify": "device/identification/visual"} {
			for _, value := range []string{"on", "off"} {
				if !strings.Contains(form, `name="`+what+`" value="`+value+`"`) {
					t.Fatalf("no button for %s %s in %s", what, value, form)
				}
				body := url.Values{hidden["name"]: {hidden["value"]}, what: {value}}.Encode()
				request, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/"+way["action"], strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				request.Header.Set("Origin", "http://"+address)
				after := read(client.Do(request)) //nolint:bodyclose // read closes it; led back to the page
				if got := sims[i].Value(leaf); got != (value == "on") {
					t.Errorf("speaker %d: %s %s, and it has %v", i, what, value, got)
				}
				if got := sims[1-i].Value(leaf); got != false {
					t.Errorf("speaker %d: %s %s, and the other one has %v", i, what, value, got)
				}
				if muted := strings.Contains(after, `.mute">yes<`); muted != (what == "mute" && value == "on") {
					t.Errorf("speaker %d: %s %s, and the page says muted: %v", i, what, value, muted)
				}
			}
		}
	}
}
