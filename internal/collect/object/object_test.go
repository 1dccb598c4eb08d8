package object

import (
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// wire encodes an object with Kubernetes' own types.
func wire(t *testing.T, o interface{ Marshal() ([]byte, error) }) Message {
	t.Helper()
	b, err := o.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestNode(t *testing.T) {
	m := wire(t, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}},
		Spec:       corev1.NodeSpec{PodCIDRs: []string{"10.1.0.0/24", "fd00::/64"}, Unschedulable: true, Taints: []corev1.Taint{{Key: "a", Effect: "NoSchedule"}, {Key: "b", Value: "c", Effect: "NoExecute"}}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: "Ready", Status: "False", Reason: "KubeletNotReady", Message: "no network", LastTransitionTime: metav1.NewTime(at)}},
			Addresses:  []corev1.NodeAddress{{Type: "InternalIP", Address: "10.0.0.5"}, {Type: "Hostname", Address: "n1"}},
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: "v1.37.2"},
		},
	})
	same(t, Node(m), snapshot.Node{
		Name: "n1", Ready: "False", Addresses: []string{"10.0.0.5"}, PodCIDRs: []string{"10.1.0.0/24", "fd00::/64"},
		Taints: []string{"a:NoSchedule", "b=c:NoExecute"}, Cordoned: true, ControlPlane: true, Kubelet: "v1.37.2",
		Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}, Info: &snapshot.NodeInfo{},
		Conditions: []snapshot.Condition{{Type: "Ready", Status: "False", Reason: "KubeletNotReady", Message: "no network", Since: at}},
	})
}

func TestPod(t *testing.T) {
	yes := true
	m := wire(t, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: "p", UID: "u1", CreationTimestamp: metav1.NewTime(at),
			Annotations:     map[string]string{"kubernetes.io/egress-bandwidth": "1M", "example.com/x": "y"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "r", Controller: &yes}},
		},
		Spec: corev1.PodSpec{
			NodeName: "n1", HostNetwork: true, ServiceAccountName: "sa",
			Containers: []corev1.Container{{Image: "img", Command: []string{"run", "--token=abc"}, Args: []string{"-v"},
				Ports: []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 53, Protocol: "UDP"}}}},
		},
		Status: corev1.PodStatus{
			Phase: "Pending", PodIP: "10.1.0.9",
			Conditions: []corev1.PodCondition{{Type: "Ready", Status: "True"}},
			ContainerStatuses: []corev1.ContainerStatus{{RestartCount: 3,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no"}}}},
		},
	})
	p := Pod(m)
	same(t, *PodDetail(m), snapshot.PodDetail{Containers: []snapshot.PodContainer{
		{Image: "img", State: "waiting", Restarts: 3, Reason: "ImagePullBackOff", Message: "no"}}})
	same(t, p, snapshot.Pod{
		Namespace: "a", Name: "p", UID: "u1", Node: "n1", Phase: "Pending", Ready: true, Reason: "ImagePullBackOff", Message: "no",
		IP: "10.1.0.9", HostNet: true, Ports: []int{80}, Owner: "ReplicaSet/r", ServiceAccount: "sa",
		Commands: []string{"img run --token=" + secret.Mark("abc") + " -v"}, Restarts: 3, Created: at,
		Annotations: map[string]string{"kubernetes.io/egress-bandwidth": "1M"},
	})
}

func TestService(t *testing.T) {
	m := wire(t, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s"},
		Spec: corev1.ServiceSpec{Type: "NodePort", ClusterIP: "10.2.0.1", ClusterIPs: []string{"10.2.0.1"}, Selector: map[string]string{"app": "x"},
			Ports: []corev1.ServicePort{{Name: "web", Protocol: "TCP", Port: 80, NodePort: 30080, TargetPort: intstr.FromInt32(8080)}, {Protocol: "UDP", Port: 53, TargetPort: intstr.FromString("dns")}}},
	})
	same(t, Service(m), snapshot.Service{
		Namespace: "a", Name: "s", Type: "NodePort", IPs: []string{"10.2.0.1"}, Selector: map[string]string{"app": "x"},
		Ports: []snapshot.ServicePort{{Name: "web", Protocol: "TCP", Port: 80, Target: "8080", NodePort: 30080}, {Protocol: "UDP", Port: 53, Target: "dns"}},
	})
}

func TestEndpoints(t *testing.T) {
	no, node, name, port := false, "n1", "web", int32(8080)
	m := wire(t, &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "s-1", Labels: map[string]string{"kubernetes.io/service-name": "s"}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.1.0.9"}, NodeName: &node, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "p"}},
			{Addresses: []string{"10.1.0.8"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}},
		},
		Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	})
	same(t, Endpoints(m), []snapshot.Endpoint{
		{Namespace: "a", Service: "s", Address: "10.1.0.8", Port: 8080, PortName: "web"},
		{Namespace: "a", Service: "s", Address: "10.1.0.9", Port: 8080, PortName: "web", Ready: true, Node: "n1", Pod: "p"},
	})
}

func TestWorkloads(t *testing.T) {
	h := metav1.ObjectMeta{Namespace: "a", Name: "w"}
	tpl := corev1.PodTemplateSpec{Spec: corev1.PodSpec{ServiceAccountName: "sa", Containers: []corev1.Container{{Image: "i"}}}}
	two, yes := int32(2), true
	want := func(kind string, replicas, ready int) snapshot.Workload {
		return snapshot.Workload{Kind: kind, Namespace: "a", Name: "w", Replicas: replicas, Ready: ready, ServiceAccount: "sa", Commands: []string{"i"}, Images: []string{"i"}}
	}
	same(t, Deployment(wire(t, &appsv1.Deployment{ObjectMeta: h, Spec: appsv1.DeploymentSpec{Replicas: &two, Template: tpl}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1}})), want("Deployment", 2, 1))
	same(t, DaemonSet(wire(t, &appsv1.DaemonSet{ObjectMeta: h, Spec: appsv1.DaemonSetSpec{Template: tpl}, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, NumberReady: 2}})), want("DaemonSet", 3, 2))
	same(t, StatefulSet(wire(t, &appsv1.StatefulSet{ObjectMeta: h, Spec: appsv1.StatefulSetSpec{Replicas: &two, Template: tpl}, Status: appsv1.StatefulSetStatus{ReadyReplicas: 2}})), want("StatefulSet", 2, 2))
	job := batchv1.CronJob{ObjectMeta: h, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: tpl}}}, Status: batchv1.CronJobStatus{Active: []corev1.ObjectReference{{Name: "j"}}}}
	same(t, CronJob(wire(t, &job)), want("CronJob", 1, 1))
	job.Spec.Suspend = &yes
	paused := want("CronJob", 0, 1)
	paused.Paused = true
	same(t, CronJob(wire(t, &job)), paused)
}

func TestLease(t *testing.T) {
	holder, sec, n, renewed := "cp1_x", int32(15), int32(4), metav1.NewMicroTime(at.Add(5*time.Microsecond))
	m := wire(t, &coordv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-scheduler"},
		Spec: coordv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &sec, RenewTime: &renewed, LeaseTransitions: &n}})
	same(t, Lease(m), snapshot.Lease{Namespace: "kube-system", Name: "kube-scheduler", Holder: holder, Renewed: at.Add(5 * time.Microsecond), Seconds: 15, Transitions: 4})
}

func TestRBAC(t *testing.T) {
	b := wire(t, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "b", Labels: map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}},
		RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"}, Subjects: []rbacv1.Subject{{Kind: "Group", Name: "ops"}, {Kind: "ServiceAccount", Namespace: "a", Name: "sa"}}})
	same(t, Binding(b), snapshot.Binding{Name: "b", Role: "ClusterRole/cluster-admin", Subjects: []string{"Group:ops", "ServiceAccount:a/sa"}, Bootstrap: true})
	r := wire(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "r"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get", "list"}, APIGroups: []string{"", "apps"}, Resources: []string{"pods"}, ResourceNames: []string{"x"}},
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}}})
	got, own := Role(r)
	same(t, got, snapshot.Role{Namespace: "a", Name: "r", Rules: []string{"get,list on core,apps/pods named x", "get on /metrics"}})
	if !own {
		t.Error("the role counts as bootstrap policy")
	}
}

func stored(t *testing.T) []byte {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "c", ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "late", Time: &metav1.Time{Time: at}}, {Manager: "early", Time: &metav1.Time{Time: at.Add(-time.Hour)}}}}, Data: map[string]string{"k": string(make([]byte, 5000))}}
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, Raw: wire(t, cm)}
	return append([]byte("k8s\x00"), wire(t, &u)...)
}

func TestReadHead(t *testing.T) {
	want := Head{Kind: "ConfigMap", Namespace: "a", Name: "c", Manager: "late", Written: at}
	data := stored(t)
	for name, b := range map[string][]byte{"whole": data, "cut behind the metadata": data[:400]} {
		got, err := ReadHead(b)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	custom := []byte(`{"kind":"Thing","metadata":{"name":"t","managedFields":[{"manager":"m","time":"2026-03-04T05:06:07Z"}]}}`)
	if got, err := ReadHead(custom); err != nil || got != (Head{Kind: "Thing", Name: "t", Manager: "m", Written: at}) {
		t.Errorf("custom resource: got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "k8s:enc:aescbc:v1:", "k8s\x00", "{", "k8s\x00\xff\xff"} {
		if got, err := ReadHead([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}

func TestOpen(t *testing.T) {
	kind, m, err := Open(stored(t))
	if err != nil || kind != "ConfigMap" || len(ConfigMap(m)["k"]) != 5000 {
		t.Errorf("got %q, %v", kind, err)
	}
	if _, _, err := Open([]byte("k8s:enc:aesgcm:v1:x")); err != errEncrypted {
		t.Errorf("encrypted: got %v", err)
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte("k8s\x00\n\x0c\n\x02v1\x12\x06Secret\x12\x04\n\x02\n\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = ReadHead(data)
		_, m, _ := Open(append([]byte("k8s\x00"), data...))
		for _, x := range []Message{m, data} {
			Node(x)
			Pod(x)
			Service(x)
			Endpoints(x)
			Deployment(x)
			CronJob(x)
			Lease(x)
			Binding(x)
			Role(x)
		}
	})
}

func TestKeeper(t *testing.T) {
	type m = map[string]string
	both := m{"helm.toolkit.fluxcd.io/name": "a", "helm.toolkit.fluxcd.io/namespace": "n", "kustomize.toolkit.fluxcd.io/name": "b", "kustomize.toolkit.fluxcd.io/namespace": "m"}
	for range 20 { // the same each time
		if got := keeper(both, nil); got != "HelmRelease n/a" {
			t.Fatal(got)
		}
	}
	for _, tt := range []struct {
		labels, annotations m
		want                string
	}{
		{nil, nil, ""},
		{m{"app.kubernetes.io/managed-by": "Helm"}, nil, ""},
		{m{"kustomize.toolkit.fluxcd.io/name": "b", "kustomize.toolkit.fluxcd.io/namespace": "m"}, nil, "Kustomization m/b"},
		{m{"kustomize.toolkit.fluxcd.io/name": "b", "kustomize.toolkit.fluxcd.io/namespace": "m"}, m{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}, ""},
		{m{"kustomize.toolkit.fluxcd.io/name": "b", "kustomize.toolkit.fluxcd.io/namespace": "m", "helm.toolkit.fluxcd.io/name": "a", "helm.toolkit.fluxcd.io/driftDetection": "disabled"}, nil, "Kustomization m/b"},
		{nil, m{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:a/b"}, "Application shop"},
		{m{"argocd.argoproj.io/instance": "shop"}, nil, "Application shop"},
	} {
		if got := keeper(tt.labels, tt.annotations); got != tt.want {
			t.Errorf("%v %v: %q, want %q", tt.labels, tt.annotations, got, tt.want)
		}
	}
}
