package manifest

import (
	"fmt"
	"slices"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
)

// elections are the defaults of the flags with which a component elects its
// leader.
var elections = map[string]time.Duration{
	"leader-elect-lease-duration": 15 * time.Second, "leader-elect-renew-deadline": 10 * time.Second, "leader-elect-retry-period": 2 * time.Second,
}

// tooLong is for how long a lease keeps others waiting when its holder is lost.
const tooLong = 10 * time.Minute

// Election looks at how a component elects its leader.
func Election(s *snapshot.Snapshot, component string) []Wrong {
	p, ok := Find(s, component)
	if !ok || p.Value("leader-elect") == "false" {
		return nil
	}
	at := map[string]time.Duration{}
	for name, d := range elections {
		at[name] = d
		if f, ok := p.Flag(name); ok {
			x, err := time.ParseDuration(f.Value)
			if err != nil {
				return nil // another fault
			}
			at[name] = x
		}
	}
	lease, renew, retry := at["leader-elect-lease-duration"], at["leader-elect-renew-deadline"], at["leader-elect-retry-period"]
	switch {
	case lease <= renew:
		return []Wrong{deviant(p, "leader-elect-lease-duration", "leader-elect-renew-deadline", fmt.Sprintf("a lease of %s has to be longer than the deadline of %s for its renewal", lease, renew))}
	case renew <= retry*12/10:
		return []Wrong{deviant(p, "leader-elect-renew-deadline", "leader-elect-retry-period", fmt.Sprintf("the deadline of %s has to be longer than 1.2 times the period of %s", renew, retry))}
	case lease > tooLong:
		return []Wrong{{Part: p, Flag: "leader-elect-lease-duration", Why: "nobody takes over for so long when the holder is lost", Want: "15s, the default", Drop: true, Serves: true}}
	}
	if f, ok := p.Flag("leader-elect-resource-lock"); ok && f.Value != "leases" {
		return []Wrong{{Part: p, Flag: f.Name, Why: "leases are the only kind of lock", Want: "leases", Drop: true}}
	}
	if f, ok := p.Flag("leader-elect-resource-namespace"); ok && f.Value != "kube-system" && s.Cluster != nil && len(s.Cluster.Namespaces) > 0 &&
		!slices.ContainsFunc(s.Cluster.Namespaces, func(n snapshot.Namespace) bool { return n.Name == f.Value }) {
		return []Wrong{{Part: p, Flag: f.Name, Why: "there is no such namespace to keep the lease in", Want: "kube-system, the default", Drop: true, Serves: true}}
	}
	return nil
}

// deviant is the one of two flags that is given.
func deviant(p Part, a, b, why string) Wrong {
	for _, name := range []string{a, b} {
		if f, ok := p.Flag(name); ok && f.Value != elections[name].String() {
			return Wrong{Part: p, Flag: name, Why: why, Want: "no --" + name + ", which is " + elections[name].String(), Drop: true}
		}
	}
	return Wrong{Part: p, Flag: a, Why: why, Want: elections[a].String()}
}

// BadElection is a flag by which no leader is elected.
func BadElection(d *fault.Dice) string {
	return fault.Pick(d, []string{
		fmt.Sprintf("--leader-elect-lease-duration=%ds", d.Int(2, 10)),
		fmt.Sprintf("--leader-elect-renew-deadline=%ds", d.Int(15, 60)),
		fmt.Sprintf("--leader-elect-retry-period=%ds", d.Int(9, 30)),
		fmt.Sprintf("--leader-elect-renew-deadline=%dms", d.Int(500, 2400)),
	})
}
