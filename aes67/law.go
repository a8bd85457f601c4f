package aes67

// Law is how loud the listener lets the sink be heard.
type Law struct {
	// VolumeDB is the sink's, of its loudest channel, at most 0 dB and no more than is
	// allowed.
	VolumeDB float64
	Muted    bool
	// Held is a gain below it, at most 0 dB, that rises by itself: what jumped by surprise
	// is heard slowly.
	Held Ramp
	// Unscaled: the sound server leaves the samples alone, so that neither the volume nor
	// the mute is in them.
	Unscaled bool
	// Balance are the channels' gains below VolumeDB, as factors; nil: all are alike, or
	// are in the samples.
	Balance []float64
}

// Ramp is the gain that the samples need.
func (l Law) Ramp() Ramp {
	r := l.Held
	switch {
	case !l.Unscaled:
		return r
	case l.Muted || l.VolumeDB <= SilenceDB:
		r = Ramp{FromDB: SilenceDB, ToDB: SilenceDB}
	default:
		r.FromDB, r.ToDB = r.FromDB+l.VolumeDB, r.ToDB+l.VolumeDB
	}
	r.Alone = true
	return r
}
