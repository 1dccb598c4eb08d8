package unavailable

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// waiting is a pod of the node that waits for an image.
func waiting(image, policy, reason, message string) snapshot.Pod {
	return snapshot.Pod{Namespace: "shop", Name: "cart-1", Node: "cp1", Phase: "Pending", Owner: "ReplicaSet/cart-5f", Labels: map[string]string{"pod-template-hash": "5f"},
		Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{Name: "main", Image: image, PullPolicy: policy, State: "waiting", Reason: reason, Message: message}}}}
}

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	const absent = `failed to resolve reference "a.io/x:9": a.io/x:9: not found`
	mirror := func(s *snapshot.Snapshot) {
		s.Runtime.Settings.Registry = &snapshot.Registry{Hosts: []snapshot.RegistryHost{{Registry: "a.io", Mirror: "https://m.local"}}}
	}
	for name, tc := range map[string]struct {
		pod    snapshot.Pod
		change func(*snapshot.Snapshot)
		want   string
	}{
		"being created":     {waiting("canary:1", "IfNotPresent", "ContainerCreating", ""), nil, ""},
		"slow registry":     {waiting("a.io/x:9", "IfNotPresent", "ErrImagePull", "dial tcp 1.2.3.4:443: i/o timeout"), nil, ""},
		"another machine's": {waiting("a.io/x:9", "IfNotPresent", "ErrImagePull", "no match for platform in manifest: not found"), nil, ""},
		"a mirror answers":  {waiting("a.io/x:9", "IfNotPresent", "ErrImagePull", absent), mirror, ""},
		"/etc/hosts answers": {waiting("a.io/x:9", "IfNotPresent", "ErrImagePull", absent), func(s *snapshot.Snapshot) {
			s.Names.Hosts = append(s.Names.Hosts, snapshot.HostsLine{Line: 9, Address: "10.0.0.1", Names: []string{"a.io"}})
		}, ""},
		"on another node": {func() snapshot.Pod { p := waiting("A:1", "Always", "InvalidImageName", ""); p.Node = "w1"; return p }(), nil, ""},
		"a static pod": {func() snapshot.Pod {
			p := waiting("A:1", "Always", "InvalidImageName", "")
			p.Owner = "Node/cp1"
			return p
		}(), nil, ""},
		"no such tag":                {waiting("a.io/x:9", "IfNotPresent", "ImagePullBackOff", absent), nil, "does not exist: the registry a.io has no such tag of x"},
		"no such registry":           {waiting("b.io/x:9", "IfNotPresent", "ErrImagePull", "lookup b.io on 10.0.0.2:53: no such host"), nil, "names the registry b.io"},
		"refused":                    {waiting("team/x", "Always", "ErrImagePull", "pull access denied, repository does not exist"), nil, "is refused by the registry docker.io"},
		"malformed":                  {waiting("Shop:1", "IfNotPresent", "InvalidImageName", ""), nil, "capital letters"},
		"never":                      {waiting("a.io/x:9", "Never", "ErrImageNeverPull", ""), nil, "imagePullPolicy Never"},
		"always, though it is there": {waiting("canary:1", "Always", "ErrImagePull", "dial tcp: connection refused"), nil, "imagePullPolicy Always"},
	} {
		s := faulttest.New(t).Snapshot()
		s.Cluster.Pods = append(s.Cluster.Pods, tc.pod)
		if tc.change != nil {
			tc.change(s)
		}
		found := detect(s)
		got := ""
		if len(found) > 0 {
			got = found[0].Summary
		}
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if len(found) > 0 {
			if found[0].Subject.Name != "deployment shop/cart container main" {
				t.Errorf("%s: %v", name, found[0].Subject)
			}
		}
	}
}
