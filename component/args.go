package component

import "strings"

// An Arg is one argument of a command line, read as the program reads it.
type Arg struct {
	Index   int // of the word that names it
	Words   int // how many words it takes: 1, or 2 where its value stands apart
	Name    string
	Value   string
	Flag    Flag   // zero when the program has none of that name
	Known   bool   // the program has it
	Plain   bool   // no flag but a word; none of these programs takes one
	Problem string // why the program does not take it
	Nearest string // of an unknown flag, the one that may be meant
}

// maxMeant bounds for how many unknown flags it is told what may be meant.
const maxMeant = 50

// Parse reads the words of a command line after the program's name.
func (c *Component) Parse(words []string) []Arg {
	var out []Arg
	unknown := 0
	for i := 0; i < len(words); {
		a := c.arg(words[i:])
		if !a.Known && !a.Plain && a.Nearest == "" {
			if unknown++; unknown <= maxMeant {
				a.Nearest = c.Nearest(a.Name)
			}
		}
		a.Index = i
		i += a.Words
		out = append(out, a)
		if a.Plain && (a.Value == "--" || c.Name == "etcd") {
			for ; i < len(words); i++ {
				out = append(out, Arg{Index: i, Words: 1, Value: words[i], Plain: true, Problem: "is not read: it follows " + quote(a.Value)})
			}
		}
	}
	return out
}

// arg reads the first argument of words.
func (c *Component) arg(words []string) Arg {
	w := words[0]
	bare := strings.TrimPrefix(w, "-")
	if bare == w || bare == "" {
		return Arg{Words: 1, Value: w, Plain: true, Problem: "is no flag, and the program takes nothing else"}
	}
	if w == "--" {
		return Arg{Words: 1, Value: w, Plain: true, Problem: "ends the flags"}
	}
	long, two := strings.CutPrefix(bare, "-")
	if !two && c.Name != "etcd" {
		return c.short(bare, words[1:])
	}
	name, value, has := strings.Cut(long, "=")
	return c.finish(Arg{Words: 1, Name: name, Value: value}, has, words[1:])
}

// short reads -v4, -v=4 and -v 4. More than one letter before the value is
// rare, and is told as a flag of that name.
func (c *Component) short(bare string, rest []string) Arg {
	name, value := bare[:1], bare[1:]
	value, has := strings.CutPrefix(value, "=")
	if _, ok := c.Flag(name); !ok || strings.HasPrefix(bare, "-") {
		name, value, has = strings.Cut(bare, "=")
		a := Arg{Words: 1, Name: name, Value: value, Problem: "is no short flag of " + c.Name}
		if _, ok := c.flags[c.normal(name)]; ok {
			a.Problem = "needs two dashes"
			a.Nearest = name
		}
		return a
	}
	return c.finish(Arg{Words: 1, Name: name, Value: value}, has || value != "", rest)
}

// finish looks the flag up, takes its value from the next word where it stands
// there, and checks it.
func (c *Component) finish(a Arg, has bool, rest []string) Arg {
	a.Flag, a.Known = c.Flag(a.Name)
	if !has && a.Flag.Bare != "" {
		a.Value, has = a.Flag.Bare, true
	}
	if !has && len(rest) > 0 && (a.Known || !strings.HasPrefix(rest[0], "-")) {
		a.Value, a.Words, has = rest[0], 2, true
	}
	switch {
	case !a.Known:
		a.Problem = "is no flag of " + c.Name + " " + c.Version
	case !has:
		a.Problem = "needs a value"
	default:
		if err := a.Flag.Check(a.Value); err != nil {
			a.Problem = err.Error()
		}
	}
	return a
}
