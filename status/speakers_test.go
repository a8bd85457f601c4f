package status

import (
	"strings"
	"testing"
)

func TestTheTableTellsOfTheSpeakers(t *testing.T) {
	m := Model{SliderMoves: "speakers", Speakers: []Speaker{
		{Name: "Left", Channel: "front-left", Reachable: true, LevelDBSPL: new(Tenths(54)), Muted: new(true), InputDB: new(Tenths(-61)), Warnings: []string{"HOT"}},
		{Name: "Right", Channel: "front-right"},
	}}
	table := m.Table(0)
	for _, line := range []string{
		"slider    moves the speakers' own level", "speaker   Left (left), 54.0 dB SPL, muted, input -61 dB, warns: HOT", "speaker   Right (right), does not answer",
	} {
		if !strings.Contains(table, line+"\n") {
			t.Errorf("no line %q in\n%s", line, table)
		}
	}
	if table := (Model{}).Table(0); strings.Contains(table, "slider") || strings.Contains(table, "speaker ") {
		t.Errorf("without a pair:\n%s", table)
	}
}
