//go:build race

package bridge

// raceDetector makes the long simulations twenty times slower: they are run
// without it (`make alloc`).
const raceDetector = true
