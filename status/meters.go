package status

import (
	"math"
	"strings"
)

// meterFloorDB is where a meter begins; it ends at full scale, as digital peak meters do
// (IEC 60268-18).
const meterFloorDB = -60.0

// meter draws a level as a bar of so many columns.
func meter(db float64, width int, ascii bool) string {
	share := min(max(1-db/meterFloorDB, 0), 1)
	if math.IsNaN(share) {
		share = 0
	}
	if ascii {
		full := int(math.Round(share * float64(width)))
		return strings.Repeat("#", full) + strings.Repeat("-", width-full)
	}
	eighths := []rune(" ▏▎▍▌▋▊▉")
	all := int(math.Round(share * float64(width) * float64(len(eighths))))
	bar := strings.Repeat("█", all/len(eighths))
	if rest := all % len(eighths); rest > 0 {
		bar += string(eighths[rest])
	}
	return bar + strings.Repeat("·", width-len([]rune(bar)))
}
