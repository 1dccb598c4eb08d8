// Package nsswitch is the fault of an nsswitch.conf by which names are looked
// up nowhere.
package nsswitch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is the declaration.
var Fault = &fault.Fault{
	ID:    "names/nsswitch",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionNames},
	Explains: []symptom.Edge{
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletRejected, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
	},
	Detect: detect,
}

const file = "/etc/nsswitch.conf"

// servers are sources that ask a name server or a daemon that does.
var servers = []string{"dns", "resolve", "wins", "sss", "libvirt", "mymachines"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var last *snapshot.ConfLine
	for i := range s.Names.Switch {
		if x := &s.Names.Switch[i]; x.Key == "hosts" {
			last = x
		}
	}
	if last == nil {
		return nil // without a line, the files are asked, and then name servers
	}
	why := lacks(sources(last.Value))
	if why == "" {
		return nil
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: file},
		Summary:  fmt.Sprintf("line %d of %s, by which names are looked up, %s", last.Line, file, why),
		Facts:    []finding.Fact{{Source: file, Line: last.Line, Got: "hosts: " + last.Value, Want: "hosts: files dns"}},
		Commands: []string{"grep -n ^hosts " + file, "getent hosts localhost"},
	}}
}

// sources are those that are asked, up to one that ends the search whatever it
// finds.
func sources(value string) []string {
	var out []string
	for w := range strings.FieldsSeq(value) {
		switch {
		case !strings.HasPrefix(w, "["):
			out = append(out, w)
		case len(out) > 0 && strings.HasSuffix(out[len(out)-1], "_minimal"): // it does not find names that are not its own, and does not say so
		case ends(w):
			return out
		}
	}
	return out
}

// ends reports whether an action returns although the source has not found the
// name: every status that says so.
func ends(action string) bool {
	a := strings.ToLower(strings.ReplaceAll(action, " ", ""))
	return strings.Contains(a, "notfound=return") && !strings.Contains(a, "unavail=continue") && !strings.Contains(a, "!")
}

// lacks says what is missing. Sources that ask a daemon, such as resolve, know
// the files too; one that is not known may.
func lacks(list []string) string {
	known := []string{"files", "myhostname", "mdns4_minimal", "mdns_minimal", "mdns4", "mdns"}
	asks := slices.ContainsFunc(list, func(x string) bool { return slices.Contains(servers, x) || !slices.Contains(known, x) })
	switch {
	case len(list) == 0:
		return "asks nobody"
	case !slices.Contains(list, "files") && !slices.ContainsFunc(list, func(x string) bool { return x != "dns" && !strings.HasPrefix(x, "mdns") }):
		return "does not ask /etc/hosts"
	case !asks:
		return "asks no name server"
	}
	return ""
}
