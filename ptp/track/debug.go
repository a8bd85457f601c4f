package track

import (
	"fmt"
	"os"
)

var debug = os.Getenv("TRK") != ""

func (e *Estimator) dump(window any) {
	if !debug {
		return
	}
	s := fmt.Sprintf("%8.2f kind %d win %v noise %.0f %.0f SE %.0f:", float64(e.fitted)*1e-9-5000, e.kind, window, e.noise[every][0], e.noise[lucky][0], e.best.levelSE)
	for k := range e.fits {
		for i := range e.fits[k] {
			c := e.fits[k][i]
			if c.ok {
				s += fmt.Sprintf(" %d%s %.0f", 1<<k, "sb"[i:i+1], c.missed)
			}
		}
	}
	fmt.Fprintln(os.Stderr, s)
}
