package op

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
