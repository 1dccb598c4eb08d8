package snapshot

import "time"

// Shell is what a shell of the operator reads before its first prompt, and
// what shells that run now have in their environment.
type Shell struct {
	// Files are the startup files that exist, and those that they source.
	Files []ShellFile `json:"files"`
	// Entries are the lines of them that change what a typed command does.
	Entries []ShellEntry `json:"entries"`
	// Histories are the history files of root and human users.
	Histories []History `json:"histories,omitempty"`
	// Running are shells that run now and the programs that klustered was
	// started from.
	Running []Environ `json:"running,omitempty"`
}

// A ShellFile is a file that a shell, an editor, readline, PAM or systemd
// reads to set up a user's session.
type ShellFile struct {
	Path     string    `json:"path"`
	Reader   string    `json:"reader"`           // sh, zsh, fish, csh, readline, vim, nano, environment, ssh, motd, tmux, screen, direnv
	User     string    `json:"user"`             // whose session, "*" for all
	From     string    `json:"from,omitempty"`   // path:line that sources it, or includes it
	Target   string    `json:"target,omitempty"` // where links lead
	Package  string    `json:"package,omitempty"`
	Sum      string    `json:"sum,omitempty"` // "same" as its package made it, "differs", or ""
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Mode     uint32    `json:"mode"`
	UID      uint32    `json:"uid"`
	Modified time.Time `json:"modified,omitzero"`
	Fixed    bool      `json:"fixed,omitempty"` // chattr +i or +a
	GID      uint32    `json:"gid,omitempty"`
	// Content is what it holds, unless that is long, or for no shell and as
	// its package made it; secrets replaced.
	Content string `json:"content,omitempty"`
}

// Text is the file as a plan can change it: whole when Content is.
func (f ShellFile) Text() Text {
	t := Text{Path: f.Path, Mode: f.Mode, UID: f.UID, GID: f.GID, Size: f.Size, Modified: f.Modified, SHA256: f.SHA256, Content: f.Content, Immutable: f.Fixed}
	if f.Target != "" {
		t.Path = f.Target
	}
	return t
}

// File returns the file of that path.
func (s *Shell) File(path string) (ShellFile, bool) {
	for _, f := range s.Files {
		if f.Path == path {
			return f, true
		}
	}
	return ShellFile{}, false
}

// A ShellEntry is one line that changes the session.
type ShellEntry struct {
	// Kind is alias, function, exported-function, variable, path, prompt,
	// trap, source, option, exec, binding, history, completion, command,
	// editor.
	Kind   string   `json:"kind"`
	Name   string   `json:"name"`
	Value  string   `json:"value,omitempty"` // secrets replaced
	Source string   `json:"source"`
	Line   int      `json:"line"`
	User   string   `json:"user"`
	Own    bool     `json:"own,omitempty"`   // the file is as its package made it
	Maybe  bool     `json:"maybe,omitempty"` // within a condition or a function
	Export bool     `json:"export,omitempty"`
	Marks  []string `json:"marks,omitempty"`
}

// A History is a file that keeps what was typed.
type History struct {
	Path     string    `json:"path"`
	User     string    `json:"user"`
	Link     string    `json:"link,omitempty"` // target, when it is a symbolic link
	Size     int64     `json:"size"`           // bytes
	Modified time.Time `json:"modified,omitzero"`
	Fixed    bool      `json:"fixed,omitempty"` // chattr +i or +a
}

// An Environ is what stands out in /proc/PID/environ. It is what the program
// was started with, and not what it has set since.
type Environ struct {
	PID       int      `json:"pid"`
	Name      string   `json:"name"`
	Why       string   `json:"why"`                 // shell, ancestor, service
	Variables []string `json:"variables,omitempty"` // NAME=value, secrets replaced
	Marks     []string `json:"marks,omitempty"`
}
