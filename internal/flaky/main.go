// Command flaky reads what tests told of many runs, as test2json writes it, and
// prints a table of how each of them went:
//
//	runs        passed  failed  not judged   seconds median, max
//
// and the first line of each failure below it. It ends with 1 if one failed.
package main

import (
	"fmt"
	"os"
)

func main() {
	t, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintf(os.Stderr, "flaky: %v\n", err)
		os.Exit(2)
	}
	if !t.print(os.Stdout) {
		os.Exit(1)
	}
}
