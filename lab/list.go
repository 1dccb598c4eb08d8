package lab

import (
	"context"
	"slices"

	"github.com/klustered/klustered/lab/engine"
)

// Info is one line of a list of labs.
type Info struct {
	Name, Kubernetes, Topology string
	// Nodes and Running count its containers; Up says that booting was finished.
	Nodes, Running int
	Up             bool
}

// List gives all labs of this host by name; none where there is no engine.
func List(ctx context.Context) ([]Info, error) {
	e, err := engine.Find(ctx)
	if err == engine.ErrNone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := e.Containers(ctx, labelLab)
	if err != nil {
		return nil, err
	}
	var list []Info
	for _, group := range byLab(found) {
		name := group[0].Labels[labelLab]
		up, err := e.Volumes(ctx, labelUp+"="+name)
		if err != nil {
			return nil, err
		}
		list = append(list, summary(group, len(up) > 0))
	}
	return list, nil
}

func byLab(found []engine.Container) [][]engine.Container {
	groups := map[string][]engine.Container{}
	var names []string
	for _, f := range found {
		name := f.Labels[labelLab]
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], f)
	}
	slices.Sort(names)
	var list [][]engine.Container
	for _, name := range names {
		list = append(list, groups[name])
	}
	return list
}

func summary(group []engine.Container, up bool) Info {
	labels := group[0].Labels
	i := Info{Name: labels[labelLab], Kubernetes: labels[labelKubernetes], Topology: labels[labelTopology], Nodes: len(group)}
	for _, c := range group {
		if c.Running {
			i.Running++
		}
	}
	i.Up = up && i.Nodes == size(i.Topology)
	return i
}
