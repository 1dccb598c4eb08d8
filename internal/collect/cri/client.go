package cri

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is asked about.
const (
	maxDetails = 300     // pods and containers asked about one by one
	atOnce     = 8       // such questions at once
	maxAnswer  = 8 << 20 // bytes
)

// ask fills r with what the runtime behind socket answers.
func ask(ctx context.Context, socket string, r *snapshot.Runtime) error {
	conn, err := grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", socket, err)
	}
	defer conn.Close()
	c := v1.NewRuntimeServiceClient(conn)
	v, err := c.Version(ctx, &v1.VersionRequest{})
	if err != nil {
		return fmt.Errorf("cannot ask the runtime at %s: %s", socket, plain(err))
	}
	r.Reachable, r.Name, r.Version = true, v.RuntimeName, v.RuntimeVersion
	return together(
		// A status may run the CNI plugins to ask how they are.
		func() error { return wrap("ask the runtime for its status", askStatus(ctx, c, r)) },
		func() error { return wrap("list the pods of the runtime", askPods(ctx, c, r)) },
		func() error { return wrap("list the containers of the runtime", askContainers(ctx, c, r)) },
		func() error {
			return wrap("list the images of the runtime", askImages(ctx, v1.NewImageServiceClient(conn), r))
		},
	)
}

// together runs all at once. Each sets fields of its own.
func together(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s: %s", what, plain(err))
}

// plain is the message of a gRPC error without its wrapping.
func plain(err error) string {
	s := status.Convert(err)
	return strings.ToLower(s.Code().String()) + ": " + s.Message()
}

func askStatus(ctx context.Context, c v1.RuntimeServiceClient, r *snapshot.Runtime) error {
	st, err := c.Status(ctx, &v1.StatusRequest{Verbose: true})
	if err != nil {
		return err
	}
	for _, x := range st.GetStatus().GetConditions() {
		state := "False"
		if x.Status {
			state = "True"
		}
		r.Conditions = append(r.Conditions, snapshot.Condition{Type: x.Type, Status: state, Reason: x.Reason, Message: x.Message})
	}
	effective(r, st.Info)
	features(r, st)
	return nil
}

// effective takes from the verbose status what the runtime really loaded.
func effective(r *snapshot.Runtime, info map[string]string) {
	var config struct {
		CNI struct {
			BinDir  string   `json:"binDir"`
			BinDirs []string `json:"binDirs"`
			ConfDir string   `json:"confDir"`
			MaxConf *int     `json:"maxConfNum"`
		} `json:"cni"`
	}
	if json.Unmarshal([]byte(info["config"]), &config) == nil {
		if c := config.CNI; c.ConfDir != "" {
			r.CNIConfDir = c.ConfDir
		}
		if dirs := config.CNI.BinDirs; len(dirs) > 0 {
			r.CNIBinDirs = dirs
		} else if dir := config.CNI.BinDir; dir != "" {
			r.CNIBinDirs = []string{dir}
		}
		if n := config.CNI.MaxConf; n != nil {
			r.CNIMaxConf = *n
		}
	}
	if last := info["lastCNILoadStatus"]; last != "" {
		c := snapshot.Condition{Type: "CNIConfigLoaded", Status: "True"}
		if last != "OK" {
			c.Status, c.Message = "False", last
		}
		r.Conditions = append(r.Conditions, c)
	}
}

func askPods(ctx context.Context, c v1.RuntimeServiceClient, r *snapshot.Runtime) error {
	list, err := c.ListPodSandbox(ctx, &v1.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, x := range list.Items {
		r.Sandboxes = append(r.Sandboxes, snapshot.Sandbox{
			ID: x.Id, Namespace: x.GetMetadata().GetNamespace(), Name: x.GetMetadata().GetName(), UID: x.GetMetadata().GetUid(),
			Ready: x.State == v1.PodSandboxState_SANDBOX_READY, Created: at(x.CreatedAt), Attempt: int(x.GetMetadata().GetAttempt()),
			Handler: x.RuntimeHandler, Source: x.Annotations["kubernetes.io/config.source"], Mirror: x.Annotations["kubernetes.io/config.hash"],
		})
	}
	order.By(r.Sandboxes, func(a, b snapshot.Sandbox) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), b.Created.Compare(a.Created))
	})
	each(len(r.Sandboxes), func(i int) {
		if s := &r.Sandboxes[i]; s.Ready {
			askSandbox(ctx, c, s)
		}
	})
	return nil
}

// askSandbox adds the address, the network namespace and the process of one
// pod. A pod that went away meanwhile stays as it was listed.
func askSandbox(ctx context.Context, c v1.RuntimeServiceClient, s *snapshot.Sandbox) {
	res, err := c.PodSandboxStatus(ctx, &v1.PodSandboxStatusRequest{PodSandboxId: s.ID, Verbose: true})
	if err != nil {
		return
	}
	s.IP = res.GetStatus().GetNetwork().GetIp()
	for _, ip := range res.GetStatus().GetNetwork().GetAdditionalIps() {
		s.IPs = append(s.IPs, ip.GetIp())
	}
	s.HostNet = res.GetStatus().GetLinux().GetNamespaces().GetOptions().GetNetwork() == v1.NamespaceMode_NODE
	s.PID, s.NetNS = parseInfo(res.Info["info"])
}

// parseInfo reads the process and the network namespace out of the JSON that
// containerd and CRI-O add to a verbose status.
func parseInfo(info string) (pid int, netns string) {
	var x struct {
		PID  int `json:"pid"`
		Spec struct {
			Linux struct {
				Namespaces []struct{ Type, Path string } `json:"namespaces"`
			} `json:"linux"`
		} `json:"runtimeSpec"`
	}
	_ = json.Unmarshal([]byte(info), &x)
	for _, n := range x.Spec.Linux.Namespaces {
		if n.Type == "network" {
			netns = n.Path
		}
	}
	return x.PID, netns
}

func askContainers(ctx context.Context, c v1.RuntimeServiceClient, r *snapshot.Runtime) error {
	list, err := c.ListContainers(ctx, &v1.ListContainersRequest{})
	if err != nil {
		return err
	}
	for _, x := range list.Containers {
		r.Containers = append(r.Containers, snapshot.Container{
			ID: x.Id, Sandbox: x.PodSandboxId, Name: x.GetMetadata().GetName(), Attempt: int(x.GetMetadata().GetAttempt()),
			Namespace: x.Labels["io.kubernetes.pod.namespace"], Pod: x.Labels["io.kubernetes.pod.name"],
			Image: cmp.Or(x.GetImage().GetUserSpecifiedImage(), x.GetImage().GetImage()),
			State: strings.ToLower(strings.TrimPrefix(x.State.String(), "CONTAINER_")),
			UID:   x.Labels["io.kubernetes.pod.uid"], ImageID: x.ImageId, ImageRef: x.ImageRef, Created: at(x.CreatedAt),
			Restarts: number(x.Annotations["io.kubernetes.container.restartCount"]),
		})
	}
	order.By(r.Containers, func(a, b snapshot.Container) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Pod, b.Pod), strings.Compare(a.Name, b.Name), b.Attempt-a.Attempt)
	})
	each(len(r.Containers), func(i int) { askContainer(ctx, c, &r.Containers[i]) })
	return nil
}

// askContainer adds how a container runs or ended.
func askContainer(ctx context.Context, c v1.RuntimeServiceClient, x *snapshot.Container) {
	res, err := c.ContainerStatus(ctx, &v1.ContainerStatusRequest{ContainerId: x.ID, Verbose: x.State == "running"})
	if err != nil {
		return
	}
	s := res.GetStatus()
	x.ExitCode, x.Reason, x.Message = int(s.GetExitCode()), s.GetReason(), secret.Scrub(cut(s.GetMessage()))
	x.ImageRef, x.ImageID = cmp.Or(s.GetImageRef(), x.ImageRef), cmp.Or(s.GetImageId(), x.ImageID)
	x.Mounts = mounts(s.GetMounts())
	x.Started, x.Finished = at(s.GetStartedAt()), at(s.GetFinishedAt())
	if s.GetLogPath() != "" {
		x.Log = path.Clean(s.GetLogPath())
	}
	x.Image = cmp.Or(s.GetImage().GetUserSpecifiedImage(), s.GetImage().GetImage(), x.Image)
	x.PID, _ = parseInfo(res.Info["info"])
}

// each calls do for 0 to n-1, some at once, at most maxDetails.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range min(n, maxDetails) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// at is a CRI time in nanoseconds; 0 is none.
func at(ns int64) time.Time {
	if ns <= 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
