package login

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// libraries are where modules of PAM and of the name services lie.
var libraries = []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/x86_64-linux-gnu", "/lib64", "/lib", "/usr/local/lib"}

// runs are modules that run a program, let everyone in, or read variables.
var runs = []string{"pam_exec.so", "pam_permit.so", "pam_script.so", "pam_python.so", "pam_env.so", "pam_succeed_if.so", "pam_rootok.so", "pam_debug.so", "pam_nologin.so", "pam_motd.so", "pam_unix.so"}

// pam are the rules of /etc/pam.d that stand out: in a file that is not its
// package's, or of a module of no package, or of one that runs something.
func pam(e *source.Env) []snapshot.PAMRule {
	var out []snapshot.PAMRule
	modules := map[string]snapshot.PAMRule{}
	dirs := []string{"/etc/pam.d/*", "/usr/lib/pam.d/*", "/etc/pam.conf"}
	for _, g := range dirs {
		for _, file := range e.Glob(g) {
			own := e.Origin(file).Own()
			for _, r := range parsePAM(text(e, file), file) {
				m, ok := modules[r.Module]
				if !ok {
					m.Path, m.Package, m.Sum = module(e, r.Module)
					modules[r.Module] = m
				}
				r.Path, r.Package, r.Sum, r.Own = m.Path, m.Package, m.Sum, own
				strange := r.Module != "" && (m.Package == "" || m.Sum == "differs")
				if (!own || strange || slices.Contains(runs[:4], path.Base(r.Module))) && len(out) < maxKept {
					out = append(out, r)
				}
			}
		}
	}
	return out
}

// module finds a module's file and owner.
func module(e *source.Env, name string) (file, owner, sum string) {
	if name == "" {
		return "", "", ""
	}
	names := []string{name}
	if !strings.HasPrefix(name, "/") {
		names = nil
		for _, dir := range libraries {
			names = append(names, path.Join(dir, "security", name))
		}
	}
	for _, n := range names {
		if b, err := e.Program(n); err == nil {
			return n, b.Package, b.PackageSum
		}
	}
	return "", "", ""
}

// parsePAM reads pam.d(5): type, control, module, arguments. Of pam.conf the
// service comes first.
func parsePAM(data, file string) []snapshot.PAMRule {
	var out []snapshot.PAMRule
	joined(data, func(line string, n int) {
		r := snapshot.PAMRule{Service: path.Base(file), Source: file, Line: n}
		if strings.HasSuffix(file, "/pam.conf") {
			w := strings.Fields(line)
			r.Service, line = w[0], strings.TrimSpace(strings.TrimPrefix(line, w[0]))
		}
		if rest, ok := strings.CutPrefix(line, "@include"); ok {
			r.Control, r.Args = "@include", strings.TrimSpace(rest)
			out = append(out, r)
			return
		}
		typ, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		r.Type = typ
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			i := strings.IndexByte(rest, ']')
			if i < 0 {
				return
			}
			r.Control, rest = rest[:i+1], rest[i+1:]
		} else {
			r.Control, rest, _ = strings.Cut(rest, " ")
		}
		m, args, _ := strings.Cut(strings.TrimSpace(rest), " ")
		r.Args = secret.Scrub(strings.TrimSpace(args))
		if r.Control == "include" || r.Control == "substack" {
			r.Args = m
		} else {
			r.Module = m
		}
		out = append(out, r)
	})
	return out[:min(len(out), 1000)]
}

// nss are the services of /etc/nsswitch.conf with their libraries.
func nss(e *source.Env) []snapshot.NSSModule {
	out := parseNSS(text(e, "/etc/nsswitch.conf"))
	for i := range out {
		for _, dir := range libraries {
			name := path.Join(dir, "libnss_"+out[i].Name+".so.2")
			if b, err := e.Program(name); err == nil {
				out[i].Path, out[i].Package, out[i].Sum = name, b.Package, b.PackageSum
				break
			}
		}
	}
	return out
}

// parseNSS reads the services of each database, reactions in brackets left
// out.
func parseNSS(data string) []snapshot.NSSModule {
	var out []snapshot.NSSModule
	for n, line := range strings.Split(data, "\n") {
		line, _, _ = strings.Cut(line, "#")
		db, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		within := false
		for _, w := range strings.Fields(strings.NewReplacer("[", " [ ", "]", " ] ").Replace(rest)) {
			switch {
			case w == "[":
				within = true
			case w == "]":
				within = false
			case !within && !strings.Contains(w, "/") && len(out) < maxKept:
				out = append(out, snapshot.NSSModule{Database: strings.TrimSpace(db), Name: w, Line: n + 1})
			}
		}
	}
	return out
}

// authorityDirs hold certificates that update-ca-certificates and its like
// take in, and those that programs trust.
var authorityDirs = []string{"/usr/local/share/ca-certificates/*", "/usr/local/share/ca-certificates/*/*", "/etc/ssl/certs/*", "/etc/pki/ca-trust/source/anchors/*", "/usr/share/ca-certificates/*"}

// bundle is the file that most programs read.
const bundle = "/etc/ssl/certs/ca-certificates.crt"

// authorities are the certificates that are trusted and that no package
// brought.
func authorities(e *source.Env) []snapshot.Authority {
	var out []snapshot.Authority
	known, seen := map[string]bool{}, map[string]bool{}
	for _, f := range e.Glob("/usr/share/ca-certificates/*/*") {
		if e.PackageOwner(f) != "" {
			for _, der := range certificates(e, f) {
				known[sum(der)] = true
			}
		}
	}
	files := []string{bundle, "/etc/pki/tls/certs/ca-bundle.crt"}
	for _, g := range authorityDirs {
		files = append(files, e.Glob(g)...)
	}
	for _, f := range files {
		real := e.Resolve(f)
		if seen[real] || e.PackageOwner(real) != "" {
			continue
		}
		seen[real] = true
		for _, der := range certificates(e, f) {
			id := sum(der)
			if known[id] || len(out) >= maxKept {
				continue
			}
			known[id] = true
			a := snapshot.Authority{SHA256: id, Source: f}
			if c, err := x509.ParseCertificate(der); err == nil {
				a.Subject, a.NotAfter = c.Subject.String(), c.NotAfter.UTC()
			} else {
				a.Subject = fmt.Sprintf("cannot be read: %v", err)
			}
			out = append(out, a)
		}
	}
	return out
}

func sum(der []byte) string {
	s := sha256.Sum256(der)
	return hex.EncodeToString(s[:])
}

// certificates are those of a PEM file.
func certificates(e *source.Env, name string) [][]byte {
	data, err := e.ReadFile(name)
	if err != nil {
		return nil
	}
	var out [][]byte
	for len(out) < 1000 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE" {
			out = append(out, block.Bytes)
		}
	}
	return out
}
