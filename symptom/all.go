package symptom

import "slices"

// All returns every symptom, from those nearest a cause to those nearest the
// user: each comes before what it leads to.
func All() []Symptom {
	return slices.Concat(hosts(), pkis(), runtimes(), ports(), kubelets(), etcds(), admissions(), apis(), controls(), nodes(), paths(), workloads(), traffic(), aggregations(), access())
}

// Lookup returns the symptom of that ID.
func Lookup(id ID) (Symptom, bool) {
	for _, s := range All() {
		if s.ID == id {
			return s, true
		}
	}
	return Symptom{}, false
}

// here is an effect on the node of its cause.
func here(id ID, x Strength) Edge { return Edge{Symptom: id, Strength: x} }

// everywhere is an effect that shows on other nodes too.
func everywhere(id ID, x Strength) Edge { return Edge{Symptom: id, Strength: x, Cluster: true} }
