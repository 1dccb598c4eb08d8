package shaped

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func (x shape) summary() string {
	q := x.qdiscs[0]
	var does []string
	if q.DelayUs > 0 {
		does = append(does, fmt.Sprintf("delays packets by %g ms", float64(q.DelayUs)/1000))
	}
	if q.LossPct > 0 {
		does = append(does, fmt.Sprintf("loses %.3g%% of them", q.LossPct))
	}
	if q.CorruptPct > 0 {
		does = append(does, fmt.Sprintf("damages %.3g%% of them", q.CorruptPct))
	}
	if q.RateBps > 0 {
		does = append(does, "lets no more than "+snapshot.Rate(q.RateBps)+"/s pass")
	}
	if len(does) == 0 {
		does = append(does, fmt.Sprintf("delays packets by up to %g ms", float64(q.JitterUs)/1000))
	}
	where := x.role
	if x.pod != "" {
		where += " (pod " + x.pod + ")"
	}
	return fmt.Sprintf("a %s qdisc on %s, %s, %s", q.Kind, x.link.Name, where, strings.Join(does, " and "))
}

func facts(s *snapshot.Snapshot, x shape) []finding.Fact {
	var out []finding.Fact
	source := "tc qdisc of " + x.subject().Name
	for _, q := range x.qdiscs {
		out = append(out, finding.Fact{Source: source, Got: q.String(), Want: "the kernel's own qdisc, such as noqueue or fq_codel"})
		if q.Drops+q.Overlimits+q.Backlog > 0 {
			out = append(out, finding.Fact{Source: source, Got: fmt.Sprintf("sent %d bytes in %d packets, dropped %d, overlimits %d, backlog %d bytes", q.Bytes, q.Packets, q.Drops, q.Overlimits, q.Backlog)})
		}
	}
	bad, good := split(s, x)
	for i, p := range bad {
		if i == 3 {
			break
		}
		out = append(out, finding.Fact{Source: "probe " + p.From + " -> " + p.To, Got: told(p) + " through " + x.link.Name, Want: good})
	}
	out = append(out, translated(s.Network, x)...)
	for _, e := range setters(s, x) {
		out = append(out, e.fact)
	}
	return out
}

// split returns the degraded probes that pass x, and how the best of the
// others went.
func split(s *snapshot.Snapshot, x shape) (bad []snapshot.Probe, others string) {
	if s.Probes == nil {
		return nil, ""
	}
	best := 0.0
	for _, p := range s.Probes.List {
		if !passes(p, x) && p.Lost+p.Refused < p.Tries && (best == 0 || p.MedianMs < best) {
			best = p.MedianMs
			others = "as elsewhere: " + told(p)
		}
	}
	for _, p := range s.Probes.List {
		if passes(p, x) && (p.Lost >= 2 || p.MedianMs >= 10 && p.MedianMs > 5*best) {
			bad = append(bad, p)
		}
	}
	return bad, others
}

func passes(p snapshot.Probe, x shape) bool {
	for _, h := range p.Path {
		if h.NetNS == x.ns.Name() && h.Link == x.link.Name {
			return true
		}
	}
	return false
}

func told(p snapshot.Probe) string {
	s := fmt.Sprintf("median %.3g ms", p.MedianMs)
	if p.Lost > 0 {
		s += fmt.Sprintf(", %d of %d lost", p.Lost, p.Tries)
	}
	return s
}

// translated quotes the translation by which a Service's packets come to the
// pod behind the interface.
func translated(n *snapshot.Network, x shape) []finding.Fact {
	for _, d := range n.DNAT {
		for _, to := range d.To {
			if ip, _, ok := strings.Cut(to, ":"); ok && owns(n, x.pod, ip) {
				from := d.Address + ":" + strconv.Itoa(d.Port)
				if d.Address == "" {
					from = "node port " + strconv.Itoa(d.Port)
				}
				return []finding.Fact{{Source: "netfilter " + d.Chain, Got: from + " is translated to " + to + ", behind " + x.link.Name}}
			}
		}
	}
	return nil
}

func owns(n *snapshot.Network, pod, ip string) bool {
	for _, ns := range n.Namespaces {
		if ns.Host || ns.Name() != pod {
			continue
		}
		for _, l := range ns.Links {
			for _, a := range l.Addresses {
				if have, _, _ := strings.Cut(a, "/"); have == ip {
					return true
				}
			}
		}
	}
	return false
}

// A setter is an entry that sets a qdisc by itself, and the line that does.
type setter struct {
	entry snapshot.Persistent
	fact  finding.Fact
}

var sets = regexp.MustCompile(`\bqdisc\s+(add|replace|change)\b.*\bdev\s+(\S+)`)

// setters are the entries whose command or script puts a qdisc on x.
func setters(s *snapshot.Snapshot, x shape) []setter {
	var out []setter
	if s.Persistence == nil {
		return nil
	}
	for _, e := range s.Persistence.Entries {
		if !e.Enabled && !e.Running || e.Package != "" {
			continue
		}
		texts := append([]snapshot.Text{{Path: e.Source, Content: e.Command}}, e.Scripts...)
		for i, t := range texts {
			n, line := x.setBy(t)
			if n == 0 {
				continue
			}
			if i == 0 {
				n = e.Line
			}
			out = append(out, setter{e, finding.Fact{Source: t.Path, Line: n, Got: line, Want: "nothing that sets it again"}})
			break
		}
	}
	return out
}

// setBy returns the line of a script that puts a qdisc on x: it names the
// interface, or a variable while the script names it elsewhere or asks the
// system for it.
func (x shape) setBy(t snapshot.Text) (int, string) {
	for i, l := range t.Lines() {
		l = strings.TrimSpace(l)
		m := sets.FindStringSubmatch(l)
		if m == nil || strings.HasPrefix(l, "#") || !strings.Contains(l, x.qdiscs[0].Kind) {
			continue
		}
		if dev := strings.Trim(m[2], `"';`); dev == x.link.Name || strings.Contains(dev, "$") {
			return i + 1, l
		}
	}
	return 0, ""
}

func commands(x shape) []string {
	tc := "tc -s qdisc show dev " + x.link.Name
	if x.ns.Host {
		return []string{tc}
	}
	return []string{"nsenter --net=" + x.ns.Path + " " + tc}
}

// quantity reads a Kubernetes quantity of bits a second, such as 10M.
func quantity(s string) (float64, bool) {
	units := map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
	number := strings.TrimRight(s, "kMGi")
	unit, ok := units[s[len(number):]]
	v, err := strconv.ParseFloat(number, 64)
	return v * unit, ok && err == nil
}
