package main

import (
	"strings"
	"testing"
)

func TestTheTableTellsHowEachTestWent(t *testing.T) {
	const events = `
{"Action":"output","Test":"TestA/one","Output":"    a_test.go:7: left: 3 clicks, want none\n"}
{"Action":"fail","Test":"TestA/one","Elapsed":2}
{"Action":"pass","Test":"TestA/two","Elapsed":4}
{"Action":"fail","Test":"TestA","Elapsed":6}
{"Action":"fail"}
{"Action":"pass","Test":"TestA/one","Elapsed":1}
{"Action":"pass","Test":"TestA/two","Elapsed":5}
{"Action":"pass","Test":"TestA","Elapsed":6}
{"Action":"output","Output":"judged 3 of 4; not judged:\n"}
{"Action":"output","Output":"  TestA/two: pitch error: the machine left 1 of 2 s\n"}
{"Action":"pass"}
{"Action":"output","Output":"panic: nil\n"}
{"Action":"fail"}
`
	read, err := read(strings.NewReader(strings.TrimSpace(events)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if read.print(&out) {
		t.Error("a test failed, and the table says that all is good")
	}
	const want = `test           runs  passed  failed  not judged  median s  max s
TestA/one      2     1       1       0           2.0       2.0
TestA/two      2     1       0       1           5.0       5.0
(the program)  1     0       1       0                     
TestA/one: a_test.go:7: left: 3 clicks, want none
(the program): (no word)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestWhatIsNoEventIsAnError(t *testing.T) {
	if _, err := read(strings.NewReader("ok\n")); err == nil {
		t.Error("no error")
	}
}
