package snapshot

// Kernel is the running kernel: how it was started, what it forbids, and which
// programs it runs by itself.
type Kernel struct {
	Release string     `json:"release,omitempty"` // uname -r
	Version string     `json:"version,omitempty"` // uname -v
	Machine string     `json:"machine,omitempty"` // uname -m
	BootID  string     `json:"bootID,omitempty" diff:"-"`
	Cmdline string     `json:"cmdline,omitempty"` // /proc/cmdline, secrets replaced
	Boot    []BootArgs `json:"boot,omitempty"`    // what the boot loader's files say
	Taints  []Taint    `json:"taints,omitempty"`
	Invoked []Invoked  `json:"invoked,omitempty"`
	LSM     LSM        `json:"lsm,omitzero"`
}

// BootArgs are the kernel's arguments of one line of a boot loader's file, and
// how the running kernel's differ.
type BootArgs struct {
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Kernel  string   `json:"kernel,omitempty"`  // the image, where the file names it
	Args    string   `json:"args"`              // secrets replaced
	Missing []string `json:"missing,omitempty"` // of the file, which the running kernel was not given
	Extra   []string `json:"extra,omitempty"`   // of the running kernel, which the file does not give; only where the file gives all
}

// A Taint is a bit of /proc/sys/kernel/tainted, of
// Documentation/admin-guide/tainted-kernels.rst.
type Taint struct {
	Bit    int    `json:"bit"`
	Letter string `json:"letter"`
	Reason string `json:"reason"`
}

// An Invoked is a program that the kernel runs by itself on an event.
type Invoked struct {
	// What is core, modprobe, hotplug, uevent, poweroff, release (of a control
	// group), binfmt.
	What    string  `json:"what"`
	Source  string  `json:"source"`
	Value   string  `json:"value"`
	Program *Binary `json:"program,omitempty"` // when Value names one
	Detail  string  `json:"detail,omitempty"`  // binfmt: flags, magic or extension
	Enabled bool    `json:"enabled"`
}

// LSM is what the Linux security modules say.
type LSM struct {
	Active   []string          `json:"active,omitempty"`   // /sys/kernel/security/lsm
	Lockdown string            `json:"lockdown,omitempty"` // none, integrity, confidentiality
	SELinux  string            `json:"selinux,omitempty"`  // enforcing, permissive; "" when it is off
	SEConfig *SysctlLine       `json:"seConfig,omitempty"` // SELINUX= of /etc/selinux/config
	AppArmor bool              `json:"apparmor,omitempty"` // it is enabled in the kernel
	Profiles []AppArmorProfile `json:"profiles,omitempty"` // loaded ones
	Files    []AppArmorFile    `json:"files,omitempty"`    // profiles of /etc/apparmor.d
	Disabled []string          `json:"disabled,omitempty"` // links in /etc/apparmor.d/disable
	Confined []Confinement     `json:"confined,omitempty"` // components and what holds them
}

// An AppArmorProfile is a line of /sys/kernel/security/apparmor/profiles.
type AppArmorProfile struct {
	Name string `json:"name"`
	Mode string `json:"mode"` // enforce, complain, kill, unconfined
}

// An AppArmorFile is the head of a profile in a file.
type AppArmorFile struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Name    string `json:"name"`
	Attach  string `json:"attach,omitempty"` // the program that it is for
	Flags   string `json:"flags,omitempty"`
	Package string `json:"package,omitempty"`
}

// A Confinement is what holds a process of a component.
type Confinement struct {
	Name       string `json:"name"`
	PID        int    `json:"pid" diff:"-"`
	Label      string `json:"label,omitempty"` // /proc/PID/attr/current
	Seccomp    int    `json:"seccomp"`         // 0 none, 1 strict, 2 filter
	Filters    int    `json:"filters,omitempty"`
	NoNewPrivs bool   `json:"noNewPrivs,omitempty"`
}
