package op

import "regexp"

// workload is the REST path of what keeps pods running.
var workload = regexp.MustCompile(`^/apis/apps/v1/namespaces/[^/]+/(deployments|daemonsets|statefulsets|replicasets)/[^/]+$`)

// owner is the REST path of what takes pods with it when it is deleted.
var owner = regexp.MustCompile(`^/api/v1/namespaces/[^/]+(/pods/[^/]+)?$`)

// Risk is [InterruptsWorkloads] for a pod, and for what has pods.
func (d DeleteObject) Risk() Risk {
	return risk(owner.MatchString(d.Path) || workload.MatchString(d.Path))
}

// Risk is [InterruptsWorkloads] for another template of pods, or fewer of them.
func (p PatchObject) Risk() Risk {
	patch, _ := decoded(p.Patch).(map[string]any)
	_, template := at(patch, []string{"spec", "template"})
	replicas, scaled := at(patch, []string{"spec", "replicas"})
	return risk(workload.MatchString(p.Path) && (template || scaled && replicas == 0.0))
}

// Risk is [InterruptsWorkloads] for another template of pods, or fewer of them.
func (f SetField) Risk() Risk {
	if !workload.MatchString(f.Path) || len(f.Field) < 2 || f.Field[0] != "spec" {
		return ""
	}
	was, _ := decoded(f.Was).(float64)
	now, _ := decoded(f.Value).(float64)
	return risk(f.Field[1] == "template" || f.Field[1] == "replicas" && (now == 0 || now < was))
}

func risk(interrupts bool) Risk {
	if interrupts {
		return InterruptsWorkloads
	}
	return ""
}
