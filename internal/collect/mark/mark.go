// Package mark says what a command does that is worth a second look: where it
// fetches code, what it touches, what it hides from the eye. It judges nothing:
// most of it is an administrator's daily work too.
package mark

import (
	"regexp"
	"slices"
	"strings"
)

// The marks of a command's text.
const (
	FetchToShell = "fetch-to-shell" // downloads and hands over to an interpreter
	Decodes      = "decodes"        // base64, xxd or openssl turn text into more text
	DevTCP       = "dev-tcp"        // a shell's own network connection
	TempPath     = "temp-path"      // a path below a folder that anyone can write
	DotPath      = "dot-path"       // a file or folder whose name begins with a dot
	KubeTool     = "kube-tool"      // a command that changes a cluster or its containers
	KubePath     = "kube-path"      // files of Kubernetes, its store or its runtime
	NetworkTool  = "network-tool"   // packet filters, queues, routes, links
	CgroupPath   = "cgroup-path"    // control groups
	Mounts       = "mounts"         // bind mounts and remounts
	Attributes   = "attributes"     // chattr, setfattr, setcap
	Locks        = "locks"          // flock
	Signals      = "signals"        // stops or kills processes
	Limits       = "limits"         // prlimit, ulimit, renice, cpulimit
	Units        = "units"          // systemctl stop, mask, disable
	Evidence     = "evidence"       // logs and histories removed, times set
	HiddenCR     = "hidden-cr"      // a carriage return within a line
	HiddenNUL    = "hidden-nul"
	HiddenSpace  = "hidden-space" // more than 80 blanks in a row
	HiddenBidi   = "hidden-bidi"  // marks that turn or join what is shown, or are not shown
	NonASCII     = "non-ascii"    // letters of other alphabets that look like ASCII ones
)

// shown is how much of a text is looked at, in bytes.
const shown = 64 << 10

// A rule is a mark and what it is recognised by. A pattern is tried only where
// one of the words is in the text.
type rule struct {
	name    string
	words   []string
	pattern *regexp.Regexp // nil: the words suffice
}

// word makes a pattern of command names: they stand where a word begins and ends.
func word(names string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[\s;&|(){}` + "`" + `"'/=!@:+-])(?:` + names + `)(?:$|[\s;&|(){}` + "`" + `"'<>=])`)
}

var rules = []rule{
	{FetchToShell, []string{"curl", "wget", "fetch", "nc ", "ncat", "/dev/tcp"}, regexp.MustCompile(
		`(?s)(?:curl|wget|fetch|ncat|nc|/dev/tcp)\b[^;\n]*\|\s*(?:sudo\s+)?(?:/\S*/)?(?:ba|da|z|k|a)?sh\b|(?:curl|wget|fetch|ncat|nc|/dev/tcp)\b[^;\n]*\|\s*(?:sudo\s+)?(?:/\S*/)?(?:python|perl|ruby|node|php)|(?:sh|bash|eval|source|\.)\s[^\n]*(?:<\(|\$\(|` + "`" + `)\s*(?:curl|wget)`)},
	{Decodes, []string{"base64", "base32", "xxd", "openssl", "uudecode", "unhex"}, regexp.MustCompile(
		`base(?:64|32)\s+(?:-\S+\s+)*(?:-[a-zA-Z]*[dD]|--decode)|xxd\s+(?:-\S+\s+)*-\S*r|openssl\s+(?:enc|base64)[^\n|;]*\s-d|uudecode|b64decode|unhexlify`)},
	{DevTCP, []string{"/dev/tcp/", "/dev/udp/"}, nil},
	{TempPath, []string{"/tmp", "/dev/shm", "/run/user", "/media", "/run/shm"}, regexp.MustCompile(`(?:^|[^\w.-])(?:/var)?/tmp(?:$|[/:\s"';)])|/dev/shm(?:$|[/:\s"';)])|/run/(?:user|shm)/|(?:^|[\s"'=])/media/`)},
	{DotPath, []string{"/."}, regexp.MustCompile(`/\.[^./\s"'*$][^\s"']*|/\.\.\.`)},
	{KubeTool, []string{"kube", "crictl", "ctr", "nerdctl", "etcd", "helm", "docker", "podman"}, word(`kubectl|kubeadm|crictl|ctr|nerdctl|etcdctl|etcdutl|helm|docker|podman|k3s`)},
	{KubePath, []string{"/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/etc/cni", "/opt/cni", "/etc/containerd", "/run/containerd", "/var/lib/containerd", "/etc/crio", "/run/crio", "/.kube"}, nil},
	{NetworkTool, []string{"table", "nft", "tc", "ip", "conntrack", "ethtool", "ufw", "firewall", "bridge"}, word(`ip6?tables(?:-(?:nft|legacy))?(?:-(?:save|restore|apply))?|x?tables|[ae][rb][pb]?tables|nft|tc|conntrack|ipset|ipvsadm|ethtool|ufw|firewall-cmd|ip\s+(?:-\S+\s+)*(?:link|route|rule|addr|address|neigh|netns|xfrm)|bridge\s+(?:link|fdb|vlan)`)},
	{CgroupPath, []string{"/sys/fs/cgroup", "cgcreate", "cgexec", "cgset", "cgclassify"}, nil},
	{Mounts, []string{"mount", "pivot_root"}, regexp.MustCompile(`\bmount\s[^\n;|]*(?:--r?bind|--move|--make-|\bbind\b|remount|-B\b|-o\s*\S*ro\b)|\bumount\b|\bpivot_root\b|\bmount\s+(?:-\S+\s+)*-t\s+(?:tmpfs|overlay)`)},
	{Attributes, []string{"chattr", "setfattr", "setcap", "setfacl"}, word(`chattr|setfattr|setcap|setfacl`)},
	{Locks, []string{"flock"}, word(`flock|lockfile`)},
	{Signals, []string{"kill"}, regexp.MustCompile(`\b(?:p|sky|sn)?kill(?:all5?)?\s`)},
	{Limits, []string{"limit", "nice", "taskset", "chrt"}, word(`prlimit|ulimit|cpulimit|renice|ionice|taskset|chrt`)},
	{Units, []string{"systemctl", "service "}, regexp.MustCompile(`\bsystemctl\s+(?:-\S+\s+)*(?:stop|kill|mask|disable|restart|revert|set-property|edit|link|daemon-reload|isolate|freeze)|\bservice\s+\S+\s+(?:stop|restart)`)},
	{Evidence, []string{"hist", "HIST", "touch", "/var/log", "shred", "journalctl", "auditctl", "dmesg"}, regexp.MustCompile(
		`\bhistory\s+-[a-z]*[cwd]|HIST(?:FILE|SIZE|FILESIZE)=|\btouch\s+(?:-\S+\s+)*-[a-z]*[rdt]\b|(?:rm|truncate|shred|>|unlink)\s[^\n;|]*/var/log|journalctl\s+--(?:vacuum|rotate|flush)|auditctl\s+-(?:D|e)|dmesg\s+-[cC]\b|\bshred\b`)},
}

// Of are the marks of a text, in a fixed order.
func Of(text string) []string {
	if len(text) > shown {
		text = text[:shown]
	}
	var out []string
	for _, r := range rules {
		if slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(text, w) }) && (r.pattern == nil || r.pattern.MatchString(text)) {
			out = append(out, r.name)
		}
	}
	return append(out, hidden(text)...)
}

// hidden are the marks of what an eye does not see in a terminal.
func hidden(text string) []string {
	var out []string
	add := func(name string, is bool) {
		if is {
			out = append(out, name)
		}
	}
	rest := strings.ReplaceAll(strings.TrimSuffix(text, "\r"), "\r\n", "\n")
	add(HiddenCR, strings.Contains(rest, "\r"))
	add(HiddenNUL, strings.Contains(text, "\x00"))
	add(HiddenSpace, blanks(text) > 80)
	bidi, other := letters(text)
	add(HiddenBidi, bidi)
	add(NonASCII, other)
	return out
}

// blanks is the length of the longest run of blanks that something follows on
// the same line. A tab counts as eight.
func blanks(text string) int {
	longest, run := 0, 0
	for i := range len(text) {
		switch text[i] {
		case ' ':
			run++
		case '\t':
			run += 8
		case '\n':
			run = 0
		default:
			longest, run = max(longest, run), 0
		}
	}
	return longest
}

// letters reports whether text holds characters that turn or join what is
// shown or have no width, and whether a word mixes ASCII with letters that
// look like it: Greek, Cyrillic, Armenian, Cherokee, full width, mathematical.
func letters(text string) (bidi, confusable bool) {
	ascii, other := false, false
	for _, r := range text {
		switch {
		case r < 0x80:
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				ascii = true
			} else if r == ' ' || r == '\n' || r == '\t' {
				ascii, other = false, false
			}
		case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2069, r == 0xfeff, r == 0xad, r == 0x61c, r >= 0xe0000 && r <= 0xe007f:
			bidi = true
		case r >= 0x370 && r <= 0x58f, r >= 0x13a0 && r <= 0x13ff, r >= 0x2000 && r <= 0x200a, r >= 0xff01 && r <= 0xff5e, r >= 0x1d400 && r <= 0x1d7ff, r == 0xa0, r == 0x3000:
			other = true
		}
		confusable = confusable || other && ascii || r == 0xa0
	}
	return bidi, confusable
}
