package inventory

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/order"
)

// A column is a heading and what stands below it.
type column struct {
	title string
	wide  bool // only shown when asked for
	cell  func(o schema.Object) string
}

// A Table says how objects are listed.
type Table struct {
	Wide       bool
	Namespaces bool // with the namespace first
	Labels     bool
	Now        time.Time
}

// Write lists items of one kind.
func (t Table) Write(w io.Writer, k Kind, items []Item) error {
	tw := tabwriter.NewWriter(w, 0, 1, 3, ' ', 0)
	cols := slices.DeleteFunc(t.columns(k), func(c column) bool { return c.wide && !t.Wide })
	var head []string
	if t.Namespaces && k.Namespaced {
		head = append(head, "NAMESPACE")
	}
	if !unnamed(k) {
		head = append(head, "NAME")
	}
	for _, c := range cols {
		head = append(head, c.title)
	}
	if t.Labels {
		head = append(head, "LABELS")
	}
	fmt.Fprintln(tw, strings.Join(head, "\t"))
	if unnamed(k) {
		order.By(items, func(a, b Item) int { return strings.Compare(lastSeen(a.Object), lastSeen(b.Object)) })
	}
	for _, x := range items {
		fmt.Fprintln(tw, strings.Join(t.row(k, cols, x), "\t"))
	}
	return tw.Flush()
}

func (t Table) row(k Kind, cols []column, x Item) []string {
	var row []string
	if t.Namespaces && k.Namespaced {
		row = append(row, cell(x.Namespace))
	}
	if !unnamed(k) || x.Err != nil {
		row = append(row, cell(x.Name))
	}
	if x.Err != nil {
		return append(row, cell(x.Err.Error()))
	}
	for _, c := range cols {
		row = append(row, cell(c.cell(x.Object)))
	}
	if t.Labels {
		row = append(row, cell(pairs(x.Map("metadata", "labels"))))
	}
	return row
}

// unnamed reports whether objects are listed without their names: those of
// events say nothing.
func unnamed(k Kind) bool { return k.Resource == "events" && !k.Custom }

// cell is a text of one line, without what a terminal would act upon.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if s == "" {
		return "<none>"
	}
	return s
}

func pairs(m map[string]string) string {
	var out []string
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// columns are those of a kind.
func (t Table) columns(k Kind) []column {
	if unnamed(k) {
		return t.events()
	}
	cols := []column{age}
	for _, list := range []map[string][]column{workloads, networking, storage, policy} {
		if own, ok := list[k.Resource]; ok && !k.Custom {
			cols = aged(own)
		}
	}
	for i, c := range cols {
		switch {
		case c.title == age.title:
			cols[i].cell = func(o schema.Object) string { return t.since(o.Text("metadata", "creationTimestamp")) }
		case c.title == restarts.title:
			cols[i].cell = t.podRestarts
		}
	}
	return cols
}

// aged are the columns with AGE among them.
func aged(cols []column) []column {
	first := len(cols)
	for i, c := range slices.Backward(cols) {
		switch {
		case c.title == age.title || c.title == created.title:
			return slices.Clone(cols)
		case c.wide:
			first = i
		}
	}
	return slices.Insert(slices.Clone(cols), first, age)
}

func (t Table) events() []column {
	return []column{
		{"LAST SEEN", false, func(o schema.Object) string { return t.since(lastSeen(o)) }},
		{"TYPE", false, text("type")}, {"REASON", false, text("reason")},
		{"OBJECT", false, func(o schema.Object) string {
			return strings.ToLower(o.Text("involvedObject", "kind")) + "/" + o.Text("involvedObject", "name")
		}},
		{"MESSAGE", false, text("message")},
		{"COUNT", true, func(o schema.Object) string {
			return strconv.FormatInt(max(1, o.Int("count"), o.Int("series", "count")), 10)
		}},
		{"NAME", true, text("metadata", "name")},
	}
}

// lastSeen is when an event was seen last.
func lastSeen(o schema.Object) string {
	out := ""
	for _, s := range []string{o.Text("series", "lastObservedTime"), o.Text("lastTimestamp"), o.Text("eventTime"), o.Text("metadata", "creationTimestamp")} {
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			if s = at.UTC().Format(time.RFC3339); s > out {
				out = s
			}
		}
	}
	return out
}

// since is how long ago a time was, as kubectl writes it.
func (t Table) since(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "<unknown>"
	}
	return Age(t.Now.Sub(at))
}

// Age writes a duration with its one or two largest units.
func Age(d time.Duration) string {
	s := int(d.Seconds())
	m, h := s/60, s/3600
	two := func(a int, ua string, b int, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, ua)
		}
		return fmt.Sprintf("%d%s%d%s", a, ua, b, ub)
	}
	switch {
	case s < 0:
		return "0s"
	case s < 120:
		return fmt.Sprintf("%ds", s)
	case m < 10:
		return two(m, "m", s%60, "s")
	case m < 180:
		return fmt.Sprintf("%dm", m)
	case h < 8:
		return two(h, "h", m%60, "m")
	case h < 48:
		return fmt.Sprintf("%dh", h)
	case h < 192:
		return two(h/24, "d", h%24, "h")
	case h < 2*365*24:
		return fmt.Sprintf("%dd", h/24)
	}
	return two(h/24/365, "y", h/24%365, "d")
}

func text(path ...string) func(schema.Object) string {
	return func(o schema.Object) string { return o.Text(path...) }
}

func number(path ...string) func(schema.Object) string {
	return func(o schema.Object) string { return strconv.FormatInt(o.Int(path...), 10) }
}

func truth(path ...string) func(schema.Object) string {
	return func(o schema.Object) string { return strconv.FormatBool(o.Bool(path...)) }
}

func size(path ...string) func(schema.Object) string {
	return func(o schema.Object) string {
		switch v := o.Value(path...).(type) {
		case schema.Object:
			return strconv.Itoa(len(v))
		case []any:
			return strconv.Itoa(len(v))
		}
		return "0"
	}
}

func joined(path ...string) func(schema.Object) string {
	return func(o schema.Object) string { return strings.Join(o.Texts(path...), ",") }
}

func labels(path ...string) func(schema.Object) string {
	return func(o schema.Object) string { return pairs(o.Map(path...)) }
}

func ratio(a, b []string) func(schema.Object) string {
	return func(o schema.Object) string { return fmt.Sprintf("%d/%d", o.Int(a...), o.Int(b...)) }
}
