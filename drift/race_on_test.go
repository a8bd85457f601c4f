//go:build race

package drift

// raceDetector finds nothing in a package without goroutines, but makes the
// scenarios twelve times slower: only some are run then.
const raceDetector = true
