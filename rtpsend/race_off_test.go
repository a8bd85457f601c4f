//go:build !race

package rtpsend

// underRace is true in builds whose sync.Pool allocates at random.
const underRace = false
