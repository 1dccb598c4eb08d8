package cri

import (
	"slices"
	"strings"
)

// The plugins of containerd whose settings matter here, as layout 4 names them.
const (
	criRuntime = "io.containerd.cri.v1.runtime"
	criImages  = "io.containerd.cri.v1.images"
	criServer  = "io.containerd.grpc.v1.cri"
	grpcServer = "io.containerd.server.v1.grpc"
)

// imageKeys are settings of the one CRI plugin of layout 2 that became those
// of the plugin for images, streamKeys those that stayed.
var (
	imageKeys  = strings.Fields("registry image_decryption max_concurrent_downloads image_pull_progress_timeout image_pull_with_sync_fs stats_collect_period")
	streamKeys = strings.Fields("disable_tcp_service stream_server_address stream_server_port stream_idle_timeout enable_tls_streaming x509_key_pair_streaming")
	storeKeys  = strings.Fields("snapshotter disable_snapshot_annotations discard_unpacked_layers")
)

// canonical is a key of a file of the given layout as layout 4 has it.
func canonical(key []string, version int) []string {
	if len(key) >= 2 && version < 4 {
		switch {
		case key[0] == "grpc" && strings.HasPrefix(key[1], "tcp_"):
			return []string{"plugins", "io.containerd.server.v1.grpc-tcp", strings.TrimPrefix(key[1], "tcp_")}
		case slices.Contains([]string{"grpc", "ttrpc", "metrics"}, key[0]):
			return append([]string{"plugins", "io.containerd.server.v1." + key[0]}, key[1:]...)
		case key[0] == "debug" && slices.Contains([]string{"address", "uid", "gid"}, key[1]):
			return []string{"plugins", "io.containerd.server.v1.debug", key[1]}
		}
	}
	if len(key) < 3 || key[0] != "plugins" || version >= 3 || key[1] != criServer && key[1] != "cri" {
		return key
	}
	rest := key[2:]
	switch {
	case rest[0] == "sandbox_image":
		return []string{"plugins", criImages, "pinned_images", "sandbox"}
	case rest[0] == "containerd" && len(rest) > 1 && slices.Contains(storeKeys, rest[1]):
		return append([]string{"plugins", criImages}, rest[1:]...)
	case slices.Contains(imageKeys, rest[0]):
		return append([]string{"plugins", criImages}, rest...)
	case slices.Contains(streamKeys, rest[0]):
		return append([]string{"plugins", criServer}, rest...)
	}
	return append([]string{"plugins", criRuntime}, rest...)
}

// The keys that containerd 1.6 to 2.4 know, old ones included; one that ends
// in / has keys of the operator's below it.
var (
	topKeys = strings.Fields("version root state temp plugin_dir disabled_plugins required_plugins oom_score imports debug/ grpc/ ttrpc/ metrics/ cgroup/ plugins/ proxy_plugins/ timeouts/ stream_processors/")
	runKeys = strings.Fields(`containerd/ cni/ enable_selinux selinux_category_range max_container_log_line_size disable_apparmor restrict_oom_score_adj
		disable_proc_mount unset_seccomp_profile tolerate_missing_hugetlb_controller disable_hugetlb_controller device_ownership_from_security_context
		ignore_image_defined_volumes netns_mounts_under_state_dir enable_unprivileged_ports enable_unprivileged_icmp enable_cdi cdi_spec_dirs
		drain_exec_sync_io_timeout ignore_deprecation_warnings stats_collect_period stats_retention_period enable_criu systemd_cgroup disable_cgroup
		max_concurrent_downloads ignore_rdt_not_enabled_errors restrict_oom_score_adj`)
	cniKeys     = strings.Fields("bin_dir bin_dirs conf_dir max_conf_num setup_serially conf_template ip_pref use_internal_loopback")
	storageKeys = strings.Fields(`default_runtime_name no_pivot disable_snapshot_annotations discard_unpacked_layers ignore_blockio_not_enabled_errors ignore_rdt_not_enabled_errors
		snapshotter runtimes/ default_runtime/ untrusted_workload_runtime/`)
	runtimeKeys = strings.Fields(`runtime_type runtime_path runtime_engine runtime_root pod_annotations container_annotations options/ privileged_without_host_devices
		privileged_without_host_devices_all_devices_allowed cgroup_writable base_runtime_spec cni_conf_dir cni_max_conf_num snapshotter sandboxer sandbox_mode disable_pause_image_pull io_type`)
	imgKeys = strings.Fields(`snapshotter disable_snapshot_annotations discard_unpacked_layers sandbox_image pinned_images/ runtime_platforms/ registry/ image_decryption/
		max_concurrent_downloads concurrent_layer_fetch_buffer image_pull_progress_timeout image_pull_with_sync_fs stats_collect_period use_local_image_pull`)
	registryKeys = strings.Fields("config_path mirrors/ configs/ auths/ headers/")
)

// known reports whether containerd knows a key of layout 4. Of plugins other
// than the CRI's it is not looked into.
func known(key []string) bool {
	switch {
	case !listed(topKeys, key):
		return false
	case key[0] != "plugins" || len(key) < 3:
		return true
	case key[1] == criServer:
		return slices.Contains(streamKeys, key[2])
	case key[1] == criRuntime:
		return knownOf(key[2:], runKeys, map[string][]string{"cni": cniKeys, "containerd": storageKeys}) &&
			(len(key) < 6 || key[2] != "containerd" || key[3] != "runtimes" || listed(runtimeKeys, key[5:]))
	case key[1] == criImages:
		return knownOf(key[2:], imgKeys, map[string][]string{"registry": registryKeys})
	}
	return true
}

func knownOf(key, keys []string, below map[string][]string) bool {
	if !listed(keys, key) {
		return false
	}
	more := below[key[0]]
	return more == nil || len(key) == 1 || listed(more, key[1:])
}

// listed reports whether the first part of key is in keys, with parts below it
// or without as they say.
func listed(keys, key []string) bool {
	name := key[0]
	return slices.Contains(keys, name+"/") || len(key) == 1 && slices.Contains(keys, name)
}
