package resample

// Arithmetics names the arithmetics that this processor can do.
func Arithmetics() (names []string) {
	for _, a := range all() {
		names = append(names, a.name)
	}
	return names
}

// Use lets r compute by the arithmetic of a name.
func Use(r *Resampler, name string) {
	for _, a := range all() {
		if a.name == name {
			r.math = a
		}
	}
}
