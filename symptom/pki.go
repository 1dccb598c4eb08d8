package symptom

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of certificates and tokens.
const (
	CertRefused   ID = "certificate-refused" // a component's certificate is not accepted
	TokensRefused ID = "tokens-refused"      // tokens of service accounts are not accepted
)

func pkis() []Symptom {
	return []Symptom{{
		ID: CertRefused, Title: "a component does not accept another's certificate, or cannot load its own", Stored: true,
		LeadsTo: []Edge{
			here(EtcdDown, Sometimes), everywhere(APIDown, Sometimes), everywhere(KubeletRejected, Sometimes), here(KubeletCrashing, Sometimes), here(KubeletDown, Sometimes),
			everywhere(ControllersIdle, Sometimes), everywhere(SchedulerIdle, Sometimes), here(ComponentDown, Sometimes),
			everywhere(NodeNotReady, Sometimes), everywhere(PodsNotStarting, Sometimes), here(AdminLockedOut, Sometimes), here(TokensRefused, Sometimes),
		},
		Observe: certRefused,
	}, {
		ID: TokensRefused, Title: "the API server refuses the tokens of service accounts", Stored: true,
		LeadsTo: []Edge{everywhere(ControllersIdle, Sometimes), everywhere(PodsNotStarting, Sometimes), everywhere(PodNetworkDown, Sometimes),
			everywhere(PodsCrashing, Sometimes), everywhere(PodsUnready, Sometimes), everywhere(DNSFailing, Sometimes)},
		Observe: tokensRefused,
	}}
}

// certRefused goes by what the components would say of the files that they
// load and of each other: a connection that is open stays so until it ends, so
// nothing that runs tells of it in time.
func certRefused(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.PKI == nil || len(s.PKI.Edges) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	told := map[string]bool{}
	for _, e := range s.PKI.Edges {
		starts := e.Error != "" || e.Pair == snapshot.No // what it cannot load it does not start with
		why := e.Refused()
		if why == "" || e.Checks == snapshot.EdgeSigning || e.Uncalled(s.Cluster) || !e.Lasting() && (e.Server != "aggregated" || !starts) || alone(s, e) && !starts {
			continue
		}
		if key := e.Cert + " " + why; !told[key] {
			told[key] = true
			facts = append(facts, finding.Fact{Source: e.Cert, Got: fmt.Sprintf("%s, shown %s: %s", orWords(e.Subject, "a certificate"), way(e), why), Want: "a certificate that is accepted"})
		}
	}
	return verdict(facts)
}

// alone reports whether an edge is that among members of an etcd that has one.
func alone(s *snapshot.Snapshot, e snapshot.Edge) bool {
	return e.Client == "etcd" && e.Server == "etcd" && s.Etcd != nil && len(s.Etcd.Members) == 1
}

// way says between whom a certificate is shown.
func way(e snapshot.Edge) string {
	if e.Checks == snapshot.EdgeClient {
		return "by " + e.Client + " to " + e.Server
	}
	return "by " + e.Server + " to " + e.Client
}

// tokensRefused goes by the keys: each request's token is checked anew. The
// API server's log alone tells of anybody's old token.
func tokensRefused(s *snapshot.Snapshot) (State, []finding.Fact) {
	var facts []finding.Fact
	looked := false
	if s.PKI != nil {
		for _, e := range s.PKI.Edges {
			if e.Checks != snapshot.EdgeSigning {
				continue
			}
			looked = looked || e.Pair != ""
			if e.Pair == snapshot.No {
				facts = append(facts, finding.Fact{Source: e.Key, Got: "tokens that " + e.Client + " signs with it are not accepted: " + e.Refused(), Want: "the key of " + e.CA})
			}
		}
	}
	if len(facts) > 0 {
		for _, f := range logged(s, recent, logAuthFailed) {
			if strings.Contains(f.Got, "token") {
				facts = append(facts, f)
			}
		}
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}
