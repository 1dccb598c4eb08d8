package collect

import (
	"slices"

	"github.com/klustered/klustered/internal/collect/access"
	"github.com/klustered/klustered/internal/collect/baseline"
	"github.com/klustered/klustered/internal/collect/bpf"
	"github.com/klustered/klustered/internal/collect/cluster"
	"github.com/klustered/klustered/internal/collect/containerd"
	"github.com/klustered/klustered/internal/collect/cri"
	"github.com/klustered/klustered/internal/collect/descriptor"
	"github.com/klustered/klustered/internal/collect/etcd"
	"github.com/klustered/klustered/internal/collect/file"
	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/kernel"
	"github.com/klustered/klustered/internal/collect/kubelet"
	"github.com/klustered/klustered/internal/collect/limit"
	"github.com/klustered/klustered/internal/collect/loader"
	"github.com/klustered/klustered/internal/collect/lock"
	"github.com/klustered/klustered/internal/collect/login"
	"github.com/klustered/klustered/internal/collect/module"
	"github.com/klustered/klustered/internal/collect/name"
	"github.com/klustered/klustered/internal/collect/network"
	"github.com/klustered/klustered/internal/collect/observe"
	"github.com/klustered/klustered/internal/collect/probe"
	"github.com/klustered/klustered/internal/collect/program"
	"github.com/klustered/klustered/internal/collect/shell"
	"github.com/klustered/klustered/internal/collect/socket"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/storage"
	"github.com/klustered/klustered/internal/collect/sysctl"
	"github.com/klustered/klustered/internal/collect/systemd"
	"github.com/klustered/klustered/internal/collect/trail"
	"github.com/klustered/klustered/internal/collect/user"
	"github.com/klustered/klustered/internal/collect/view"
)

// All returns every collector. Each area hands over its own list.
func All() []source.Collector {
	return slices.Concat(
		host.Collectors(),
		limit.Collectors(),
		storage.Collectors(),
		bpf.Collectors(),
		kernel.Collectors(),
		user.Collectors(),
		lock.Collectors(),
		descriptor.Collectors(),
		module.Collectors(),
		sysctl.Collectors(),
		systemd.Collectors(),
		shell.Collectors(),
		login.Collectors(),
		loader.Collectors(),
		file.Collectors(),
		kubelet.Collectors(),
		access.Collectors(),
		cri.Collectors(),
		containerd.Collectors(),
		observe.Collectors(),
		trail.Collectors(),
		etcd.Collectors(),
		cluster.Collectors(),
		network.Collectors(),
		socket.Collectors(),
		name.Collectors(),
		probe.Collectors(),
		view.Collectors(),
		program.Collectors(),
		baseline.Collectors(),
	)
}
