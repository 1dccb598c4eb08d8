package identity

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestNames(t *testing.T) {
	some := []snapshot.Binding{
		{Name: "b", Role: "ClusterRole/everything", Subjects: []string{"User:cm", "Group:ops"}},
		{Name: "system:kube-scheduler", Role: "ClusterRole/system:kube-scheduler", Subjects: []string{"User:system:kube-scheduler"}, Bootstrap: true},
		{Name: "system:kube-controller-manager", Role: "ClusterRole/system:kube-controller-manager", Subjects: []string{"User:system:kube-controller-manager"}, Bootstrap: true},
		{Namespace: "kube-system", Name: "system::extension-apiserver-authentication-reader", Role: "Role/extension-apiserver-authentication-reader",
			Subjects: []string{"User:system:kube-controller-manager", "User:system:kube-scheduler"}, Bootstrap: true},
		{Name: "kubeadm:node-autoapprove-certificate-rotation", Role: "ClusterRole/system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", Subjects: []string{"Group:system:nodes"}},
		{Name: "kubeadm:cluster-admins", Role: "ClusterRole/cluster-admin", Subjects: []string{"Group:kubeadm:cluster-admins"}},
		{Name: "kubeadm:apiserver-kubelet-client", Role: "ClusterRole/system:kubelet-api-admin", Subjects: []string{"User:of-the-api"}},
	}
	type orgs = []string
	for what, tc := range map[string]struct {
		client, server string
		cn             string
		orgs           orgs
		bindings       []snapshot.Binding
		want           int
	}{
		"its own":                   {"kube-scheduler", "kube-apiserver", "system:kube-scheduler", nil, some, 0},
		"another's":                 {"kube-scheduler", "kube-apiserver", "scheduler", nil, some, 1},
		"one with a role":           {"kube-controller-manager", "kube-apiserver", "cm", nil, some, 0},
		"one whose group has one":   {"kube-controller-manager", "kube-apiserver", "x", orgs{"ops"}, some, 0},
		"the other component's":     {"kube-scheduler", "kube-apiserver", "system:kube-controller-manager", nil, some, 1},
		"that one's other":          {"kube-controller-manager", "kube-apiserver", "system:kube-scheduler", nil, some, 1},
		"a node's":                  {"kube-scheduler", "kube-apiserver", "system:node:n", orgs{"system:nodes"}, some, 1},
		"an administrator's":        {"kube-scheduler", "kube-apiserver", "kubernetes-admin", orgs{"kubeadm:cluster-admins"}, some, 0},
		"the kubelet as another":    {"kubelet", "kube-apiserver", "system:kube-scheduler", nil, some, 1},
		"the API's by its binding":  {"kube-apiserver", "kubelet", "of-the-api", nil, some, 0},
		"a master":                  {"kube-scheduler", "kube-apiserver", "x", orgs{"system:masters"}, some, 0},
		"roles are not known":       {"kube-scheduler", "kube-apiserver", "x", nil, nil, 0},
		"the kubelet's":             {"kubelet", "kube-apiserver", "system:node:other", orgs{"system:nodes"}, some, 0},
		"a kubelet without a group": {"kubelet", "kube-apiserver", "system:node:n", nil, some, 1},
		"the API's to the kubelet":  {"kube-apiserver", "kubelet", "system:apiserver", nil, some, 1},
		"a person":                  {"/etc/kubernetes/admin.conf", "kube-apiserver", "jane", nil, some, 0},
		"to etcd any name will do":  {"kube-apiserver", "etcd", "x", nil, some, 0},
	} {
		s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{Bindings: tc.bindings}, PKI: &snapshot.PKI{
			Edges:        []snapshot.Edge{{Client: tc.client, Server: tc.server, Checks: snapshot.EdgeClient, Cert: "/c", Signed: snapshot.Yes}},
			Certificates: []snapshot.Certificate{{Path: "/c", CN: tc.cn, Orgs: tc.orgs, Subject: "CN=" + tc.cn}},
		}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
