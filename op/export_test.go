package op

import (
	"testing"
	"time"
)

// Kinds are the kinds of the closed set.
func Kinds() []string {
	var all []string
	for k := range kinds {
		all = append(all, k)
	}
	return all
}

// The sums of a journal.
const SumMark = sumMark

var Chain = chain

// SetReviving sets for how long a [ReviveStatic] waits, for one test.
func SetReviving(t *testing.T, d time.Duration) {
	was := reviving
	reviving = d
	t.Cleanup(func() { reviving = was })
}
