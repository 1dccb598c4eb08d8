package observe

// cni is what the CNI libraries say; containerd writes it, the kubelet
// repeats it.
func cni() []known {
	of := []Kind{Kubelet, Containerd}
	return []known{
		// github.com/containernetworking/cni/pkg/invoke/find.go
		{id: "cni-plugin-missing", kind: of, any: []string{"failed to find plugin "},
			re: re(`failed to find plugin [\\"]*(?P<plugin>[^\\" ]+)[\\"]* in path (?P<path>\[[^\]]*\])`), key: []string{"plugin"}},
		// libcni/api.go
		{id: "cni-add-failed", kind: of, any: []string{"failed (add): "},
			re:  re(`plugin type=[\\"]*(?P<plugin>[^\\" ]+)[\\"]*.*? failed \(add\): (?P<error>(?:[^"\\]|\\+")+)`),
			key: []string{"plugin"}},
		{id: "cni-delete-failed", kind: of, any: []string{"failed (delete): "},
			re: re(`plugin type=[\\"]*(?P<plugin>[^\\" ]+)[\\"]*.*? failed \(delete\): `), key: []string{"plugin"}},
		// pkg/invoke/raw_exec.go and the plugin itself
		{id: "cni-plugin-exec-failed", kind: of, any: []string{"netplugin failed", "exec format error"},
			opt: re(`netplugin failed:? ?(?P<error>[^"\\]+)|fork/exec (?P<path>\S+): exec format error`)},
		// internal/cri/server/sandbox_run.go
		{id: "sandbox-network-failed", kind: of, any: []string{"failed to setup network for sandbox"},
			re: re(`failed to setup network for sandbox [\\"]*(?P<sandbox>[0-9a-f]+)[\\"]*: (?P<error>(?:[^"\\]|\\+")+)`)},
	}
}

// containerd is what containerd says, checked against v2.4.2; files below
// internal/cri if no other module is named.
func containerd() []known {
	of := []Kind{Containerd}
	return []known{
		// server/cni_conf_syncer.go
		{id: "containerd-cni-load-failed", kind: of, any: []string{
			"failed to load cni during init", "failed to reload cni configuration"},
			opt: re(`error="(?P<error>(?:[^"\\]|\\.)*)"`)},
		// github.com/containerd/go-cni/opts.go
		{id: "containerd-cni-none", kind: of, any: []string{"no network config found in "},
			re: re(`no network config found in (?P<dir>[^:"\\ ]+)`), key: []string{"dir"}},
		{id: "containerd-cni-file-bad", kind: of, any: []string{"failed to load CNI config ",
			"failed to convert CNI config file ", "CNI config list in config file "},
			re: re(`(?:config (?:list )?file|in config file) (?P<file>/[^ "\\]+?\.(?:conf|conflist|json))[: ]+` +
				`(?P<error>(?:[^"\\]|\\+")*)`), key: []string{"file"}},
		{id: "containerd-cni-dir-gone", kind: of, any: []string{"cni conf dir is removed, stop watching"}},
		// instrument/instrumented_service.go
		{id: "containerd-sandbox-failed", kind: of, any: []string{"RunPodSandbox for "}, all: []string{"failed, error"},
			re:  re(`Name:(?P<pod>[^,}\s]+),.*?Namespace:(?P<namespace>[^,}\s]+).*?error="(?P<error>(?:[^"\\]|\\.)*)"`),
			key: []string{"namespace", "pod"}},
		{id: "containerd-image-pull-failed", kind: of, any: []string{"PullImage "}, all: []string{"failed"},
			re: re(`PullImage [\\"]*(?P<image>[^\\" ]+)[\\"]* failed`), key: []string{"image"}},
		{id: "containerd-runtime-missing", kind: of, any: []string{"no runtime for ", "runtime \\\"", "no such file or directory"},
			re: re(`no runtime for [\\"]*(?P<runtime>[^\\" ]+)|exec: [\\"]*(?P<binary>[^\\" ]*(?:runc|shim)[^\\" ]*)[\\"]*`)},
		{id: "containerd-disk-full", kind: of, any: []string{"no space left on device"}},
		{id: "containerd-config-bad", kind: of, any: []string{"failed to load TOML", "containerd: failed to load"},
			re: re(`failed to load (?P<error>.*)`)},
	}
}
