// Package observe turns log lines into typed observations: what is known to
// be said by the components of a node, how often, and when.
package observe

import (
	"maps"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// A Kind is what wrote a line. It decides which messages are looked for.
type Kind int

// The kinds.
const (
	Other Kind = iota
	Kubelet
	Containerd
	Etcd
	APIServer
	Component // controller-manager, scheduler, kube-proxy and other clients
	Systemd
	Cron
	Kernel
	DNS // CoreDNS
	SSH
	kinds
)

// A known is a message that a component is known to write.
type known struct {
	id   string
	kind []Kind
	// any are literals of which a line must hold one: the only test that
	// every line is put to.
	any []string
	// all are literals that it must hold besides.
	all []string
	// none are literals that it must not hold.
	none []string
	// re must match if set; its named groups become parameters.
	re *pattern
	// opt is as re, but need not match.
	opt *pattern
	// fields of a zap line become parameters.
	fields []string
	// key are the parameters by which observations of one id are told apart.
	key []string
	// longest is a parameter that holds a duration; the longest is kept.
	longest string
}

// A Line is one line of a log.
type Line struct {
	Time     time.Time
	Text     string
	Severity int           // syslog severity, -1 if unknown
	Cursor   func() string // where the line is; may be nil
}

const (
	maxObservations = 512
	maxSample       = 1024
	maxText         = 16 << 10 // of a sample before it is scrubbed and cut
)

// A Set collects observations. It is not safe for concurrent use.
type Set struct {
	messages []known
	tables   [kinds]*tableOf // made when the first line of a kind comes
	seen     map[string]*snapshot.Observation
	order    []*snapshot.Observation
	bursts   bursts
}

// A tableOf is what is known of one kind, ready to match.
type tableOf struct {
	known   []*known
	owner   []int // of each literal
	matcher *matcher
	marked  []bool
}

// New returns an empty set.
func New() *Set {
	return &Set{messages: catalogue(), seen: map[string]*snapshot.Observation{}}
}

func tableFor(messages []known, k Kind) *tableOf {
	t := &tableOf{}
	var literals []string
	for i := range messages {
		for _, kind := range messages[i].kind {
			if kind != k {
				continue
			}
			for _, l := range messages[i].any {
				literals = append(literals, l)
				t.owner = append(t.owner, len(t.known))
			}
			t.known = append(t.known, &messages[i])
		}
	}
	t.matcher = newMatcher(literals)
	t.marked = make([]bool, len(t.known))
	return t
}

// Add looks at one line of the log named source. Lines may come in any order.
func (s *Set) Add(k Kind, source string, l Line) {
	t := s.tables[k]
	if t == nil {
		t = tableFor(s.messages, k)
		s.tables[k] = t
	}
	hit := false
	t.matcher.find(l.Text, func(id int32) {
		t.marked[t.owner[id]] = true
		hit = true
	})
	matched := false
	if hit {
		for i, n := range t.known {
			if !t.marked[i] {
				continue
			}
			t.marked[i] = false
			if params, ok := n.match(l.Text); ok {
				s.record(n, source, l, params)
				matched = true
			}
		}
	}
	if !matched && isError(l) {
		s.bursts.add(source, l)
	}
}

// record counts a match.
func (s *Set) record(n *known, source string, l Line, params map[string]string) {
	key := n.id + "\x00" + source
	for _, k := range n.key {
		key += "\x00" + params[k]
	}
	o := s.seen[key]
	if o == nil && len(s.order) >= maxObservations {
		return
	}
	if o == nil {
		o = &snapshot.Observation{ID: n.id, Source: source, First: l.Time, Last: l.Time}
		s.seen[key] = o
		s.order = append(s.order, o)
	}
	longest := longer(o.Params[n.longest], params[n.longest])
	o.Count++
	if l.Time.Before(o.First) {
		o.First = l.Time
	}
	if o.Count == 1 || !l.Time.Before(o.Last) {
		o.Last, o.Sample, o.Params = l.Time, l.Text[:min(len(l.Text), maxText)], params
		if l.Cursor != nil {
			o.Cursor = l.Cursor()
		}
	}
	if n.longest != "" && longest != "" && o.Params != nil {
		o.Params[n.longest] = longest
	}
}

// longer returns the longer of two durations as Go prints them.
func longer(a, b string) string {
	x, errA := time.ParseDuration(a)
	y, errB := time.ParseDuration(b)
	if errA != nil || errB == nil && y > x {
		return b
	}
	return a
}

// clip is a text as it may be kept: without credentials, and not too long.
func clip(s string) string {
	s = secret.Scrub(s[:min(len(s), maxText)])
	return strings.ToValidUTF8(s[:min(len(s), maxSample)], "?")
}

// Observations returns what was seen, in the order of ids, then sources.
func (s *Set) Observations() []snapshot.Observation {
	var list []snapshot.Observation
	for _, o := range s.order {
		c := *o
		c.Sample, c.Params = clip(o.Sample), maps.Clone(o.Params)
		list = append(list, c)
	}
	sortObservations(list)
	return list
}
