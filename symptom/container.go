package symptom

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// What a container waits for, as the kubelet names it, while its image cannot
// be had, and while the runtime cannot create or start it.
var (
	imageReasons = []string{"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName",
		"ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
	createReasons = []string{"CreateContainerError", "RunContainerError"}
	startReasons  = []string{"StartError", "ContainerCannotRun"}
)

// ImageWaits reports whether a container waits because of its image.
func ImageWaits(c snapshot.PodContainer) bool {
	return c.State == "waiting" && slices.Contains(imageReasons, c.Reason)
}

// StartFails reports whether a container does not run because the runtime
// could not create or start it, and what the runtime said.
func StartFails(c snapshot.PodContainer) (why string, ok bool) {
	switch {
	case c.State == "waiting" && slices.Contains(createReasons, c.Reason),
		c.State == "terminated" && slices.Contains(startReasons, c.Reason):
		return c.Reason + ": " + c.Message, true
	case c.State == "waiting" && c.Last != nil && slices.Contains(startReasons, c.Last.Reason):
		return c.Last.Reason + ": " + c.Last.Message, true
	}
	return "", false
}

// imagesFailing asks the API's pods of this node, else the kubelet's log.
func imagesFailing(s *snapshot.Snapshot) (State, []finding.Fact) {
	var facts []finding.Fact
	looked := containers(s, func(p snapshot.Pod, c snapshot.PodContainer) {
		if ImageWaits(c) {
			facts = append(facts, finding.Fact{Source: place(p, c), Got: clip(c.Image + ": " + c.Reason + ": " + c.Message), Want: "an image that can be had", At: c.Since})
		}
	})
	if looked || s.Logs == nil {
		return looks(looked, facts)
	}
	return looks(true, logged(s, recent, logImagePull))
}

// containersFailing asks the API's pods of this node, else the runtime.
func containersFailing(s *snapshot.Snapshot) (State, []finding.Fact) {
	var facts []finding.Fact
	looked := containers(s, func(p snapshot.Pod, c snapshot.PodContainer) {
		if why, ok := StartFails(c); ok {
			facts = append(facts, finding.Fact{Source: place(p, c), Got: clip(why), Want: "a container that runs", At: c.Since})
		}
	})
	if looked || s.Runtime == nil || !s.Runtime.Reachable {
		return looks(looked, facts)
	}
	for _, c := range lastAttempts(s.Runtime) {
		if c.State == "exited" && slices.Contains(startReasons, c.Reason) {
			facts = append(facts, finding.Fact{Source: c.Namespace + "/" + c.Pod + " container " + c.Name, Got: clip(c.Reason + ": " + c.Message), Want: "a container that runs", At: c.Finished})
		}
	}
	return looks(true, facts)
}

// looks is the verdict, or that nobody looked.
func looks(looked bool, facts []finding.Fact) (State, []finding.Fact) {
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

// containers calls f with each container of this node's pods, and reports
// whether the API told of them.
func containers(s *snapshot.Snapshot, f func(snapshot.Pod, snapshot.PodContainer)) bool {
	if s.Cluster == nil || s.Cluster.Source == "etcd-file" || len(s.Cluster.Pods) == 0 {
		return false
	}
	for _, p := range s.Cluster.Pods {
		if p.Node != s.Node || p.Detail == nil || p.Deleting {
			continue
		}
		for _, c := range p.Detail.Containers {
			f(p, c)
		}
	}
	return true
}

func place(p snapshot.Pod, c snapshot.PodContainer) string {
	return strings.Join([]string{"pods", p.Namespace, p.Name}, "/") + " container " + c.Name
}

// lastAttempts is the latest container of each name of each pod.
func lastAttempts(r *snapshot.Runtime) []snapshot.Container {
	at := map[string]int{}
	var out []snapshot.Container
	for _, c := range r.Containers {
		key := c.Namespace + "/" + c.Pod + "/" + c.UID + "/" + c.Name
		i, ok := at[key]
		switch {
		case !ok:
			at[key] = len(out)
			out = append(out, c)
		case c.Attempt > out[i].Attempt || c.Created.After(out[i].Created):
			out[i] = c
		}
	}
	return out
}
