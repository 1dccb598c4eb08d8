// Package klustered finds why a Kubernetes node or cluster is broken, proves
// it, and repairs it so that the repair can be taken back.
//
// The program is cmd/klustered. This package holds what concerns the whole
// tree: how files are generated, and the tests of the architecture and the
// style.
package klustered

//go:generate go run ./internal/gen
