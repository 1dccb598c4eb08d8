package snapshot

import "strings"

// RuntimeConfig is what the runtime's configuration files say together.
type RuntimeConfig struct {
	Kind    string `json:"kind"`              // containerd, crio
	Version int    `json:"version,omitempty"` // of the main file's layout (containerd)
	// Files are those that are read, in that order: for what two of them set,
	// the later one holds.
	Files []RuntimeFile `json:"files,omitempty"`
	// Settings are the values that hold, by key. Keys of containerd are those
	// of layout 4 whatever the files use; parts are joined by "/", as in
	// plugins/io.containerd.cri.v1.runtime/cni/conf_dir.
	Settings []ConfigSetting `json:"settings,omitempty"`
	// Unknown are keys that the runtime does not know and ignores.
	Unknown []ConfigSetting `json:"unknown,omitempty"`

	// What follows is with the runtime's defaults where no file says it.
	Root           string           `json:"root,omitempty"`
	State          string           `json:"state,omitempty"`
	Address        string           `json:"address,omitempty"` // socket of the CRI
	Disabled       []string         `json:"disabled,omitempty"`
	Snapshotter    string           `json:"snapshotter,omitempty"` // of CRI-O its storage driver
	Sandbox        string           `json:"sandbox,omitempty"`     // image of the pause container
	DefaultHandler string           `json:"defaultHandler,omitempty"`
	Handlers       []RuntimeHandler `json:"handlers,omitempty"`
	Registry       *Registry        `json:"registry,omitempty"`
	Proxies        []ProxyPlugin    `json:"proxies,omitempty"` // plugins of containerd in other processes
	Policy         *Text            `json:"policy,omitempty"`  // which images may be used (CRI-O)
}

// A RuntimeFile is one configuration file of the runtime.
type RuntimeFile struct {
	Text
	From      string `json:"from,omitempty"` // FILE:LINE that draws it in, or what makes it be read
	Version   int    `json:"version,omitempty"`
	Error     string `json:"error,omitempty"`
	ErrorLine int    `json:"errorLine,omitempty"`
}

// A ConfigSetting is one value of a configuration.
type ConfigSetting struct {
	Key    string   `json:"key"`
	Value  string   `json:"value"` // a list is joined by commas; secrets replaced
	List   []string `json:"list,omitempty"`
	Path   string   `json:"path"`
	Line   int      `json:"line,omitempty"`
	Before []string `json:"before,omitempty"` // FILE:LINE=VALUE that it overrides, latest first
}

// Setting returns the value that holds for a key, which may be given by its
// end, such as "runtime/cni/conf_dir".
func (c *RuntimeConfig) Setting(key string) (ConfigSetting, bool) {
	for _, s := range c.Settings {
		if s.Key == key || strings.HasSuffix(s.Key, "/"+key) || strings.HasSuffix(s.Key, "."+key) {
			return s, true
		}
	}
	return ConfigSetting{}, false
}

// A RuntimeHandler is an OCI runtime by which containers may be run.
type RuntimeHandler struct {
	Name          string   `json:"name"`
	Type          string   `json:"type,omitempty"`    // such as io.containerd.runc.v2
	Program       string   `json:"program,omitempty"` // as configured, else what Type stands for
	Shim          string   `json:"shim,omitempty"`    // program that containerd starts for it
	SystemdCgroup Answer   `json:"systemdCgroup,omitempty"`
	BaseSpec      string   `json:"baseSpec,omitempty"` // file that every container begins with
	BaseGone      bool     `json:"baseGone,omitempty"` // that file is not there
	Snapshotter   string   `json:"snapshotter,omitempty"`
	Path          string   `json:"path,omitempty"` // where it is configured
	Line          int      `json:"line,omitempty"`
	Binary        *Binary  `json:"binary,omitempty"` // what Program resolves to
	ShimBinary    *Binary  `json:"shimBinary,omitempty"`
	Features      []string `json:"features,omitempty"` // as the CRI tells them
}

// Registry is from where images are pulled.
type Registry struct {
	ConfigPath string         `json:"configPath,omitempty"` // folder of hosts.toml files
	Hosts      []RegistryHost `json:"hosts,omitempty"`
	Files      []Text         `json:"files,omitempty"` // hosts.toml, registries.conf; secrets replaced
	// Errors are files of it that cannot be read or do not parse.
	Errors []string `json:"errors,omitempty"`
}

// A RegistryHost is where a registry's images are really asked for.
type RegistryHost struct {
	Registry     string   `json:"registry"` // as in an image's name; _default for all
	Server       string   `json:"server,omitempty"`
	Mirror       string   `json:"mirror,omitempty"` // URL or host; "" of a plain server line
	Capabilities []string `json:"capabilities,omitempty"`
	SkipVerify   bool     `json:"skipVerify,omitempty"`
	Blocked      bool     `json:"blocked,omitempty"`
	CA           []string `json:"ca,omitempty"`
	Login        bool     `json:"login,omitempty"` // credentials stand there
	Path         string   `json:"path"`
	Line         int      `json:"line,omitempty"`
}

// A ProxyPlugin is a plugin of containerd behind a socket.
type ProxyPlugin struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Exists  bool   `json:"exists"`
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
}

// A RuntimeEndpoint is a socket on which a runtime is looked for.
type RuntimeEndpoint struct {
	Path      string   `json:"path"`
	From      []string `json:"from"` // who names it: kubelet, config, crictl, default
	Exists    bool     `json:"exists"`
	Socket    bool     `json:"socket,omitempty"` // it is one, and no file or folder
	Mode      uint32   `json:"mode,omitempty"`
	UID       uint32   `json:"uid,omitempty"`
	GID       uint32   `json:"gid,omitempty"`
	Listening bool     `json:"listening,omitempty"`
	PIDs      []int    `json:"pids,omitempty"` // that hold the listening socket open
	Processes []string `json:"processes,omitempty"`
}
