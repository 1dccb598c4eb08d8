package symptom

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of the control plane's own programs.
const (
	ControllersIdle ID = "controllers-idle"       // the lease of kube-controller-manager is not renewed
	SchedulerIdle   ID = "scheduler-idle"         // the lease of kube-scheduler is not renewed
	ComponentDown   ID = "control-component-down" // a component that this node is to run does not run, or ends again and again
)

const (
	// idleAfter is the age of a controller's lease from which nobody holds it:
	// three times its duration of 15 s.
	idleAfter = 45 * time.Second
	// shortLived is how long a container of a component runs that ends again
	// and again, and how young its successor is then.
	shortLived = 5 * time.Minute
	// fewRestarts are those that a boot or one lost lease brings.
	fewRestarts = 3
	// manyRestarts are those after which one longer life says nothing.
	manyRestarts = 10
	// serves is after what time an API server that runs is taken to serve.
	serves = time.Minute
)

// controls are what the API server leads to; a component that is down is the
// last of them, since each of the others may be the reason.
func controls() []Symptom {
	return []Symptom{{
		ID: ControllersIdle, Title: "no controller manager does its work",
		LeadsTo: []Edge{everywhere(PodsNotStarting, Sometimes), here(ComponentDown, Sometimes), everywhere(ServiceNoEndpoints, Sometimes), everywhere(NamespaceStuck, Sometimes)},
		Observe: func(s *snapshot.Snapshot) (State, []finding.Fact) { return idle(s, "kube-controller-manager") },
	}, {
		ID: SchedulerIdle, Title: "no scheduler does its work",
		LeadsTo: []Edge{everywhere(PodsNotStarting, Usually), here(ComponentDown, Sometimes), everywhere(ServiceNoEndpoints, Sometimes)},
		Observe: func(s *snapshot.Snapshot) (State, []finding.Fact) { return idle(s, "kube-scheduler") },
	}, {
		ID: ComponentDown, Title: "a component of the control plane does not run on this node, or not for long",
		Observe: componentDown,
	}}
}

// idle looks at the lease that the component's instances share.
func idle(s *snapshot.Snapshot, component string) (State, []finding.Fact) {
	if s.Cluster == nil || electionOff(s, component) {
		return NotLooked, nil
	}
	for _, l := range s.Cluster.Leases {
		if l.Namespace != "kube-system" || l.Name != component {
			continue
		}
		if ahead := l.Renewed.Sub(s.At); ahead >= idleAfter { // its holder cannot have written that
			return Seen, []finding.Fact{{Source: "leases/kube-system/" + l.Name, At: l.Renewed,
				Got: fmt.Sprintf("renewed %s in the future by %s", ahead.Round(time.Second), orWords(l.Holder, "nobody")), Want: "renewed every few seconds"}}
		}
		if age := s.At.Sub(l.Renewed); age >= idleAfter {
			return Seen, []finding.Fact{{Source: "leases/kube-system/" + l.Name, At: l.Renewed,
				Got: fmt.Sprintf("renewed %s ago by %s", age.Round(time.Second), orWords(l.Holder, "nobody")), Want: "renewed every few seconds"}}
		}
		return Absent, nil
	}
	return NotLooked, nil
}

// electionOff reports whether the component of this node works without a
// lease, or with another one.
func electionOff(s *snapshot.Snapshot, component string) bool {
	if s.Static == nil {
		return false
	}
	_, c, ok := s.Static.Component(component)
	elect, off := c.Flag("leader-elect")
	name, other := c.Flag("leader-elect-resource-name")
	return ok && (off && elect.Value == "false" || other && name.Value != component)
}

// components are what runs as static pods of a control plane, and the file
// that only a node which is to run it has.
var components = []struct{ name, credential string }{
	{"etcd", ""},
	{"kube-apiserver", ""},
	{"kube-controller-manager", "/etc/kubernetes/controller-manager.conf"},
	{"kube-scheduler", "/etc/kubernetes/scheduler.conf"},
}

// componentDown looks for a process of each component that this node is to
// run.
func componentDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Static == nil || s.Processes == nil {
		return NotLooked, nil
	}
	looked := false
	var facts []finding.Fact
	for _, c := range components {
		where := expected(s, c.name, c.credential)
		if where == "" {
			continue
		}
		looked = true
		if got := down(s, c.name); got != "" {
			facts = append(facts, finding.Fact{Source: where, Got: got, Want: "a running " + c.name})
		}
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

// expected is the file that says that the component runs on this node, or "":
// its manifest, or its credential beside the manifest of another one.
func expected(s *snapshot.Snapshot, name, credential string) string {
	peer := false
	for _, m := range s.Static.Manifests {
		runs := strings.TrimSuffix(path.Base(m.Path), path.Ext(m.Path)) == name
		for _, c := range m.Containers {
			runs = runs || c.Command == name && !c.Init
			peer = peer || !c.Init && slices.ContainsFunc(components, func(x struct{ name, credential string }) bool { return x.name == c.Command })
		}
		if runs {
			return m.Path
		}
	}
	if !peer || credential == "" || s.Kubeconfigs == nil {
		return ""
	}
	for _, k := range s.Kubeconfigs.Files {
		if k.Path == credential {
			return credential
		}
	}
	return ""
}

// down says how the component does not run, or "".
func down(s *snapshot.Snapshot, name string) string {
	now, last := containersOf(s, name)
	for _, p := range s.Processes.ByName(name) {
		if p.State == "Z" {
			continue
		}
		if now != nil && last != nil && endsAgain(s, now, last) && !outlived(s, now, last) {
			return fmt.Sprintf("started for the %dth time %s ago; before that it ran for %s%s", now.Attempt+1, s.At.Sub(now.Started).Round(time.Second),
				last.Finished.Sub(last.Started).Round(time.Second), ended(last))
		}
		return ""
	}
	got := "no process of " + name + " runs"
	if now != nil && now.State == "exited" {
		return got + fmt.Sprintf("; it ended %s ago%s", s.At.Sub(now.Finished).Round(time.Second), ended(now))
	}
	return got
}

// outlived reports whether what runs now has run for so much longer than the
// last one did, or that for so long, that its end is no pattern any more. Nor is
// it where what it needs was started anew since the last one began, which may
// have ended by that.
func outlived(s *snapshot.Snapshot, now, last *snapshot.Container) bool {
	life, age := last.Finished.Sub(last.Started), s.At.Sub(now.Started)
	if age >= serves && renewed(s, now.Name, last.Started) {
		return true
	}
	if now.Attempt >= manyRestarts || last.Finished.IsZero() {
		return life >= shortLived || age >= shortLived
	}
	return life >= shortLived || age >= min(shortLived, 2*life+30*time.Second)
}

// renewed reports whether a component without which this one ends runs since
// a later time, and does not end again and again itself, or no more.
func renewed(s *snapshot.Snapshot, name string, since time.Time) bool {
	for _, x := range []string{"etcd", "kube-apiserver"} {
		if x == name {
			return false
		}
		c, before := containersOf(s, x)
		if c != nil && c.State == "running" && c.Started.After(since) && (c.Attempt < fewRestarts || before != nil && outlived(s, c, before)) {
			return true
		}
	}
	return false
}

// endsAgain reports whether a container was started so often that it is no
// accident. Where etcd and the API server have run for long it has nobody to
// wait for, and two are enough, or one after less than a minute: it may have lost
// its first lease.
func endsAgain(s *snapshot.Snapshot, now, last *snapshot.Container) bool {
	if now.Attempt >= fewRestarts {
		return true
	}
	for _, name := range []string{"etcd", "kube-apiserver"} {
		c, _ := containersOf(s, name)
		if c == nil || c.State != "running" || last.Started.Sub(c.Started) < serves || c.Name == now.Name {
			return false
		}
	}
	return now.Attempt > 1 || now.Attempt > 0 && last.Finished.Sub(last.Started) < time.Minute
}

func ended(c *snapshot.Container) string {
	if c.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" with %s, code %d", c.Reason, c.ExitCode)
}

// containersOf are the youngest container of a component and the one before.
func containersOf(s *snapshot.Snapshot, name string) (now, last *snapshot.Container) {
	if s.Runtime == nil {
		return nil, nil
	}
	for i := range s.Runtime.Containers {
		c := &s.Runtime.Containers[i]
		if c.Namespace != "kube-system" || c.Name != name {
			continue
		}
		switch {
		case now == nil || c.Created.After(now.Created) || c.Created.Equal(now.Created) && c.Attempt > now.Attempt:
			now, last = c, now
		case last == nil || c.Created.After(last.Created):
			last = c
		}
	}
	return now, last
}
