package journal

import (
	"strconv"
	"strings"
	"time"
)

// A Query says which entries are wanted. Its zero value wants all; values of
// one field are alternatives, fields restrict each other.
type Query struct {
	Units       []string // systemd units, with their suffix
	Identifiers []string // SYSLOG_IDENTIFIER
	Transports  []string // _TRANSPORT: kernel, syslog, journal, stdout, audit, driver
	Boot        string   // boot id, 32 hexadecimal digits, dashes allowed
	Since       time.Time
	Until       time.Time // inclusive
	MaxPriority int       // keep this severity and the graver ones; 0 keeps all
	Tail        int       // the newest so many; 0 for no limit
	// Matches are payloads, NAME=value: those of one name are alternatives,
	// names restrict each other.
	Matches []string
	// After keeps, of each sequence of numbers named, what has a greater one:
	// what was written since.
	After map[ID]uint64
}

// A term is one payload that satisfies a group. Only root's systemd may speak
// for a unit: need is a payload that the entry must have as well.
type term struct{ payload, need string }

// groups returns the terms of which an entry must satisfy one in each group.
func (q *Query) groups() [][]term {
	var groups [][]term
	add := func(terms []term) {
		if len(terms) > 0 {
			groups = append(groups, terms)
		}
	}
	add(unitTerms(q.Units))
	add(plainTerms("SYSLOG_IDENTIFIER=", q.Identifiers))
	add(plainTerms("_TRANSPORT=", q.Transports))
	if q.Boot != "" {
		add(plainTerms("_BOOT_ID=", []string{strings.ToLower(strings.ReplaceAll(q.Boot, "-", ""))}))
	}
	if q.MaxPriority > 0 {
		var levels []string
		for p := range min(q.MaxPriority, 7) + 1 {
			levels = append(levels, strconv.Itoa(p))
		}
		add(plainTerms("PRIORITY=", levels))
	}
	for _, m := range matchTerms(q.Matches) {
		add(m)
	}
	return groups
}

// matchTerms groups payloads by their names, in the order of the first of each.
func matchTerms(matches []string) [][]term {
	var groups [][]term
	at := map[string]int{}
	for _, m := range matches {
		name, _, _ := strings.Cut(m, "=")
		i, ok := at[name]
		if !ok {
			i = len(groups)
			at[name] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], term{payload: m})
	}
	return groups
}

func plainTerms(prefix string, values []string) []term {
	var terms []term
	for _, v := range values {
		terms = append(terms, term{payload: prefix + v})
	}
	return terms
}

func unitTerms(units []string) []term {
	var terms []term
	for _, u := range units {
		terms = append(terms,
			term{payload: "_SYSTEMD_UNIT=" + u},
			term{payload: "UNIT=" + u, need: "_PID=1"},
			term{payload: "OBJECT_SYSTEMD_UNIT=" + u, need: "_UID=0"},
			term{payload: "COREDUMP_UNIT=" + u, need: "_UID=0"})
		if strings.HasSuffix(u, ".slice") {
			terms = append(terms, term{payload: "_SYSTEMD_SLICE=" + u})
		}
	}
	return terms
}

// A clause is a term as the data objects of one file.
type clause struct{ data, need uint64 }

func (c clause) holds(r raw) bool {
	return r.has(c.data) && (c.need == 0 || r.has(c.need))
}

// A finder returns the data objects with a payload in one file.
type finder func(payload string) ([]uint64, error)

// resolve returns the clauses of a group in a file.
func resolve(group []term, find finder) ([]clause, error) {
	var clauses []clause
	for _, t := range group {
		data, err := find(t.payload)
		if err != nil {
			return nil, err
		}
		needs := []uint64{0}
		if t.need != "" && len(data) > 0 {
			if needs, err = find(t.need); err != nil {
				return nil, err
			}
		}
		for _, d := range data {
			for _, n := range needs {
				clauses = append(clauses, clause{d, n})
			}
		}
	}
	return clauses, nil
}
