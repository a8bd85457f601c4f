package packaging

import (
	"encoding/xml"
	"regexp"
	"testing"
)

const metainfo = "aes67-sink.metainfo.xml"

// released are the headings of the changelog, the newest first.
var released = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$`)

// Software centres take what is valid, show applications and not services, and
// want an icon; the releases are those of the changelog.
func TestMetainfo(t *testing.T) {
	var component struct {
		Type     string `xml:"type,attr"`
		Icon     string `xml:"icon"`
		Releases []struct {
			Version string `xml:"version,attr"`
			Date    string `xml:"date,attr"`
		} `xml:"releases>release"`
	}
	if err := xml.Unmarshal([]byte(read(t, metainfo)), &component); err != nil {
		t.Fatal(err)
	}
	if component.Type != "console-application" || component.Icon == "" {
		t.Errorf("type %q, icon %q", component.Type, component.Icon)
	}
	headings := released.FindAllStringSubmatch(read(t, project+"/CHANGELOG.md"), -1)
	if len(headings) != len(component.Releases) {
		t.Fatalf("%d releases, the changelog has %d", len(component.Releases), len(headings))
	}
	for i, r := range component.Releases {
		if r.Version != headings[i][1] || r.Date != headings[i][2] {
			t.Errorf("release %d is %s of %s, in the changelog %s of %s", i, r.Version, r.Date, headings[i][1], headings[i][2])
		}
	}
}

func TestMetainfoIsValid(t *testing.T) {
	need(t, "deb", "appstreamcli")
	mustRun(t, ".", nil, "appstreamcli", "validate", "--no-net", metainfo)
}
