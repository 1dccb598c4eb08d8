package lab

import "time"

// objectList is what a look at nodes, leases and pods needs of their lists.
type objectList struct{ Items []object }

type object struct {
	Metadata struct {
		Name        string
		Annotations map[string]string
	}
	Spec   struct{ RenewTime time.Time }
	Status struct {
		Conditions []struct{ Type, Status string }
		// ContainerStatuses tell when the containers of a pod were started.
		ContainerStatuses []struct {
			State struct {
				Running *struct{ StartedAt time.Time }
			}
		}
	}
}

// is reports whether a condition is true.
func (o object) is(condition string) bool {
	for _, c := range o.Status.Conditions {
		if c.Type == condition {
			return c.Status == "True"
		}
	}
	return false
}

// startedAfter reports whether all containers of a pod run, and were started at that
// time (whole seconds) or later.
func (o object) startedAfter(since time.Time) bool {
	for _, c := range o.Status.ContainerStatuses {
		if c.State.Running == nil || c.State.Running.StartedAt.Before(since.Truncate(time.Second)) {
			return false
		}
	}
	return true
}

// mirror reports whether a pod only shows a static pod of its node.
func (o object) mirror() bool {
	_, yes := o.Metadata.Annotations["kubernetes.io/config.mirror"]
	return yes
}
