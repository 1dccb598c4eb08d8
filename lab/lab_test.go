package lab

import (
	"reflect"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/engine"
)

func TestConfigChecked(t *testing.T) {
	for _, c := range []struct {
		in       Config
		topology string
		wrong    bool
	}{
		{in: Config{}, topology: "1+0"},
		{in: Config{Name: "a-1", ControlPlanes: 3, Workers: 3}, topology: "3+3"},
		{in: Config{ControlPlanes: 2}, wrong: true},
		{in: Config{Workers: 4}, wrong: true},
		{in: Config{Workers: -1}, wrong: true},
		{in: Config{Name: "Upper"}, wrong: true},
		{in: Config{Name: "x/../y"}, wrong: true},
		{in: Config{Name: "-x"}, wrong: true},
	} {
		got, err := c.in.checked()
		if (err != nil) != c.wrong {
			t.Errorf("%+v: error is %v, want one: %v", c.in, err, c.wrong)
		}
		if err == nil && (got.topology() != c.topology || got.Name == "") {
			t.Errorf("%+v: got %+v, want topology %s", c.in, got, c.topology)
		}
	}
}

func TestSizeOfATopology(t *testing.T) {
	for text, want := range map[string]int{"1+1": 2, "3+0": 3, "": 0, "x": 0} {
		if got := size(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestMembersHaveFixedPlaces(t *testing.T) {
	var got []string
	for _, n := range members(nil, Config{Name: "x", ControlPlanes: 3, Workers: 1}, 4) {
		got = append(got, n.Container+" "+n.Address+" "+n.Role)
	}
	want := []string{"x-cp1 10.213.4.11 control-plane", "x-cp2 10.213.4.12 control-plane",
		"x-cp3 10.213.4.13 control-plane", "x-worker1 10.213.4.21 worker"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAssembleReadsALabOffItsLabels(t *testing.T) {
	labels := func(name, role string) map[string]string {
		return map[string]string{labelLab: "x", labelNode: name, labelRole: role, labelTopology: "1+1",
			labelKubernetes: "v1.37.2", labelSlot: "3", labelImage: "k", labelNode + "-address": "10.213.3.9"}
	}
	c := assemble(nil, "x", []engine.Container{
		{Name: "x-worker1", Labels: labels("worker1", Worker)}, {Name: "x-cp1", Labels: labels("cp1", ControlPlane)}})
	if c.slot != 3 || c.Topology != "1+1" || c.ControlPlane().Name != "cp1" || c.Nodes()[1].Container != "x-worker1" {
		t.Errorf("got %+v", c)
	}
	if n, err := c.Node("x-worker1"); err != nil || n.Name != "worker1" {
		t.Errorf("got %+v, %v", n, err)
	}
	if _, err := c.Node("other"); err == nil {
		t.Error("an unknown node is no error")
	}
	i := summary([]engine.Container{{Running: true, Labels: labels("cp1", ControlPlane)}}, true)
	if i.Up || i.Running != 1 || i.Nodes != 1 {
		t.Errorf("a lab with one of two nodes is %+v", i)
	}
}

func TestObjectsTellOfNowNotOfBefore(t *testing.T) {
	since := time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC)
	started := func(at time.Time) object {
		var o object
		o.Status.ContainerStatuses = append(o.Status.ContainerStatuses, struct {
			State struct {
				Running *struct{ StartedAt time.Time }
			}
		}{})
		o.Status.ContainerStatuses[0].State.Running = &struct{ StartedAt time.Time }{at}
		return o
	}
	if !started(since.Truncate(time.Second)).startedAfter(since) || started(since.Add(-time.Second)).startedAfter(since) {
		t.Error("a start is told wrongly from one before")
	}
	stopped := started(since)
	stopped.Status.ContainerStatuses[0].State.Running = nil
	if stopped.startedAfter(time.Time{}) {
		t.Error("a container that does not run counts as started")
	}
}
