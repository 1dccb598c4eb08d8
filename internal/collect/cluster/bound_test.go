package cluster

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// TestDetails: in a large cluster the healthy pods of other nodes are kept
// without details, and a gap says so.
func TestDetails(t *testing.T) {
	c := &snapshot.Cluster{}
	var all []object.Message
	for i := range maxDetailed + 10 {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint(i)}, Spec: corev1.PodSpec{NodeName: "n2"},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: "Ready", Status: "True"}}}}
		switch i - maxDetailed {
		case 1:
			p.Spec.NodeName = "n1"
		case 2:
			p.Status.Conditions[0].Status = "False"
		case 3:
			p.Namespace = "kube-system"
		}
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
		c.Pods = append(c.Pods, object.Pod(raw))
	}
	if err := details(c, all, "n1"); err == nil || err.Error() != "the details of 7 pods were left out: there are too many" {
		t.Errorf("got %v", err)
	}
	for i, p := range c.Pods {
		if want := i < maxDetailed+4 && i != maxDetailed; (p.Detail != nil) != want {
			t.Errorf("pod %d: details %t, want %t", i, p.Detail != nil, want)
		}
	}
}

// TestKept: that a store kept not all values is told.
func TestKept(t *testing.T) {
	out, left := kept(&store.Store{Keys: map[string]*store.Key{
		"/registry/pods/a/b": {Name: "/registry/pods/a/b", Value: []byte("x")},
		"/registry/pods/a/a": {Name: "/registry/pods/a/a", Value: []byte("y")},
		"/registry/pods/a/c": {Name: "/registry/pods/a/c"},
		"/registry/pods/a/d": {Name: "/registry/pods/a/d", Gone: true},
		"/registry/foo/a/d":  {Name: "/registry/foo/a/d"},
	}})
	if len(out) != 2 || out[0].key != "/registry/pods/a/a" || left != 1 {
		t.Errorf("got %v, %d left out", out, left)
	}
}

func TestBound(t *testing.T) {
	e := source.New("/", false)
	c := &snapshot.Cluster{Namespaces: make([]snapshot.Namespace, maxListed+3)}
	for i := range maxEvents + 5 {
		c.Events = append(c.Events, snapshot.Event{Message: fmt.Sprint(i)})
	}
	bound(e, c)
	if g := e.Gaps(); len(c.Namespaces) != maxListed || len(c.Events) != maxEvents || len(g) != 2 {
		t.Errorf("got %d namespaces, %d events, %v", len(c.Namespaces), len(c.Events), g)
	}
}
