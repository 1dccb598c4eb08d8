package snapshot

// Modules are the kernel's modules: what is loaded, what each source shows,
// what Kubernetes needs, and what the files say of loading.
type Modules struct {
	Release   string `json:"release,omitempty"`  // of the running kernel
	Supported bool   `json:"supported"`          // this kernel loads modules
	Disabled  bool   `json:"disabled,omitempty"` // kernel.modules_disabled: nothing more can be loaded
	Dir       string `json:"dir,omitempty"`      // /lib/modules/RELEASE, when it is there
	// Loaded are the lines of /proc/modules, by name.
	Loaded []Module `json:"loaded,omitempty"`
	// Odd are modules that one source of the kernel shows and another does
	// not.
	Odd []OddModule `json:"odd,omitempty"`
	// Needed are the modules that Kubernetes, its runtime and the usual pod
	// networks rely on.
	Needed []NeededModule `json:"needed"`
	// Foreign are the modules that modules.dep lists outside kernel/: extra,
	// updates.
	Foreign []string `json:"foreign,omitempty"`
	// Lines are those of modprobe.d(5), modules-load.d(5) and of the kernel's
	// command line, in the order read.
	Lines []ModuleLine `json:"lines,omitempty"`
	// Files are those of modprobe.d with a line that keeps a needed module
	// from being loaded.
	Files []Text `json:"files,omitempty"`
}

// A Module is a line of /proc/modules.
type Module struct {
	Name   string   `json:"name"`
	Size   uint64   `json:"size"`
	Refs   int      `json:"refs" diff:"-"`
	UsedBy []string `json:"usedBy,omitempty"`
	State  string   `json:"state"`           // Live, Loading, Unloading
	Taint  string   `json:"taint,omitempty"` // letters, such as OE
}

// An OddModule is shown by some of /proc/modules, /sys/module (with initstate)
// and /proc/kallsyms alone.
type OddModule struct {
	Name    string   `json:"name"`
	Shown   []string `json:"shown"`
	Missing []string `json:"missing"`
}

// A NeededModule is a module that something needs.
type NeededModule struct {
	Name string `json:"name"`
	// State is loaded, builtin, available (File can be loaded), listed
	// (modules.dep names File, and it is not there), absent (the modules of
	// this kernel are there and it is not among them), or unknown.
	State  string `json:"state"`
	Source string `json:"source,omitempty"` // where the state was seen
	File   string `json:"file,omitempty"`
}

// A ModuleLine says how a module is loaded or kept from it.
type ModuleLine struct {
	Kind   string `json:"kind"` // blacklist, install, remove, alias, options, softdep, load
	Module string `json:"module"`
	Value  string `json:"value,omitempty"` // the command, the name that is an alias, the options
	File   string `json:"file"`
	Line   int    `json:"line"`
	Raw    string `json:"raw"`
}

// NeededModule returns the needed module of that name.
func (m *Modules) NeededModule(name string) (NeededModule, bool) {
	for _, x := range m.Needed {
		if x.Name == name {
			return x, true
		}
	}
	return NeededModule{}, false
}
