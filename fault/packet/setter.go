package packet

import (
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Tools of the packet filter and of routing, as commands call them.
var (
	FilterTools = regexp.MustCompile(`\b(nft|ip6?tables(-nft|-legacy)?)\b`)
	RouteTools  = regexp.MustCompile(`\b(ip|route|ifconfig|arp)\b`)
)

// Setters are entries that run by themselves, of no package, a line of whose
// command or script calls one of the tools and has each of the words.
func Setters(s *snapshot.Snapshot, tools *regexp.Regexp, words ...string) []snapshot.Persistent {
	if s.Persistence == nil {
		return nil
	}
	var out []snapshot.Persistent
	for _, e := range s.Persistence.Entries {
		if e.Package != "" || !e.Enabled && !e.Running {
			continue
		}
		texts := []string{e.Command}
		for _, t := range e.Scripts {
			texts = append(texts, t.Content)
		}
		if slices.ContainsFunc(texts, func(t string) bool { return says(t, tools, words) }) {
			out = append(out, e)
		}
	}
	return out
}

func says(text string, tools *regexp.Regexp, words []string) bool {
	for line := range strings.Lines(text) {
		has := strings.FieldsFunc(strings.ToLower(line), func(c rune) bool { return strings.ContainsRune(" \t\n\"';{},", c) })
		missing := func(w string) bool { return w != "" && !slices.Contains(has, strings.ToLower(w)) }
		if tools.MatchString(line) && !slices.ContainsFunc(words, missing) {
			return true
		}
	}
	return false
}

// SetterFacts quote them.
func SetterFacts(list []snapshot.Persistent) []finding.Fact {
	var out []finding.Fact
	for _, e := range list {
		out = append(out, finding.Fact{Source: e.Source, Line: e.Line, Got: e.Command, Want: "nothing that sets it again"})
	}
	return out
}

// Plain is a rule's text without counters.
func Plain(text string) string {
	w := strings.Fields(text)
	for i := 0; i+4 < len(w); i++ {
		if w[i] == "counter" && w[i+1] == "packets" && w[i+3] == "bytes" {
			return strings.Join(slices.Concat(w[:i], w[i+5:]), " ")
		}
	}
	return strings.Join(w, " ")
}
