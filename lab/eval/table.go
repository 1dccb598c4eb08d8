package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
)

// latest keeps the last result of each case.
func latest(list []Result) []Result {
	at := map[string]int{}
	var out []Result
	for _, r := range list {
		key := string(r.Case.Kind) + r.Case.String()
		if i, ok := at[key]; ok {
			out[i] = r
			continue
		}
		at[key] = len(out)
		out = append(out, r)
	}
	return out
}

func of(list []Result, kinds ...Kind) []Result {
	return slices.DeleteFunc(slices.Clone(list), func(r Result) bool { return !slices.Contains(kinds, r.Case.Kind) })
}

// Write writes the results as docs/eval.md: what was measured, when, with
// which version. faults are the IDs of all that could have been accused.
func Write(w io.Writer, results []Result, faults []string, version string, at time.Time) error {
	list := latest(results)
	var b strings.Builder
	fmt.Fprintf(&b, "# Evaluation\n\n%s, version %s, written by `make eval`. Real clusters of the lab are broken by the drills; klustered is asked once, %s\n\n",
		at.UTC().Format("2 January 2006"), version, "and scores precision if every cause is named, else nothing.")
	kept(&b, list)
	layerTable(&b, of(list, Single))
	mendTable(&b, of(list, Single))
	groupTable(&b, list)
	healthyTable(&b, of(list, Healthy))
	calibration(&b, list)
	controls(&b, list, faults)
	misses(&b, list)
	_, err := io.WriteString(w, b.String())
	return err
}

// kept says how many cases were diagnosed from evidence of earlier versions.
func kept(b *strings.Builder, list []Result) {
	by := tally(list, "of %d cases the evidence was gathered by %s", func(r Result) string { return r.Kept })
	if len(by) == 0 {
		return
	}
	fmt.Fprintf(b, "Not all labs were asked by this version: %s, and diagnosed anew by this one; the seconds are of then.\n\n", strings.Join(by, ", "))
}

// tally counts results by a version that each has or has not, in the words of
// format.
func tally(list []Result, format string, version func(Result) string) []string {
	versions := map[string]int{}
	for _, r := range list {
		if v := version(r); v != "" {
			versions[v]++
		}
	}
	var out []string
	for _, v := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, fmt.Sprintf(format, versions[v], v))
	}
	return out
}

const head = "cases | found | named exactly | first | false causes | score | mean seconds | slowest\n"

func row(s Summary) string {
	return fmt.Sprintf("%d | %d | %d | %d | %d | %.3f | %.2f | %.2f\n", s.Cases, s.Found, s.Exact, s.First, s.False, s.Score, s.Seconds, s.Slowest)
}

func rule(b *strings.Builder, columns int) {
	b.WriteString("|" + strings.Repeat("---|", columns) + "\n")
}

// layerTable has a row for each layer.
func layerTable(b *strings.Builder, list []Result) {
	b.WriteString("## One fault\n\n| layer | faults | " + strings.TrimSuffix(head, "\n") + " |\n")
	rule(b, 10)
	for _, l := range append([]fault.Layer{fault.Trust}, fault.Layers...) {
		mine := slices.DeleteFunc(slices.Clone(list), func(r Result) bool { return r.Case.Layers[0] != string(l) })
		if n := distinct(mine); n > 0 {
			fmt.Fprintf(b, "| %s | %d | %s", l, n, line(Sum(mine)))
		}
	}
	fmt.Fprintf(b, "| **all** | %d | %s\n", distinct(list), line(Sum(list)))
}

// repairedBy says how many repairs were tried by earlier versions.
func repairedBy(list []Result) string {
	by := tally(list, "%d by %s", func(r Result) string { return r.Mended.By })
	if len(by) == 0 {
		return ""
	}
	return "Not all were tried by this version: " + strings.Join(by, ", ") + ".\n\n"
}

// mendTable has a row for each layer whose faults were repaired, and says what
// went wrong.
func mendTable(b *strings.Builder, list []Result) {
	list = slices.DeleteFunc(list, func(r Result) bool { return r.Mended == nil || r.Failed != "" })
	if len(list) == 0 {
		return
	}
	b.WriteString("## Repair\n\nEach break is repaired, the repair undone and made again, and the node restarted.\n\n" +
		repairedBy(list) + "| layer | cases | with a repair | repaired | undone exactly | repaired again | held a restart | harm |\n")
	rule(b, 8)
	for _, l := range append([]fault.Layer{fault.Trust}, fault.Layers...) {
		mine := slices.DeleteFunc(slices.Clone(list), func(r Result) bool { return r.Case.Layers[0] != string(l) })
		if len(mine) > 0 {
			fmt.Fprintf(b, "| %s | %s\n", l, mendings(mine))
		}
	}
	fmt.Fprintf(b, "| **all** | %s\n\n", mendings(list))
	for _, r := range list {
		if why := r.Mended.Why; why != "" {
			fmt.Fprintf(b, "- %s: %s\n", r.Case, clip(why))
		}
		if len(r.Mended.Harm) > 0 {
			fmt.Fprintf(b, "- %s: the repair took %s\n", r.Case, clip(strings.Join(r.Mended.Harm, ", ")))
		}
	}
	b.WriteString("\n")
}

func mendings(list []Result) string {
	var with, repaired, undone, again, held, harm int
	for _, r := range list {
		m := r.Mended
		with += one(m.None == "")
		repaired += one(m.Repaired)
		undone += one(m.Undone)
		again += one(m.Again)
		held += one(m.Held)
		harm += one(len(m.Harm) > 0)
	}
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d | %d |", len(list), with, repaired, undone, again, held, harm)
}

// distinct is how many faults the results are of.
func distinct(list []Result) int {
	ids := map[string]bool{}
	for _, r := range list {
		if r.Failed == "" {
			ids[r.Case.Faults[0]] = true
		}
	}
	return len(ids)
}

func line(s Summary) string { return strings.TrimSuffix(row(s), "\n") + " |\n" }

// groupTable has the sets of several faults.
func groupTable(b *strings.Builder, list []Result) {
	b.WriteString("## Several faults of different layers\n\n| set | " + strings.TrimSuffix(head, "\n") + " |\n")
	rule(b, 9)
	fmt.Fprintf(b, "| pairs | %s", line(Sum(of(list, Pair))))
	fmt.Fprintf(b, "| triples | %s", line(Sum(of(list, Triple))))
	fmt.Fprintf(b, "| **all** | %s\n", line(Sum(of(list, Pair, Triple))))
}

// healthyTable has a row for each way to be healthy.
func healthyTable(b *strings.Builder, list []Result) {
	b.WriteString("## Healthy clusters\n\n| variant | causes | symptoms nobody explains |\n")
	rule(b, 3)
	for _, r := range list {
		if r.Failed == "" {
			fmt.Fprintf(b, "| %s | %d | %s |\n", r.Case.Name(), len(r.Said), cmp.Or(clip(r.Mute), strings.Join(r.Unexplained, ", "), "none"))
		}
	}
	b.WriteString("\n")
}

// calibration says what a confidence is worth.
func calibration(b *strings.Builder, list []Result) {
	b.WriteString("## Calibration\n\nOf all causes named, by the confidence they were named with:\n\n| confidence | mean | causes | right |\n")
	rule(b, 4)
	for _, x := range Calibrate(list) {
		fmt.Fprintf(b, "| %.2f to %.2f | %.2f | %d | %d (%.0f %%) |\n", x.From, x.To, x.Mean, x.Claims, x.Right, 100*float64(x.Right)/float64(x.Claims))
	}
	b.WriteString("\n")
}

// controls are what the same measure says of diagnosers that are none.
func controls(b *strings.Builder, list []Result, faults []string) {
	var silent, loud []Result
	for _, r := range of(list, Single, Pair, Triple) {
		silent, loud = append(silent, Silent(r)), append(loud, Accuser(r, faults))
	}
	fmt.Fprintf(b, "## Controls\n\nOn the same broken clusters, one that says nothing scores %.3f, and one that accuses everything %.3f.\n\n",
		Sum(silent).Score, Sum(loud).Score)
}

// misses lists what was not named, or named wrongly, and what could not be made.
func misses(b *strings.Builder, list []Result) {
	b.WriteString("## What was missed\n\n")
	none := true
	for _, r := range list {
		v := Judge(r)
		switch {
		case r.Failed != "":
			fmt.Fprintf(b, "- %s: could not be made: %s\n", r.Case, clip(r.Failed))
		case v.Score < 1:
			var said []string
			for _, c := range r.Said {
				said = append(said, fmt.Sprintf("%s (%.2f)", c.Fault, c.Confidence))
			}
			fmt.Fprintf(b, "- %s %s: said %s", r.Case.Kind, r.Case, cmp.Or(strings.Join(said, ", "), "nothing"))
			if r.Mute != "" {
				fmt.Fprintf(b, ": %s", clip(r.Mute))
			}
			if len(r.Unexplained) > 0 {
				fmt.Fprintf(b, "; unexplained: %s", strings.Join(r.Unexplained, ", "))
			}
			b.WriteString("\n")
		default:
			continue
		}
		none = false
	}
	if none {
		b.WriteString("Nothing.\n")
	}
}

func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 160 {
		return s[:160] + "..."
	}
	return s
}
