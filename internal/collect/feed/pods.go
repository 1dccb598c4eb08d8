package feed

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/crilog"
)

// Pods are the names of the pods that have logs, NAMESPACE/NAME, sorted.
func Pods(runs []crilog.Run) []string {
	var names []string
	for _, r := range runs {
		names = append(names, r.Namespace+"/"+r.Pod)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// pods are the logs of the containers that are wanted.
func (s *Selection) pods(root fs.FS, fail func(error)) ([]Source, error) {
	if len(s.Pods) == 0 {
		return nil, nil
	}
	runs, err := crilog.Runs(root)
	if err != nil {
		return nil, err
	}
	var all []Source
	for _, pod := range s.Pods {
		list, err := s.pod(root, runs, pod, fail)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// isPod reports whether a run is of the pod wanted: by its name with or without
// the namespace, by a pattern, or by the name without what a controller added.
func isPod(r *crilog.Run, wanted string) bool {
	names := []string{r.Namespace + "/" + r.Pod}
	if !strings.Contains(wanted, "/") {
		names = []string{r.Pod}
	}
	ok, _ := path.Match(wanted, names[0])
	return ok || names[0] == wanted || strings.HasPrefix(names[0], wanted+"-")
}

func (s *Selection) pod(root fs.FS, runs []crilog.Run, pod string, fail func(error)) ([]Source, error) {
	last, before := map[string]crilog.Run{}, map[string]crilog.Run{}
	var order, containers []string
	exact := slices.ContainsFunc(runs, func(r crilog.Run) bool { return r.Namespace+"/"+r.Pod == pod || r.Pod == pod })
	for _, r := range runs {
		if !isPod(&r, pod) || exact && r.Namespace+"/"+r.Pod != pod && r.Pod != pod {
			continue
		}
		containers = append(containers, r.Container)
		if s.Container != "" && s.Container != r.Container {
			continue
		}
		if l, ok := last[r.Name()]; ok {
			before[r.Name()] = l
		} else {
			order = append(order, r.Name())
		}
		last[r.Name()] = r
	}
	if len(containers) == 0 {
		return nil, &UnknownError{"pod", pod, Pods(runs), "there is no log of it in /" + crilog.Dir}
	}
	if len(order) == 0 {
		slices.Sort(containers)
		return nil, &UnknownError{"container", s.Container, slices.Compact(containers), "the pod has none of that name"}
	}
	if s.Previous {
		last = before
	}
	var all []Source
	for _, name := range order {
		if r, ok := last[name]; ok {
			all = append(all, s.container(root, r, fail))
		}
	}
	if len(all) == 0 {
		return nil, &UnknownError{"pod", pod, nil, "it has no run before the last whose log is still there"}
	}
	return all, nil
}

// container is the log of one run. When the last run is followed, those that
// come after it are too.
func (s *Selection) container(root fs.FS, run crilog.Run, fail func(error)) Source {
	first := run.Restart
	list := func() ([]crilog.File, error) {
		runs, err := crilog.RunsOf(root, &run)
		var files []crilog.File
		for _, r := range runs {
			if r.Restart == first || r.Restart > first && !s.Previous {
				files = append(files, r.Files...)
			}
		}
		return files, err
	}
	return &Log{Root: root, List: list, Fail: fail, Of: Line{
		Pod: run.Namespace + "/" + run.Pod, Container: run.Container, Run: run.Restart}}
}
