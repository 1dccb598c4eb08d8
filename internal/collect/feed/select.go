package feed

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/crilog"
	"github.com/klustered/klustered/internal/collect/journal"
)

// A Selection says which logs of a node are wanted. Its zero value is the
// whole journal.
type Selection struct {
	Units       []string // names or patterns; without a suffix they are services
	Kernel      bool
	Pods        []string // NAMESPACE/NAME, or NAME in any namespace; patterns too
	Container   string   // of the pods; "" for all
	Previous    bool     // the run before the last
	Files       []string // paths of plain logs on the node
	Boot        string   // an id, or 0 for the last boot in the journal, -1 for the one before
	MaxPriority int      // as [journal.Query] has it
	Matches     []string // as [journal.Query] has them
	Live        bool     // the node runs here
}

// An UnknownError is the name of something that is not there.
type UnknownError struct {
	What, Name string
	Known      []string
	Why        string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("cannot show %s %q: %s", e.What, e.Name, e.Why)
}

// Sources returns the logs that are wanted. fail hears of what cannot be read
// later.
func (s *Selection) Sources(root fs.FS, fail func(error)) ([]Source, error) {
	var all []Source
	named := len(s.Pods)+len(s.Files) > 0
	if len(s.Units) > 0 || s.Kernel || !named {
		list, err := s.journals(root, fail)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	list, err := s.pods(root, fail)
	if err != nil {
		return nil, err
	}
	all = append(all, list...)
	for _, name := range s.Files {
		l, err := plain(root, name, fail)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// journals are the parts of the journal that are wanted.
func (s *Selection) journals(root fs.FS, fail func(error)) ([]Source, error) {
	j, err := journal.Open(root, journal.Dirs...)
	if err != nil {
		if s.Kernel && s.Live && len(s.Units) == 0 && errors.Is(err, fs.ErrNotExist) {
			return []Source{&Ring{Fail: fail}}, nil
		}
		return nil, err
	}
	defer j.Close()
	q := journal.Query{MaxPriority: s.MaxPriority, Matches: s.Matches}
	if q.Boot, err = bootID(j, s.Boot); err != nil {
		return nil, err
	}
	var all []Source
	add := func(q journal.Query) { all = append(all, &Journal{Root: root, Query: q, Fail: fail}) }
	if len(s.Units) > 0 {
		q := q
		if q.Units, err = units(j, s.Units); err != nil {
			return nil, err
		}
		add(q)
	}
	if s.Kernel {
		k := q
		k.Transports = []string{"kernel"}
		if s.Live && s.Boot == "" && !slices.Contains(j.Values("_TRANSPORT"), "kernel") {
			all = append(all, &Ring{Fail: fail})
		} else {
			add(k)
		}
	}
	if len(s.Units) == 0 && !s.Kernel {
		add(q)
	}
	return all, nil
}

// units are the units that the journal knows by the names or patterns wanted.
func units(j *journal.Journal, wanted []string) ([]string, error) {
	known := Units(j)
	var list []string
	for _, name := range wanted {
		before := len(list)
		full := name
		if !strings.Contains(name, ".") && !strings.ContainsAny(name, "*?[") {
			full += ".service"
		}
		for _, k := range known {
			if ok, _ := path.Match(full, k); ok || k == full {
				list = append(list, k)
			}
		}
		if len(list) == before {
			return nil, &UnknownError{"unit", name, known, "the journal has no entry of it"}
		}
	}
	return list, nil
}

// Units are the names of the units that a journal has entries about, sorted.
func Units(j *journal.Journal) []string {
	list := slices.Concat(j.Values("_SYSTEMD_UNIT"), j.Values("UNIT"))
	slices.Sort(list)
	return slices.Compact(list)
}

// bootID finds a boot by its id, the beginning of that, or its place from the
// end.
func bootID(j *journal.Journal, wanted string) (string, error) {
	if wanted == "" {
		return "", nil
	}
	boots := j.Boots()
	var known []string
	for _, b := range boots {
		known = append(known, b.ID)
	}
	back := 0
	if n, err := fmt.Sscanf(wanted, "%d", &back); n == 1 && err == nil && len(wanted) < 5 && back <= 0 {
		if i := len(boots) - 1 + back; i >= 0 {
			return boots[i].ID, nil
		}
		return "", &UnknownError{"boot", wanted, known, fmt.Sprintf("the journal has %d", len(boots))}
	}
	id := strings.ToLower(strings.ReplaceAll(wanted, "-", ""))
	for _, k := range known {
		if len(id) >= 4 && strings.HasPrefix(k, id) {
			return k, nil
		}
	}
	return "", &UnknownError{"boot", wanted, known, "the journal has no entry of it"}
}

// plain is a plain file with what logrotate put beside it.
func plain(root fs.FS, name string, fail func(error)) (Source, error) {
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	list := func() ([]crilog.File, error) { return rotated(root, clean) }
	if _, err := list(); err != nil {
		return nil, err
	}
	return &Log{Root: root, Plain: true, List: list, Fail: fail, Of: Line{Path: "/" + clean}}, nil
}

// rotated are NAME and NAME.1, NAME.2.gz and so on, the oldest first.
func rotated(root fs.FS, name string) ([]crilog.File, error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return nil, fmt.Errorf("cannot open log %q: %w", "/"+name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read log %q: it is no regular file", "/"+name)
	}
	files := []crilog.File{{Path: name, Size: info.Size(), Modified: info.ModTime()}}
	const most = 64
	for i := 1; i < most; i++ {
		found := false
		for _, end := range []string{"", ".gz"} {
			p := fmt.Sprintf("%s.%d%s", name, i, end)
			if info, err := fs.Stat(root, p); err == nil && info.Mode().IsRegular() {
				files = append(files, crilog.File{Path: p, Size: info.Size(), Modified: info.ModTime(), Compressed: end != ""})
				found = true
			}
		}
		if !found {
			break
		}
	}
	slices.Reverse(files)
	return files, nil
}
