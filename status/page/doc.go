// Package page is what a listener sees at status.listen: one page for people, kept
// alive by one stream of events.
//
// All words are made here, once, in the reader's language: texts.go turns the picture
// of the bridge into finished texts by id, which the template lays out and the stream
// of events renews; the script (assets/page.js) only puts them in their places and
// draws the plots. So the page is whole without the script, and there is no second
// formatter. words.go is the table of both languages. Sentences of the bridge itself
// are English everywhere, and marked so.
//
// While nobody looks, nothing runs: one goroutine (events.go) asks the bridge for all
// who look, and ends with the last of them.
//
// Forms of the speakers (speakers.go) are all that changes anything: the server takes
// them (status/hand.go). Left out: anything else that does, and any request to elsewhere.
package page
