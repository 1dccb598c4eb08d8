// Package certs finds, in what the PKI section says of pairs of files, which
// certificate is shown to whom, and plans that one is made anew.
package certs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Uses are the sections that sharpen what is said of certificates.
var Uses = []snapshot.Section{snapshot.SectionKubeconfigs, snapshot.SectionStatic, snapshot.SectionRuntime, snapshot.SectionKubelet, snapshot.SectionClock}

// A Use is a certificate with all the ways in which it is shown.
type Use struct {
	Cert  string // file, or FILE#users/NAME of what is embedded in a kubeconfig
	Edges []snapshot.Edge
}

// InUse returns every certificate that is shown to someone, or that a server
// loads, in the order in which the evidence names them.
func InUse(s *snapshot.Snapshot) []Use {
	var out []Use
	for _, e := range s.PKI.Edges {
		if e.Checks == snapshot.EdgeSigning || e.Cert == "" || strings.HasPrefix(e.Client, "signed by ") {
			continue
		}
		i := slices.IndexFunc(out, func(u Use) bool { return u.Cert == e.Cert })
		if i < 0 {
			out, i = append(out, Use{Cert: e.Cert}), len(out)
		}
		out[i].Edges = append(out[i].Edges, e)
	}
	return out
}

// Find returns the use of that certificate.
func Find(s *snapshot.Snapshot, cert string) (Use, bool) {
	for _, u := range InUse(s) {
		if u.Cert == cert {
			return u, true
		}
	}
	return Use{}, false
}

// Split returns the file of a certificate and, of one that is embedded, the
// name of the kubeconfig's user or cluster.
func Split(cert string) (file, entry string) {
	file, entry, _ = strings.Cut(cert, "#")
	_, entry, _ = strings.Cut(entry, "/")
	return file, entry
}

// Leaf is the first certificate of a file or of an entry of a kubeconfig.
func Leaf(s *snapshot.Snapshot, cert string) (snapshot.Certificate, bool) {
	for _, c := range s.PKI.Certificates {
		if c.Path == cert && c.Error == "" {
			return c, true
		}
	}
	for _, u := range InUse(s) { // one outside of what is listed
		if e := u.Edges[0]; u.Cert == cert && e.SHA256 != "" {
			return snapshot.Certificate{Path: cert, Subject: e.Subject, Issuer: e.Issuer, NotBefore: e.NotBefore, NotAfter: e.NotAfter, SHA256: e.SHA256}, true
		}
	}
	return snapshot.Certificate{}, false
}

// File is what is known of a file of PEM.
func File(s *snapshot.Snapshot, name string) (snapshot.PEMFile, bool) {
	for _, f := range s.PKI.Files {
		if f.Path == name {
			return f, true
		}
	}
	return snapshot.PEMFile{}, false
}

// Owner is the component that shows the certificate.
func (u Use) Owner() string {
	e := u.Edges[0]
	if e.Checks == snapshot.EdgeClient {
		return e.Client
	}
	return e.Server
}

// Others are those to whom it is shown.
func (u Use) Others() []string {
	var out []string
	for _, e := range u.Edges {
		other := e.Client
		if e.Checks == snapshot.EdgeClient {
			other = e.Server
		}
		if other != u.Owner() && !slices.Contains(out, other) {
			out = append(out, other)
		}
	}
	return out
}

// Bad are the edges for which bad holds.
func (u Use) Bad(bad func(snapshot.Edge) bool) []snapshot.Edge {
	return slices.DeleteFunc(slices.Clone(u.Edges), func(e snapshot.Edge) bool { return !bad(e) })
}

// Role says what the certificate is: "the server certificate of etcd".
func (u Use) Role() string {
	e := u.Edges[0]
	switch {
	case strings.HasPrefix(u.Owner(), "/"):
		return "the client certificate in " + u.Owner()
	case e.Checks == snapshot.EdgeClient:
		to := e.Server
		if to == "aggregated" {
			to = "aggregated API servers"
		}
		return fmt.Sprintf("the client certificate that %s shows to %s", e.Client, to)
	}
	if e.Checks == snapshot.EdgePair && e.Server == "kube-controller-manager" {
		return "the authority with which kube-controller-manager signs"
	}
	return "the server certificate of " + e.Server
}

// Subject is the certificate as what a finding is about.
func (u Use) Subject() finding.Subject { return finding.Subject{Kind: "certificate", Name: u.Cert} }

// Place splits FILE:LINE.
func Place(from string) (file string, line int) {
	i := strings.LastIndexByte(from, ':')
	if i < 0 {
		return from, 0
	}
	line, err := strconv.Atoi(from[i+1:])
	if err != nil {
		return from, 0
	}
	return from[:i], line
}

// Facts say who names the certificate, and to whom it is shown in vain.
func (u Use) Facts(bad []snapshot.Edge) []finding.Fact {
	var out []finding.Fact
	add := func(f finding.Fact) {
		if f.Source != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, e := range u.Edges {
		file, line := Place(e.CertFrom)
		add(finding.Fact{Source: file, Line: line, Got: u.Owner() + " shows " + u.Cert})
	}
	for _, e := range bad {
		file, line := Place(cmp.Or(e.CAFrom, e.CertFrom))
		who := e.Server
		if e.Checks == snapshot.EdgeServer {
			who = e.Client
		}
		if e.Checks != snapshot.EdgePair {
			add(finding.Fact{Source: cmp.Or(file, e.CA), Line: line, Got: fmt.Sprintf("%s, which goes by %s, refuses it: %s", who, cmp.Or(e.CA, "the certificate itself"), e.Refused())})
		}
	}
	return out
}

// Commands show the certificate by hand.
func (u Use) Commands() []string {
	return Show(u.Cert)
}

// Show are the commands that show a certificate by hand.
func Show(cert string) []string {
	const text = "openssl x509 -noout -subject -issuer -dates -ext subjectAltName,extendedKeyUsage"
	file, entry := Split(cert)
	if entry == "" {
		return []string{text + " -in " + file}
	}
	key := "client-certificate-data"
	if strings.Contains(cert, "#clusters/") {
		key = "certificate-authority-data"
	}
	return []string{fmt.Sprintf("grep %s %s | awk '{print $2}' | base64 -d | %s", key, file, text)}
}

// Foreign reports whether none of the private files that a manifest names
// belongs to a user or its group: then the user is wrong, and no file is.
func Foreign(s *snapshot.Snapshot, manifest string, uid, gid int64) bool {
	foreign := false
	for _, f := range s.PKI.Files {
		named := slices.ContainsFunc(f.UsedBy, func(from string) bool {
			file, _ := Place(from)
			return file == manifest
		})
		if !named || f.Error != "" || f.Link != "" || f.Mode&0o007 != 0 {
			continue
		}
		if int64(f.UID) == uid || gid > 0 && int64(f.GID) == gid {
			return false
		}
		foreign = true
	}
	return foreign
}

// Time writes a moment for people.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// far is by how much two clocks may differ for other reasons.
const far = time.Hour

// ClockWrong reports whether others say that the node's clock is wrong by so
// much that it, and no certificate, is what is not in its time.
func ClockWrong(s *snapshot.Snapshot) bool {
	if s.Clock == nil {
		return false
	}
	for _, p := range s.Clock.Peers {
		if p.Time.Sub(p.At).Abs() > far {
			return true
		}
	}
	for _, r := range s.Clock.RTCs {
		if r.Ahead > (24*time.Hour).Seconds() || r.Ahead < -(24*time.Hour).Seconds() {
			return true
		}
	}
	return false
}
