package object

import (
	"maps"
	"slices"
)

// Keys are the keys of labels in order.
func Keys(labels map[string]string) []string { return slices.Sorted(maps.Keys(labels)) }
