package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// noted is a hand that notes what it is to set.
type noted struct {
	said   []string
	refuse error
}

func (n *noted) SetMute(_ context.Context, channel string, yes bool) error {
	n.said = append(n.said, fmt.Sprint("mute ", channel, " ", yes))
	return n.refuse
}

func (n *noted) Identify(_ context.Context, channel string, yes bool) error {
	n.said = append(n.said, fmt.Sprint("identify ", channel, " ", yes))
	return n.refuse
}

// form is a request to set a speaker, as a browser on this computer sends it.
type form struct {
	method, host, site, origin, media, body, path string
}

func ownBrowser(body string) form {
	return form{method: "POST", host: "127.0.0.1:6767", site: "same-origin", origin: "http://127.0.0.1:6767", media: formType, body: body, path: "/speaker"}
}

func (f form) send(page http.Handler) *httptest.ResponseRecorder {
	request := httptest.NewRequest(f.method, "http://placeholder"+f.path, strings.NewReader(f.body))
	request.Host = f.host
	for name, value := range map[string]string{"Sec-Fetch-Site": f.site, "Origin": f.origin, "Content-Type": f.media} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if f.site != "" {
		request.Header.Set("Sec-Fetch-Mode", "navigate")
		request.Header.Set("Sec-Fetch-Dest", "document")
	}
	answer := httptest.NewRecorder()
	page.ServeHTTP(answer, request)
	return answer
}

// TestFormsOfSpeakers has what is obeyed, and each refusal with its reason; what is refused
// reaches no speaker.
func TestFormsOfSpeakers(t *testing.T) {
	const mute = "speaker=front-left&mute=on"
	for _, test := range []struct {
		name   string
		change func(*form)
		want   int
		says   string // of the answer, or what is set
	}{
		{"the page", func(*form) {}, http.StatusSeeOther, "mute front-left true"},
		{"the other one, no longer", func(f *form) { f.body = "speaker=front-right&mute=off" }, http.StatusSeeOther, "mute front-right false"},
		{"identify", func(f *form) { f.body = "identify=on&speaker=front-right" }, http.StatusSeeOther, "identify front-right true"},
		{"identify no longer", func(f *form) { f.body = "speaker=front-left&identify=off" }, http.StatusSeeOther, "identify front-left false"},
		{"with a charset", func(f *form) { f.media = formType + "; charset=utf-8" }, http.StatusSeeOther, "mute front-left true"},
		{"without metadata", func(f *form) { f.site = "" }, http.StatusSeeOther, "mute front-left true"},
		{"from another computer", func(f *form) { f.host, f.site, f.origin = "192.168.1.2:6767", "", "http://192.168.1.2:6767" }, http.StatusSeeOther, "mute front-left true"},
		{"by IPv6", func(f *form) { f.host, f.origin = "[::1]:6767", "http://[::1]:6767" }, http.StatusSeeOther, "mute front-left true"},
		{"behind a proxy", func(f *form) { f.origin = "https://music.example" }, http.StatusSeeOther, "mute front-left true"},

		{"a link", func(f *form) { f.method, f.body = "GET", "" }, http.StatusMethodNotAllowed, "Method Not Allowed"},
		{"a link that says all", func(f *form) { f.method, f.path, f.body = "GET", "/speaker?"+mute, "" }, http.StatusMethodNotAllowed, "Method Not Allowed"},
		{"PUT", func(f *form) { f.method = "PUT" }, http.StatusMethodNotAllowed, "Method Not Allowed"},
		{"DELETE", func(f *form) { f.method = "DELETE" }, http.StatusMethodNotAllowed, "Method Not Allowed"},
		{"below it", func(f *form) { f.path = "/speaker/front-left" }, http.StatusNotFound, "not found"},

		{"a program that says nothing", func(f *form) { f.site, f.origin = "", "" }, http.StatusForbidden, "a form of this page alone"},
		{"typed", func(f *form) { f.site = "none" }, http.StatusForbidden, "a form of this page alone"},
		{"another port of this computer", func(f *form) { f.site = "same-site" }, http.StatusForbidden, "cross-origin"},
		{"a page from elsewhere", func(f *form) { f.site, f.origin = "cross-site", "https://evil.example" }, http.StatusForbidden, "cross-origin"},
		{"the same, without metadata", func(f *form) { f.site, f.origin = "", "https://evil.example" }, http.StatusForbidden, "cross-origin"},
		{"one that hides its origin", func(f *form) { f.site, f.origin = "", "null" }, http.StatusForbidden, "cross-origin"},
		{"another port, without metadata", func(f *form) { f.site, f.origin = "", "http://127.0.0.1:80" }, http.StatusForbidden, "cross-origin"},
		{"behind a proxy, without metadata", func(f *form) { f.site, f.origin = "", "https://music.example" }, http.StatusForbidden, "cross-origin"},
		{"another scheme", func(f *form) { f.site, f.origin = "", "ftp://127.0.0.1:6767" }, http.StatusForbidden, "cross-origin"},

		{"by a name of somebody else's", func(f *form) { f.host = "evil.example:6767" }, http.StatusMisdirectedRequest, "ask by IP address"},
		{"that name as origin too", func(f *form) { f.host, f.origin = "evil.example", "http://evil.example" }, http.StatusMisdirectedRequest, "ask by IP address"},
		{"by no name", func(f *form) { f.host = "" }, http.StatusMisdirectedRequest, "ask by IP address"},

		{"text", func(f *form) { f.media = "text/plain" }, http.StatusUnsupportedMediaType, `Content-Type "text/plain"`},
		{"JSON", func(f *form) { f.media = "application/json" }, http.StatusUnsupportedMediaType, "send " + formType},
		{"in parts", func(f *form) { f.media = "multipart/form-data; boundary=x" }, http.StatusUnsupportedMediaType, "is no form's"},
		{"of no type", func(f *form) { f.media = "" }, http.StatusUnsupportedMediaType, `Content-Type ""`},

		{"too long", func(f *form) { f.body = mute + "&x=" + strings.Repeat("x", maxForm) }, http.StatusRequestEntityTooLarge, "longer than 256 bytes"},
		{"empty", func(f *form) { f.body = "" }, http.StatusBadRequest, "names no speaker"},
		{"in the address", func(f *form) { f.path, f.body = "/speaker?"+mute, "" }, http.StatusBadRequest, "names no speaker"},
		{"no speaker", func(f *form) { f.body = "mute=on" }, http.StatusBadRequest, "names no speaker"},
		{"nothing to set", func(f *form) { f.body = "speaker=front-left" }, http.StatusBadRequest, "nothing to set"},
		{"both", func(f *form) { f.body = mute + "&identify=on" }, http.StatusBadRequest, "sets mute and identify; send one"},
		{"twice", func(f *form) { f.body = mute + "&mute=off" }, http.StatusBadRequest, `2 of "mute"`},
		{"two speakers", func(f *form) { f.body = mute + "&speaker=front-right" }, http.StatusBadRequest, `2 of "speaker"`},
		{"a level", func(f *form) { f.body = "speaker=front-left&level=120" }, http.StatusBadRequest, `sets "level"`},
		{"perhaps", func(f *form) { f.body = "speaker=front-left&mute=true" }, http.StatusBadRequest, `mute is "true"; send on or off`},
		{"garbage", func(f *form) { f.body = "speaker=%zz" }, http.StatusBadRequest, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			hand := &noted{}
			f := ownBrowser(mute)
			test.change(&f)
			answer := f.send(exampleServer().Setting(hand).page())
			if answer.Code != test.want {
				t.Fatalf("%d %q, want %d", answer.Code, answer.Body, test.want)
			}
			if test.want != http.StatusSeeOther {
				if !strings.Contains(answer.Body.String(), test.says) || len(hand.said) > 0 {
					t.Errorf("it says %q and sets %q, want %q and nothing", answer.Body, hand.said, test.says)
				}
				return
			}
			if got := strings.Join(hand.said, ", "); got != test.says {
				t.Errorf("it sets %q, want %q", got, test.says)
			}
			if to := answer.Header().Get("Location"); to != "./#speakers" {
				t.Errorf("it leads to %q, want the page below any path", to)
			}
		})
	}
}

// TestASpeakerThatIsNotSet has its reason in the answer.
func TestASpeakerThatIsNotSet(t *testing.T) {
	hand := &noted{refuse: errors.New("mute of Left is not set to on: it does not answer; is it on?")}
	answer := ownBrowser("speaker=front-left&mute=on").send(exampleServer().Setting(hand).page())
	if answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), hand.refuse.Error()) {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}

// TestNothingIsSetElsewhere: a server without a hand has no forms, and the control socket none.
func TestNothingIsSetElsewhere(t *testing.T) {
	people := http.HandlerFunc(http.NotFound)
	f := ownBrowser("speaker=front-left&mute=on")
	if answer := f.send(exampleServer().With(people).page()); answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("without a hand: %d", answer.Code)
	}
	if answer := f.send(exampleServer().Setting(&noted{}).control()); answer.Code != http.StatusNotFound {
		t.Errorf("the control socket: %d", answer.Code)
	}
}
