package symptom

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

const (
	// oftenStarted is after how many starts by itself a service that has just
	// been started again is said to end again and again.
	oftenStarted = 2
	// justStarted is how young it then is: the kubelet's unit waits 10 s.
	justStarted = 20 * time.Second
)

// kubeletCrashing goes by the unit that runs the kubelet: it waits for its
// next start, or has just had one more.
func kubeletCrashing(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Systemd == nil || !s.Systemd.Reachable {
		return NotLooked, nil
	}
	u, ok := s.Systemd.Unit("kubelet.service")
	if !ok || u.Active == "" {
		return NotLooked, nil
	}
	waits := strings.HasPrefix(u.Sub, "auto-restart")
	again := u.Active == "active" && u.Restarts >= oftenStarted && s.At.Sub(u.Since) < justStarted && !kubeletWell(s)
	ended := u.Active == "failed" && u.Result != "" && u.Result != "success"
	if !waits && !again && !ended {
		return Absent, nil
	}
	got := fmt.Sprintf("ActiveState=%s SubState=%s", u.Active, u.Sub)
	if u.Result != "" && u.Result != "success" {
		got += " Result=" + u.Result
	}
	if u.Restarts > 0 {
		got += fmt.Sprintf(", started again %d times", u.Restarts)
	}
	facts := []finding.Fact{{Source: u.Name, Got: got, Want: "a kubelet that goes on running", At: u.Since}}
	return Seen, append(facts, logged(s, time.Minute, logKubeletExits)...)
}

func kubeletWell(s *snapshot.Snapshot) bool {
	return s.Kubelet != nil && strings.TrimSpace(s.Kubelet.Healthz) == "ok"
}

// podsUnwatched believes the node's condition, and the log of a moment ago as
// long as the node has not become Ready since.
func podsUnwatched(s *snapshot.Snapshot) (State, []finding.Fact) {
	c, known := readyCondition(s)
	if known && c.Status != "True" && strings.Contains(c.Message, "PLEG is not healthy") {
		return saw("nodes/"+s.Node, clip(c.Message), "pods that are listed within three minutes")
	}
	if s.Logs == nil {
		return NotLooked, nil
	}
	facts := logged(s, recent, logPLEG)
	if known && c.Status == "True" {
		facts = slices.DeleteFunc(facts, func(f finding.Fact) bool { return f.At.Before(c.Since) })
	}
	return verdict(facts)
}

func readyCondition(s *snapshot.Snapshot) (snapshot.Condition, bool) {
	if s.Cluster == nil {
		return snapshot.Condition{}, false
	}
	n, _ := s.Cluster.Node(s.Node)
	for _, c := range n.Conditions {
		if c.Type == "Ready" {
			return c, true
		}
	}
	return snapshot.Condition{}, false
}

// staticSettles is how long a kubelet may take to start its static pods.
const staticSettles = 45 * time.Second

// staticPodsMissing compares the manifests that lie on the node with the pods
// that the runtime has: none of the control plane's runs. One that alone is
// missing is that component's own trouble. It says nothing while the kubelet
// is not well.
func staticPodsMissing(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Static == nil || s.Runtime == nil || !s.Runtime.Reachable || !kubeletWell(s) || kubeletYoung(s) {
		return NotLooked, nil
	}
	looked := false
	var facts []finding.Fact
	list := s.Static.Manifests
	if s.Kubelet.Running { // and is no part of another program, which has its own
		list = append(list[:len(list):len(list)], s.Static.Elsewhere...)
	}
	for _, m := range list {
		if m.Error != "" || m.Name == "" || !controlPlane(m) {
			continue
		}
		looked = true
		if running(s, m) {
			return Absent, nil
		}
		facts = append(facts, finding.Fact{Source: m.Path, Got: "no pod " + m.Name + "-" + s.Node + " runs", Want: "the pod of this manifest"})
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

func kubeletYoung(s *snapshot.Snapshot) bool {
	if s.Systemd == nil {
		return false
	}
	u, _ := s.Systemd.Unit("kubelet.service")
	return s.At.Sub(u.Since) < staticSettles
}

// controlPlane reports whether the manifest runs a part of the control plane.
func controlPlane(m snapshot.Manifest) bool {
	for _, c := range m.Containers {
		if c.FlagTable != nil {
			return true
		}
	}
	return false
}

// running reports whether a sandbox of the manifest's pod is ready: the
// kubelet adds the node's name to that of the pod.
func running(s *snapshot.Snapshot, m snapshot.Manifest) bool {
	for _, x := range s.Runtime.Sandboxes {
		if x.Ready && strings.HasPrefix(x.Name, m.Name+"-") && (m.Namespace == "" || x.Namespace == m.Namespace) {
			return true
		}
	}
	return false
}

// kubeletPortDead looks at a kubelet that is well. One that asks who calls
// (401, 403) serves.
func kubeletPortDead(s *snapshot.Snapshot) (State, []finding.Fact) {
	if !kubeletWell(s) {
		return NotLooked, nil
	}
	k := s.Kubelet
	if e := k.Effective["address"]; strings.HasPrefix(e.Value, "127.") || e.Value == "::1" {
		return Seen, []finding.Fact{{Source: e.Source, Line: e.Line, Got: "it listens on " + e.Value + " alone", Want: "an address that the API server reaches"}}
	}
	switch {
	case k.Server != nil && k.Server.Status != 0:
		return Absent, nil
	case k.Server != nil && !strings.Contains(k.Server.Error, "refused"):
		return NotLooked, nil // late is not dead: it is asked once, and briefly
	case k.Server != nil:
		return saw(k.Server.URL, orWords(k.Server.Error, "no answer"), "an answer, such as 401")
	case k.Effective["enableServer"].Value == "false":
		e := k.Effective["enableServer"]
		return Seen, []finding.Fact{{Source: e.Source, Line: e.Line, Got: "enableServer: false", Want: "a server for logs, exec and metrics"}}
	}
	return NotLooked, nil
}
