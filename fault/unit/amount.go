package unit

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// Amount reads a size or a count of a unit, a share as one of the node's
// memory; false for infinity.
func Amount(s *snapshot.Snapshot, v string) (uint64, bool) {
	var n uint64
	var suffix string
	if k, _ := fmt.Sscanf(v, "%d%s", &n, &suffix); k == 0 {
		return 0, false
	}
	switch suffix = strings.ToUpper(suffix); suffix {
	case "":
		return n, true
	case "K", "M", "G", "T":
		return n << (10 * (1 + strings.Index("KMGT", suffix))), true
	case "%":
		if s.Host == nil || s.Host.MemTotal == 0 {
			return 0, false
		}
		return s.Host.MemTotal / 100 * n, true
	}
	return 0, false
}
