package arch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// causes are the tests that make a heading of docs/troubleshooting.md happen in
// other words than its own.
var causes = map[string]string{
	"SAP announcements cannot be sent":                "sap/service_test.go: TestServiceTellsThatItCannotSend",
	"listening for signs of AES67":                    "netif/chooser_test.go: a program that plays from the start waits",
	"please report it with the log":                   "internal/lifecycle/lifecycle_test.go: TestAPanicEndsAllInOrder",
	"packets may be late":                             "daemon/findings_test.go: priorityProblem",
	"the sound server lost time":                      "bridge/trouble_test.go: TestTroubleIsToldAndGoesAway",
	"speaks protocol version":                         "pulse/reconnect_test.go: TestRefusalsNameTheRemedy",
	"use shorter names":                               "pulse/conn_test.go: TestLongRequestsAreRefused",
	"at once: the sound rises slowly":                 "pulse/jumpguard_test.go: TestAPlayerOfFlatVolumesIsNotHeardAtOnce",
	"the most that safety.max-volume allows":          "pulse/jumpguard_test.go: TestTheMostIsNeverExceeded",
	"gives no sound of the sink's monitor":            "pulse/loss_test.go: outlivesSessionManager",
	"The monitor's slider jumps back":                 "pulse/sink_test.go: monitorsOwnVolume",
	"No DHCP":                                         "test/e2e/interfaces_test.go: TestInterfaces",
	"this is the card that was":                       "netif/chooser_test.go: TestChooser",
	"down while a program plays":                      "netif/chooser_test.go: TestChooser",
	"the sessions of others are not heard":            "sap/service_test.go: TestServiceWaitsForItsPort",
	"RAVENNA receivers cannot fetch the descriptions": "rtsp/server_test.go: TestARealPortInUseIsNamed",
	"RAVENNA receivers do not list the streams":       "test/e2e/flood_test.go: TestAvahiComesAndGoes",
	"announces itself but no Sync arrives":            "ptp/engine_test.go: no Sync arrives",
	"time does not tick":                              "ptp/engine_test.go: does not tick",
	"another PTP program runs on this computer":       "ptp/port/others_test.go: TestAnotherPTPProgramIsNoticedAndNamed",
	"no PTP is heard on some interfaces":              "ptp/port/neighbour_linux_test.go: TestMoreInterfacesThanMemberships",
	"The sink is not in the sound settings":           "test/e2e/offline_test.go: TestTheSinkFollowsTheNetwork",
	"idle: nothing plays":                             "test/e2e/rest_test.go: TestStreamsRestWhileNothingPlays",
	"the sound broke off":                             "bridge/trouble_test.go: TestTroubleIsToldAndGoesAway",
	"too much came at once":                           "bridge/trouble_test.go: TestTroubleIsToldAndGoesAway",
	"names no server that can be reached from here":   "pulse/conn_test.go: TestDialSaysWhereAndWhatToDo",
}

// untried are headings whose cause no test can make, and why.
var untried = map[string]string{
	"The speaker does not show the stream": "advice about devices of others",
	"Sound stops after some minutes":       "advice about switches of others",
}

// TestEveryHeadingHasACause: what the page explains happens in a test.
func TestEveryHeadingHasACause(t *testing.T) {
	tests := text(t, func(path string) bool {
		return !slices.Contains([]string{"arch", "health"}, folder(path)) && (strings.HasSuffix(path, "_test.go") || filepath.Ext(path) == ".golden")
	})
	headings := headings(t)
	for _, heading := range headings {
		_, excused := untried[heading]
		place, caused := causes[heading]
		switch said := strings.Contains(tests, strings.ReplaceAll(heading, "`", "")); {
		case said && (caused || excused):
			t.Errorf("%q: a test has it in its own words: it needs no row", heading)
		case said, excused:
		case !caused:
			t.Errorf("%q: no test makes it happen; write one, and a row here if that has other words", heading)
		default:
			path, name, _ := strings.Cut(place, ": ")
			if text, err := os.ReadFile(filepath.Join(root, path)); err != nil || !strings.Contains(string(text), name) {
				t.Errorf("%q: no %s in %s (%v)", heading, name, path, err)
			}
		}
	}
	for _, rows := range []map[string]string{causes, untried} {
		for heading := range rows {
			if !slices.Contains(headings, heading) {
				t.Errorf("%q is no heading of the page", heading)
			}
		}
	}
}
