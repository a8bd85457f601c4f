//go:build !amd64 && !arm64

package resample

func fastest() arithmetic { return plain() }

// all are the arithmetics that this processor can do, the fastest last.
func all() []arithmetic { return []arithmetic{plain()} }
