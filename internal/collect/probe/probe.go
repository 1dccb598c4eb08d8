// Package probe makes small bursts of connections along the ways that packets
// take in a cluster, from the host and from within pods' network namespaces:
// to pods, to Services, to node ports and to the cluster's name server.
//
// It is gentle: at most [maxProbes] probes of a few kilobytes each, a few at
// once, none through a proxy. A probe that went badly is made once more when
// the others are done, and the better result counts, so that a busy moment is
// not taken for a broken network.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	maxProbes  = 24
	atOnce     = 12
	startUntil = 1200 * time.Millisecond // no probe begins later
	allUntil   = 2000 * time.Millisecond

	// A probe is made again when it looks worse than this.
	suspectMs   = 8
	suspectLost = 2
)

// Collectors collects snapshot.Probes. What is to be probed is known from the
// translations of Services and the pods' namespaces, so that it needs no
// answer of the API server.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionProbes,
		After:   []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionKubelet, snapshot.SectionStatic, snapshot.SectionKubeconfigs},
		Live:    true,
		Timeout: 3 * time.Second,
		Collect: collect,
	}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	if s.Network == nil {
		return errors.New("cannot choose what to probe: the network was not seen")
	}
	ctx, cancel := context.WithTimeout(ctx, allUntil)
	defer cancel()
	asked := make(chan []snapshot.Contact, 1)
	go func() { asked <- askAll(ctx, e, s) }()
	jobs := plan(s)
	for _, j := range jobs {
		j.netns, j.ends = e.Abs(j.netns), e.Abs(j.ends)
	}
	done := runAll(ctx, jobs)
	again(ctx, jobs)
	if done < len(jobs) {
		e.Gap(snapshot.SectionProbes, "probes", fmt.Errorf("cannot make all %d probes in time: the first %d were made", len(jobs), done))
	}
	s.Probes = &snapshot.Probes{List: []snapshot.Probe{}, Contacts: <-asked}
	for _, j := range jobs {
		if j.probe.Tries > 0 && !j.untold() && !j.ended() {
			s.Probes.List = append(s.Probes.List, j.probe)
		}
	}
	return nil
}

// A job is a probe and what is needed to make it.
type job struct {
	probe snapshot.Probe
	netns string // where it is made from
	ends  string // the namespace of the pod that it is made to, or ""
	http  bool   // the port is one on which HTTP is spoken
	tls   bool   // the port is one on which TLS is spoken
	name  string // asked of a name server
	guess bool   // nothing says that something listens there
}

// untold reports whether the result says nothing: silence from a port on
// which nobody may be listening can be a policy that drops.
func (j *job) untold() bool { return j.guess && j.probe.Lost == j.probe.Tries }

// ended reports whether a pod went away under a probe that went badly, the one
// that it was made to or from: its namespace is gone with its last process.
func (j *job) ended() bool {
	return j.suspect() && slices.ContainsFunc([]string{j.netns, j.ends}, func(netns string) bool {
		_, err := os.Stat(netns)
		return netns != "" && errors.Is(err, fs.ErrNotExist)
	})
}

func (j *job) suspect() bool {
	return j.probe.Tries > 0 && (j.probe.Lost >= suspectLost || j.probe.Lost == j.probe.Tries || j.probe.MedianMs >= suspectMs)
}

// runAll makes the probes, a few at once, and returns how many were made.
func runAll(ctx context.Context, jobs []*job) int {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	begun, done := time.Now(), 0
	for _, j := range jobs {
		slots <- struct{}{}
		if ctx.Err() != nil || time.Since(begun) > startUntil {
			break
		}
		done++
		wg.Go(func() {
			j.probe = j.run(ctx)
			<-slots
		})
	}
	wg.Wait()
	return done
}

// again makes the bad ones once more, two at once, while there is time.
func again(ctx context.Context, jobs []*job) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, j := range jobs {
		if !j.suspect() {
			continue
		}
		slots <- struct{}{}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < patience+100*time.Millisecond {
			break
		}
		wg.Go(func() {
			if p := j.run(ctx); better(p, j.probe) {
				j.probe = p
			}
			<-slots
		})
	}
	wg.Wait()
}

func better(a, b snapshot.Probe) bool {
	if a.Tries == 0 || a.Lost != b.Lost {
		return a.Tries > 0 && a.Lost < b.Lost
	}
	return a.MedianMs < b.MedianMs
}
