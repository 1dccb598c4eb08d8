package snapshot

// Loader is what decides which libraries a program gets: ld.so(8), its cache,
// its variables, and the libraries that programs have loaded.
type Loader struct {
	// Preload are the words of /etc/ld.so.preload.
	Preload []LoaderEntry `json:"preload,omitempty"`
	// Folders are those that /etc/ld.so.conf and what it includes name.
	Folders []LoaderEntry `json:"folders,omitempty"`
	// Cached is how many entries /etc/ld.so.cache has; 0 when there is none.
	Cached int `json:"cached"`
	// Libraries are the entries of the cache that stand out: a core library
	// under any path, and every one that no package owns or that is not what
	// its package installed.
	Libraries []Library `json:"libraries,omitempty"`
	// Interpreters are the dynamic linkers themselves.
	Interpreters []Binary `json:"interpreters,omitempty"`
	// Variables are settings of LD_* anywhere: units, tables of cron, files
	// of the environment, running programs.
	Variables []LoaderEntry `json:"variables,omitempty"`
	// Mapped are the libraries without a package, or changed, that a program
	// of the node itself (of no container) has mapped to run.
	Mapped []Mapping `json:"mapped,omitempty"`
}

// A LoaderEntry is a line that tells the loader something.
type LoaderEntry struct {
	Value   string `json:"value"`
	Source  string `json:"source"`
	Line    int    `json:"line,omitempty"`
	PID     int    `json:"pid,omitempty"` // of a running program
	Package string `json:"package,omitempty"`
	Sum     string `json:"sum,omitempty"` // of Source: "same" as its package made it, "differs", or ""
	Exists  bool   `json:"exists,omitempty"`
	Owner   string `json:"owner,omitempty"` // package of the file or folder that Value names
}

// A Library is an entry of the loader's cache.
type Library struct {
	Name    string `json:"name"` // soname
	Path    string `json:"path"`
	Target  string `json:"target,omitempty"` // where its links lead
	Package string `json:"package,omitempty"`
	Sum     string `json:"sum,omitempty"` // "same" as its package made it, "differs", or ""
	First   bool   `json:"first"`         // the first of its name and kind: the one that programs get
	Core    bool   `json:"core,omitempty"`
	Missing bool   `json:"missing,omitempty"` // there is no such file
}

// A Mapping is a file that programs have mapped to run, from /proc/PID/maps.
type Mapping struct {
	Path    string `json:"path"`
	Deleted bool   `json:"deleted,omitempty"`
	Package string `json:"package,omitempty"`
	Sum     string `json:"sum,omitempty"`
	PIDs    []int  `json:"pids"`
	Name    string `json:"name"` // of the first of them
}
