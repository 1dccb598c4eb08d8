// Package lab runs real Kubernetes clusters in containers: it boots them, keeps golden
// snapshots of them, gives access to their nodes and takes them away again.
package lab

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/progress"
)

// DefaultName is the lab that is meant where no name is given.
const DefaultName = "klustered"

// KubernetesVersion is the Kubernetes that a lab runs unless another one is asked for.
const KubernetesVersion = image.KubernetesVersion

// The labels on containers, networks and volumes, which are the only state of a lab.
const (
	labelLab        = "klustered.dev/lab"
	labelRole       = "klustered.dev/role"
	labelKubernetes = "klustered.dev/kubernetes"
	labelTopology   = "klustered.dev/topology"
	labelNode       = "klustered.dev/node"
	labelSlot       = "klustered.dev/slot"
	labelImage      = "klustered.dev/image"
	labelUp         = "klustered.dev/up"
	labelGolden     = "klustered.dev/golden"
)

// Node is a machine of a lab.
type Node = node.Node

// Progress is told of every step of a long job.
type Progress = progress.Progress

// The roles of a node.
const (
	ControlPlane = node.ControlPlane
	Worker       = node.Worker
)

// Config says what lab is wanted.
type Config struct {
	// Name tells labs apart; "" means DefaultName.
	Name string
	// ControlPlanes is 1 or 3; 0 means 1. Workers is 0 to 3.
	ControlPlanes, Workers int
	// Kubernetes is "" for KubernetesVersion, or a version such as "v1.36".
	Kubernetes string
	// Fresh boots with kubeadm even where a golden snapshot could be used.
	Fresh bool
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)

// checked fills in what was left out and refuses what cannot be.
func (c Config) checked() (Config, error) {
	if c.Name == "" {
		c.Name = DefaultName
	}
	if !nameForm.MatchString(c.Name) {
		return c, fmt.Errorf("cannot name a lab %q: want lower case letters, digits and dashes, at most 30", c.Name)
	}
	if c.ControlPlanes == 0 {
		c.ControlPlanes = 1
	}
	if c.ControlPlanes != 1 && c.ControlPlanes != 3 {
		return c, fmt.Errorf("cannot boot %d control planes: want 1 or 3", c.ControlPlanes)
	}
	if c.Workers < 0 || c.Workers > 3 {
		return c, fmt.Errorf("cannot boot %d workers: want 0 to 3", c.Workers)
	}
	return c, nil
}

// topology is the shape of a lab in words, such as "1+1" for one control plane and one worker.
func (c Config) topology() string { return fmt.Sprintf("%d+%d", c.ControlPlanes, c.Workers) }

// size is the number of nodes that a topology's words mean, 0 where they mean nothing.
func size(topology string) int {
	var controlPlanes, workers int
	if n, err := fmt.Sscanf(topology, "%d+%d", &controlPlanes, &workers); n != 2 || err != nil {
		return 0
	}
	return controlPlanes + workers
}

// ErrHalfUp is in the chain of Open's error where a lab was begun and not finished.
var ErrHalfUp = errors.New("it is only half up")

// ErrNotFound is in the chain of Open's error where there is no lab of that name.
var ErrNotFound = errors.New("there is none of that name")

// ErrExists is in the chain of Up's error where a lab of that name is there already.
var ErrExists = errors.New("there is one of that name already")

// Error is an error with advice for the person who meets it.
type Error struct {
	Cause error
	// Hint says what to do, as a command where there is one.
	Hint string
}

func (e *Error) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }
