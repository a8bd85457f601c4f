package daemon

import (
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
	"aes67-sink/ptp/wire"
	"aes67-sink/sdp"
)

func TestAMasterThatOthersHearAndWeDoNot(t *testing.T) {
	ours, theirs, another := aes67.ClockIdentity{1}, aes67.ClockIdentity{7}, aes67.ClockIdentity{9}
	serving := ptp.Status{Silent: true, Role: ptp.RoleGrandmaster, Grandmaster: ours, Domain: 3}
	waiting := ptp.Status{Silent: true, Domain: 3}
	names := func(all ...aes67.ClockIdentity) (references []sdp.Reference) {
		for _, id := range all {
			references = append(references, sdp.Reference{Grandmaster: id, Domain: 3})
		}
		return references
	}
	for name, test := range map[string]struct {
		references []sdp.Reference
		clock      ptp.Status
		masters    int
		heard      []aes67.ClockIdentity
		want       aes67.ClockIdentity
	}{
		"we serve, and others follow somebody":       {names(another, theirs), serving, 0, nil, theirs},
		"we wait, and others follow somebody":        {names(theirs), waiting, 0, nil, theirs},
		"others follow us":                           {names(ours), serving, 0, nil, aes67.ClockIdentity{}},
		"others follow who we were":                  {names(ours), ptp.Status{Silent: true, Domain: 3, Own: ours}, 0, nil, aes67.ClockIdentity{}},
		"a master is heard":                          {names(theirs), serving, 1, nil, aes67.ClockIdentity{}},
		"it is too early":                            {names(theirs), ptp.Status{Domain: 3}, 0, nil, aes67.ClockIdentity{}},
		"nobody says anything":                       {nil, serving, 0, nil, aes67.ClockIdentity{}},
		"another domain":                             {[]sdp.Reference{{Grandmaster: theirs, Domain: 4}}, serving, 0, nil, aes67.ClockIdentity{}},
		"others name one that was heard and is gone": {names(theirs), serving, 0, []aes67.ClockIdentity{theirs}, aes67.ClockIdentity{}},
		"others name one more":                       {names(theirs, another), serving, 0, []aes67.ClockIdentity{theirs}, another},
	} {
		got, filtered := unheard(test.references, test.clock, test.masters, test.heard)
		if got != test.want || filtered != !test.want.IsZero() {
			t.Errorf("%s: %v, %v; want %v", name, got, filtered, test.want)
		}
	}
	if text := filteredProblem(theirs, 3, "eth0"); !strings.Contains(text, "which is not heard here on eth0: ") || !strings.Contains(text, theirs.String()) {
		t.Errorf("problem %q", text)
	}
}

func TestMastersOfAnInterfaceAreRemembered(t *testing.T) {
	var h mastersHeard
	of := func(index, first, n int) (all []ptp.Announcement) {
		for i := range n {
			all = append(all, ptp.Announcement{Interface: index, Properties: wire.Properties{Identity: aes67.ClockIdentity{byte(index), byte(first + i)}}})
		}
		return all
	}
	h.note(2, of(2, 0, 2))
	h.note(2, of(3, 0, 5)) // of another interface
	h.note(2, of(2, 1, 1)) // once more
	if len(h.all) != 2 || h.all[1] != (aes67.ClockIdentity{2, 1}) {
		t.Errorf("remembered are %v", h.all)
	}
	for i := range 200 {
		h.note(2, of(2, i, 1))
	}
	if last := h.all[len(h.all)-1]; len(h.all) != mostMastersHeard || last != (aes67.ClockIdentity{2, 199}) {
		t.Errorf("%d are remembered, the last is %v", len(h.all), last)
	}
	if h.note(3, nil); len(h.all) != 0 {
		t.Errorf("on another interface %v are remembered", h.all)
	}
}
