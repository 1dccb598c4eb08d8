package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

// podReady is how many containers are ready of those there are to be. Sidecars,
// which are init containers that are started again, count.
func podReady(o schema.Object) string {
	ready, total := 0, len(o.List("spec", "containers"))
	for _, c := range o.List("status", "containerStatuses") {
		if c.Bool("ready") {
			ready++
		}
	}
	for _, c := range o.List("spec", "initContainers") {
		if c.Text("restartPolicy") != "Always" {
			continue
		}
		total++
		if slices.ContainsFunc(o.List("status", "initContainerStatuses"), func(s schema.Object) bool {
			return s.Text("name") == c.Text("name") && s.Bool("ready")
		}) {
			ready++
		}
	}
	return fmt.Sprintf("%d/%d", ready, total)
}

// podRestarts are how often containers were started again, and when the last
// of the runs before ended.
func (t Table) podRestarts(o schema.Object) string {
	n, last := int64(0), ""
	for _, c := range slices.Concat(o.List("status", "initContainerStatuses"), o.List("status", "containerStatuses")) {
		n += c.Int("restartCount")
		last = max(last, c.Text("lastState", "terminated", "finishedAt"))
	}
	if n == 0 || last == "" {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%d (%s ago)", n, t.since(last))
}

// podGates are how many of the conditions are met that others set.
func podGates(o schema.Object) string {
	gates, met := o.List("spec", "readinessGates"), 0
	for _, g := range gates {
		if condition(g.Text("conditionType"))(o) == "True" {
			met++
		}
	}
	if len(gates) == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", met, len(gates))
}

// podStatus is what holds a pod up, else its phase.
func podStatus(o schema.Object) string {
	status := o.Text("status", "phase")
	if r := o.Text("status", "reason"); r != "" {
		status = r
	}
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == "PodScheduled" && c.Text("reason") == "SchedulingGated" {
			status = "SchedulingGated"
		}
	}
	if s := initStatus(o); s != "" {
		status = s
	} else {
		for _, c := range slices.Backward(o.List("status", "containerStatuses")) {
			if s := containerStatus(c); s != "" {
				status = s
			}
		}
	}
	switch {
	case !o.Has("metadata", "deletionTimestamp"):
		return status
	case o.Text("status", "reason") == "NodeLost":
		return "Unknown"
	case o.Text("status", "phase") == "Succeeded" || o.Text("status", "phase") == "Failed":
		return status
	}
	return "Terminating"
}

// initStatus is what the first init container waits for that is not done.
func initStatus(o schema.Object) string {
	list := o.List("status", "initContainerStatuses")
	for i, c := range list {
		state := c.Sub("state")
		switch {
		case state.Has("terminated") && state.Int("terminated", "exitCode") == 0:
			continue
		case c.Bool("started") && sidecar(o, c.Text("name")):
			continue
		case state.Has("terminated"):
			return "Init:" + containerStatus(c)
		case state.Text("waiting", "reason") != "" && state.Text("waiting", "reason") != "PodInitializing":
			return "Init:" + state.Text("waiting", "reason")
		}
		return fmt.Sprintf("Init:%d/%d", i, len(o.List("spec", "initContainers")))
	}
	return ""
}

func sidecar(o schema.Object, name string) bool {
	return slices.ContainsFunc(o.List("spec", "initContainers"), func(c schema.Object) bool {
		return c.Text("name") == name && c.Text("restartPolicy") == "Always"
	})
}

// containerStatus is why a container does not run; "" when it does.
func containerStatus(c schema.Object) string {
	state := c.Sub("state")
	if r := state.Text("waiting", "reason"); r != "" {
		return r
	}
	end := state.Sub("terminated")
	switch {
	case end == nil:
		return ""
	case end.Text("reason") != "":
		return end.Text("reason")
	case end.Int("signal") != 0:
		return fmt.Sprintf("Signal:%d", end.Int("signal"))
	}
	return fmt.Sprintf("ExitCode:%d", end.Int("exitCode"))
}

func nodeStatus(o schema.Object) string {
	out := "Unknown"
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == "Ready" {
			out = map[string]string{"True": "Ready"}[c.Text("status")]
			if out == "" {
				out = "NotReady"
			}
		}
	}
	if o.Bool("spec", "unschedulable") {
		out += ",SchedulingDisabled"
	}
	return out
}

func nodeRoles(o schema.Object) string {
	var out []string
	for k := range o.Map("metadata", "labels") {
		if role, ok := strings.CutPrefix(k, "node-role.kubernetes.io/"); ok {
			out = append(out, role)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func nodeIP(kind string) func(schema.Object) string {
	return func(o schema.Object) string {
		for _, a := range o.List("status", "addresses") {
			if a.Text("type") == kind {
				return a.Text("address")
			}
		}
		return ""
	}
}
