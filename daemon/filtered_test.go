package daemon

import (
	"strings"
	"testing"

	"aes67-sink/aes67"
	"aes67-sink/ptp"
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
		want       aes67.ClockIdentity
	}{
		"we serve, and others follow somebody": {names(another, theirs), serving, 0, theirs},
		"we wait, and others follow somebody":  {names(theirs), waiting, 0, theirs},
		"others follow us":                     {names(ours), serving, 0, aes67.ClockIdentity{}},
		"a master is heard":                    {names(theirs), serving, 1, aes67.ClockIdentity{}},
		"it is too early":                      {names(theirs), ptp.Status{Domain: 3}, 0, aes67.ClockIdentity{}},
		"nobody says anything":                 {nil, serving, 0, aes67.ClockIdentity{}},
		"another domain":                       {[]sdp.Reference{{Grandmaster: theirs, Domain: 4}}, serving, 0, aes67.ClockIdentity{}},
	} {
		got, filtered := unheard(test.references, test.clock, test.masters)
		if got != test.want || filtered != !test.want.IsZero() {
			t.Errorf("%s: %v, %v; want %v", name, got, filtered, test.want)
		}
	}
	if text := filteredProblem(theirs, 3, "eth0"); !strings.Contains(text, "which is not heard here on eth0: ") || !strings.Contains(text, theirs.String()) {
		t.Errorf("problem %q", text)
	}
}
