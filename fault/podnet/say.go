package podnet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Sections are those that [Look] and [Facts] read beside CNI, when they are
// there.
var Sections = []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster, snapshot.SectionLogs}

// logged are the messages that a broken pod network leaves in the journal,
// the most telling first.
var logged = []string{"cni-plugin-missing", "cni-add-failed", "kubelet-cni-status-failed", "kubelet-cni-uninitialized", "kubelet-network-not-ready", "kubelet-sandbox-failed"}

// recent is how old such a message may be and still support a finding.
const recent = 15 * time.Minute

// Facts are what supports a finding besides the file itself: what pods were
// attached with, what the runtime says, and what was logged.
func Facts(s *snapshot.Snapshot) []finding.Fact {
	var out []finding.Fact
	if own, ok := Own(s); ok {
		got := fmt.Sprintf("pods of this node were attached to network %q with %s", own.Name, strings.Join(names(own), ", "))
		if nets := subnets(own); len(nets) > 0 {
			got += ", addresses of " + strings.Join(nets, ", ")
		}
		out = append(out, finding.Fact{Source: own.Path, Got: got, At: own.Modified})
	}
	if s.Runtime != nil {
		for _, kind := range []string{"NetworkReady", "CNIConfigLoaded"} {
			if c, ok := s.Runtime.Condition(kind); ok && c.Status == "False" {
				out = append(out, finding.Fact{Source: s.Runtime.Socket, Got: Quote(strings.Join(strings.Fields(kind+"=False "+c.Reason+" "+c.Message), " ")), Want: kind + "=True"})
			}
		}
	}
	if s.Logs != nil {
		for _, id := range logged {
			if seen := s.Logs.Seen(id, s.At, recent); len(seen) > 0 {
				return append(out, finding.Fact{Source: seen[0].Source, Got: Quote(seen[0].Sample), At: seen[0].Last})
			}
		}
	}
	return out
}

func names(f snapshot.CNIFile) []string {
	var out []string
	for _, p := range f.Plugins {
		for _, t := range []string{p.Type, p.IPAM} {
			if t != "" && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// quoteLimit is how much of a line is quoted, in bytes.
const quoteLimit = 240

// Quote is a line as a fact shows it: without the blanks around it, and not
// too long.
func Quote(line string) string {
	line = strings.TrimSpace(line)
	if len(line) > quoteLimit {
		line = strings.ToValidUTF8(line[:quoteLimit], "") + "..."
	}
	return line
}

// Line quotes line n of a file, or says that there is nothing to quote.
func Line(f snapshot.CNIFile, n int) string {
	switch got := Quote(f.LineAt(n)); {
	case got != "":
		return got
	case f.SHA256 == "":
		return "a file that cannot be read"
	case strings.TrimSpace(f.Content) == "":
		return "an empty file"
	}
	return "the end of the text"
}

// Commands are how to see the pod network's configuration by hand.
func Commands(s *snapshot.Snapshot, more ...string) []string {
	return append([]string{"ls -la " + s.CNI.ConfDir}, append(more, "journalctl -u kubelet -u containerd --since -10min | grep -i -e cni -e network")...)
}
