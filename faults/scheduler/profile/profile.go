// Package profile is the fault of a configuration of the scheduler that it does not take, or
// by which nobody schedules ordinary pods.
package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "scheduler/profile",
	Layer:    fault.Scheduler,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster},
	Detect:   manifest.DetectFlags(check),
	Explains: append([]symptom.Edge{{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true}}, manifest.Explains...),
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// usual is the scheduler that pods ask for which ask for none.
const usual = "default-scheduler"

// check reads the file that --config names.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-scheduler")
	if !ok {
		return nil
	}
	for _, n := range p.Inputs(s) {
		if n.Flag != "config" || n.Text == nil {
			continue
		}
		why, line, serves := wrong(s, n)
		if why == "" {
			return nil
		}
		fact := finding.Fact{Source: n.Host, Line: line, Got: strings.TrimSpace(n.Text.LineAt(line)), Want: "a KubeSchedulerConfiguration with a profile " + usual}
		if fact.Got == "" {
			fact.Got = why
		}
		return []manifest.Wrong{{Part: p, Flag: "config", Why: why, Want: "no --config, with which the profile " + usual + " is as it comes", Facts: []finding.Fact{fact},
			Drop: true, Serves: serves}}
	}
	return nil
}

// wrong says what is wrong with the file, in which line, and whether the
// scheduler runs with it all the same.
func wrong(s *snapshot.Snapshot, n snapshot.NamedFile) (why string, line int, serves bool) {
	if n.Error != "" {
		return n.Path + " does not parse: " + n.Error, 0, false
	}
	values := map[string]snapshot.Field{}
	var names []snapshot.Field
	for _, f := range n.Fields {
		values[f.Path] = f
		if strings.HasPrefix(f.Path, "profiles[") && strings.HasSuffix(f.Path, "].schedulerName") {
			names = append(names, f)
		}
	}
	switch {
	case values["kind"].Value != "KubeSchedulerConfiguration":
		return fmt.Sprintf("%s is of kind %q", n.Path, values["kind"].Value), max(1, values["kind"].Line), false
	case values["apiVersion"].Value != "kubescheduler.config.k8s.io/v1":
		return fmt.Sprintf("%s is of version %q, which this scheduler does not read", n.Path, values["apiVersion"].Value), max(1, values["apiVersion"].Line), false
	case len(n.Problems) > 0:
		x := n.Problems[0]
		return fmt.Sprintf("in %s, %s %s", n.Path, x.Path, x.Detail), x.Line, false
	}
	profiles := 0
	for _, f := range n.Fields {
		var i int
		if _, err := fmt.Sscanf(f.Path, "profiles[%d]", &i); err == nil {
			profiles = max(profiles, i+1)
		}
	}
	asked := s.Cluster != nil && slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
		return p.Phase == "Pending" && p.Node == "" && (p.Detail == nil || p.Detail.Scheduler == "")
	})
	if len(names) == profiles && profiles > 0 && asked && !slices.ContainsFunc(names, func(f snapshot.Field) bool { return f.Value == usual }) {
		return fmt.Sprintf("no profile of %s is called %s, which pods that wait ask for", n.Path, usual), names[0].Line, true
	}
	return "", 0, false
}

// drill gives the scheduler a configuration that it does not take.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-scheduler")
	_, given := p.Flag("config")
	mounts, m := p.File.Find("    volumeMounts:")
	volumes, v := p.File.Find("  volumes:")
	if !ok || given || m == 0 || v <= m || strings.TrimSpace(mounts) != "volumeMounts:" || strings.TrimSpace(volumes) != "volumes:" {
		return nil, fmt.Errorf("cannot find a scheduler without a configuration")
	}
	name := d.Name()
	path := "/etc/kubernetes/" + name + ".yaml"
	head := "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nclientConnection:\n  kubeconfig: /etc/kubernetes/scheduler.conf\n"
	text := fault.Pick(d, []string{
		strings.Replace(head, "io/v1\n", "io/v1"+fault.Pick(d, []string{"beta2", "beta3", "alpha1"})+"\n", 1),
		head + "profiles:\n- schedulerName: default-scheduler\n  plugin:\n    score:\n      disabled:\n      - name: ImageLocality\n",
		strings.Replace(head, "KubeSchedulerConfiguration", "KubeSchedulerConfig", 1),
		head + "percentageOfNodesToScore: half\n",
	})
	plan, err := p.Change().Add(p, "--config="+path).
		Lines(m+1, m, "    - mountPath: "+path, "      name: "+name, "      readOnly: true").
		Lines(v+1, v, "  - hostPath:", "      path: "+path, "      type: File", "    name: "+name).Plan("profiles of its own")
	return append(op.Plan{op.WriteFile{Path: path, Data: []byte(text), Mode: 0o600, Why: "profiles"}}, plan...), err
}
