package wrongarch

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// ends is a pod of node cp1 whose container is as c says.
func ends(c snapshot.PodContainer) snapshot.Pod {
	c.Name, c.Image = "main", "a.io/x:1"
	return snapshot.Pod{Namespace: "shop", Name: "cart", Node: "cp1", Phase: "Running", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{c}}}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Cluster.Pods = append(m.World.Cluster.Pods, ends(snapshot.PodContainer{State: "waiting", Reason: "RunContainerError", Message: "exec /app: exec format error"}))
	}))
}

func TestDetect(t *testing.T) {
	const refused = "exec /app: exec format error"
	for name, tc := range map[string]struct {
		c        snapshot.PodContainer
		platform string
		want     string
	}{
		"runs":                   {snapshot.PodContainer{State: "running"}, "linux/amd64", ""},
		"runs since":             {snapshot.PodContainer{State: "running", Last: &snapshot.Termination{Message: refused}}, "linux/amd64", ""},
		"runs emulated":          {snapshot.PodContainer{State: "running"}, "linux/arm64", ""},
		"crashes":                {snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{Reason: "Error", ExitCode: 1}}, "linux/amd64", ""},
		"no such file":           {snapshot.PodContainer{State: "waiting", Reason: "RunContainerError", Message: `exec: "/app": no such file or directory`}, "linux/amd64", ""},
		"another's":              {snapshot.PodContainer{State: "waiting", Reason: "RunContainerError", Message: refused}, "linux/arm64", "is for linux/arm64, and the node is amd64"},
		"another's, crashed":     {snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{Reason: "StartError", Message: refused}}, "linux/arm64", "is for linux/arm64"},
		"another's program":      {snapshot.PodContainer{State: "terminated", Reason: "StartError", Message: refused}, "linux/amd64", "and its program is not"},
		"not known":              {snapshot.PodContainer{State: "terminated", Reason: "StartError", Message: refused}, "", "is not for this machine"},
		"none for it, at a pull": {snapshot.PodContainer{State: "waiting", Reason: "ImagePullBackOff", Message: "no match for platform in manifest: not found"}, "", "is not for this machine"},
	} {
		s := faulttest.New(t).Snapshot()
		s.Cluster.Nodes[0].Info = &snapshot.NodeInfo{Architecture: "amd64"}
		s.Cluster.Pods = append(s.Cluster.Pods, ends(tc.c))
		s.Containerd.Namespaces[0].Images = []snapshot.StoredImage{{Name: "a.io/x:1", Platform: tc.platform}}
		found := detect(s)
		got := ""
		if len(found) > 0 {
			got = found[0].Summary
		}
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
