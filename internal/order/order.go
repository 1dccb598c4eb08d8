// Package order sorts lists.
//
// The sorts of package slices are compiled anew for every type of element, nine
// kilobytes each: over all lists that are sorted here most of a megabyte of a
// binary that has to stay small. Those here are one sort for all types. What
// sorts hundreds of thousands of elements uses slices.
package order

import "sort"

// By sorts list by compare, which says as cmp.Compare does which of two comes
// first. Those that are equal keep their order.
func By[E any](list []E, compare func(a, b E) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
