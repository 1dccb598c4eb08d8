package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/guard/proc"
)

// smallPause is the time between two looks at what the kernel does not tell of.
const smallPause = 2 * time.Second

// smallKinds are the targets that are looked at again and again.
var smallKinds = []string{"sysctl", "group", "mount", "neighbour"}

// watchSmall looks at kernel parameters, limits of control groups, mounts and
// neighbours: files of the kernel that tell nobody of a change.
func (w *Watch) watchSmall(ctx context.Context) {
	list := w.of(smallKinds...)
	if len(list) == 0 {
		return
	}
	w.watched(len(list))
	w.work.Go(func() {
		known := map[string]smallLook{}
		for first := true; first || tick(ctx, smallPause); first = false {
			for _, t := range list {
				now, err := small(t)
				if err != nil {
					w.note("%s %s is not watched: %v", t.Kind, t.Name, err)
					continue
				}
				w.smallLook(t, now, known)
			}
		}
	})
}

// A smallLook is what was seen of a target last.
type smallLook struct {
	text string
	at   time.Time
}

// smallLook compares one with what it was.
func (w *Watch) smallLook(t Target, now string, known map[string]smallLook) {
	was, seen := known[t.Kind+" "+t.Name]
	known[t.Kind+" "+t.Name] = smallLook{now, time.Now()}
	if !seen || was.text == now {
		return
	}
	if w.repairing(was.at) {
		w.count(func(s *Summary) { s.Own++ })
		return
	}
	did := fmt.Sprintf("is %s, was %s", or(now, "gone"), or(was.text, "not there"))
	w.tell(Deed{At: time.Now().UTC(), Kind: t.Kind, What: t.Name, Did: did, Repair: t.Repair, Hand: w.smallHand(t, was.at), PutBack: t.Repair > 0 && t.Undo == or(now, "gone")})
}

func or(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}

// smallHand is who began lately and names it on the command line: the kernel
// does not say who wrote.
func (w *Watch) smallHand(t Target, since time.Time) Hand {
	words := t.words()
	list := w.ring.Since(since.Add(-namedFor), func(p proc.Process) bool {
		return p.PID != os.Getpid() && slices.ContainsFunc(p.Args[min(1, len(p.Args)):], func(a string) bool {
			return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(a, word) })
		})
	})
	if len(list) == 0 {
		return Hand{Process: nobody(0), Note: "the kernel does not say who, and no command that names it was seen"}
	}
	h := Hand{Process: nobody(0), Note: "the kernel does not say who; these name it, and ran then"}
	for _, p := range list {
		h = h.add(p)
	}
	return h
}

// words are what a command that changes the target names it by.
func (t Target) words() []string {
	switch t.Kind {
	case "sysctl":
		path := strings.TrimPrefix(t.Key, "/proc/sys/")
		return []string{t.Key, path, strings.ReplaceAll(path, "/", "."), t.Name}
	case "neighbour":
		address, _, _ := strings.Cut(t.Name, " ")
		return []string{address}
	}
	return []string{or(t.Key, t.Name)}
}

// maxSmall bounds what is read of one file of the kernel.
const maxSmall = 1 << 20

// small is how a target stands; "" for one that is not there.
func small(t Target) (string, error) {
	path := t.Key
	switch t.Kind {
	case "mount":
		path = "/proc/self/mountinfo"
	case "neighbour":
		path = "/proc/net/arp"
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case len(data) > maxSmall:
		return "", fmt.Errorf("cannot read %s: it is too long", path)
	}
	switch t.Kind {
	case "mount":
		return mounted(data, t.Name), nil
	case "neighbour":
		return arp(data, t.Name), nil
	}
	return strings.Join(strings.Fields(string(data)), " "), nil
}

// mounted is what is mounted last at a path, of /proc/PID/mountinfo: its file
// system and where that is from.
func mounted(table []byte, path string) (what string) {
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		i := slices.Index(f, "-")
		if len(f) > 5 && i > 5 && len(f) > i+2 && unescape(f[4]) == filepath.Clean(path) {
			what = fmt.Sprintf("%s of %s (%s)", f[i+1], f[i+2], f[5])
		}
	}
	return what
}

// unescape reads the octal escapes of mountinfo.
func unescape(s string) string {
	for code, c := range map[string]string{`\040`: " ", `\011`: "\t", `\012`: "\n", `\134`: `\`} {
		s = strings.ReplaceAll(s, code, c)
	}
	return s
}

// arp is the hardware address of a neighbour, "ADDRESS ... dev LINK", of
// /proc/net/arp, when it is a fixed one: others come and go by themselves.
func arp(table []byte, name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return ""
	}
	dev := ""
	if i := slices.Index(words, "dev"); i >= 0 && i+1 < len(words) {
		dev = words[i+1]
	}
	for line := range bytes.Lines(table) {
		const permanent = "0x6" // ATF_COM and ATF_PERM
		if f := strings.Fields(string(line)); len(f) == 6 && f[0] == words[0] && f[2] == permanent && (dev == "" || f[5] == dev) {
			return "permanent " + f[3]
		}
	}
	return ""
}
