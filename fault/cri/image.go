package cri

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A Reference is the name of an image in its parts.
type Reference struct {
	Registry string // host, with a port where it has one
	Path     string // of the repository
	Tag      string
	Digest   string
}

// String is the whole name.
func (r Reference) String() string {
	s := r.Registry + "/" + r.Path
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// Repository is the name without tag and digest.
func (r Reference) Repository() string { return r.Registry + "/" + r.Path }

// Parse reads the name of an image as the kubelet and containerd do: without a
// registry it is docker.io's, there without a path it is library's, and without
// tag and digest it is "latest".
func Parse(image string) Reference {
	var r Reference
	image, r.Digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image, r.Tag = image[:i], image[i+1:]
	}
	first, rest, ok := strings.Cut(image, "/")
	switch {
	case ok && (strings.ContainsAny(first, ".:") || first == "localhost"):
		r.Registry, r.Path = first, rest
	case ok:
		r.Registry, r.Path = "docker.io", image
	default:
		r.Registry, r.Path = "docker.io", "library/"+image
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r
}

// Malformed says why no runtime takes the name of an image, or "": the grammar
// of github.com/distribution/reference.
func Malformed(image string) string {
	name, digest, _ := strings.Cut(image, "@")
	r := Parse(image)
	switch {
	case image == "":
		return "it is empty"
	case strings.TrimSpace(image) != image || strings.ContainsAny(image, " \t"):
		return "it has white space"
	case strings.Contains(name, "://"):
		return "it begins with a scheme"
	case strings.ToLower(r.Path) != r.Path:
		return "its repository has capital letters"
	case strings.HasSuffix(image, ":") || strings.HasSuffix(image, "@"):
		return "nothing follows the " + image[len(image)-1:]
	case strings.HasSuffix(r.Path, "/") || strings.Contains(r.Path, "//") || strings.HasPrefix(r.Path, "/"):
		return "a part of its path is empty"
	case len(r.Tag) > 128 || strings.ContainsFunc(r.Tag, func(c rune) bool { return !word(c) && c != '.' && c != '-' }):
		return "its tag has a character that tags have not"
	case strings.ContainsFunc(r.Path, func(c rune) bool { return !word(c) && !strings.ContainsRune("./-", c) }):
		return "its repository has a character that repositories have not"
	case digest != "" && !sum(digest):
		return "its digest is none"
	}
	return ""
}

func word(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func sum(digest string) bool {
	kind, hex, ok := strings.Cut(digest, ":")
	return ok && kind != "" && len(hex) >= 32 && strings.Trim(hex, "0123456789abcdef") == ""
}

// Local is the image of the node that a name leads to.
func Local(r *snapshot.Runtime, image string) (snapshot.Image, bool) {
	want := Parse(image)
	for _, i := range r.Images {
		if i.ID == image || slices.ContainsFunc(slices.Concat(i.Names, i.Digests), func(n string) bool {
			x := Parse(n)
			return x == want || want.Digest != "" && x.Repository() == want.Repository() && x.Digest == want.Digest
		}) {
			return i, true
		}
	}
	return snapshot.Image{}, false
}

// Kin are the names of the node's images that are of the same repository, or,
// where there is none, whose path ends alike.
func Kin(r *snapshot.Runtime, image string) []string {
	want := Parse(image)
	var same, alike []string
	for _, i := range r.Images {
		for _, n := range i.Names {
			switch x := Parse(n); {
			case x == want:
			case x.Repository() == want.Repository():
				same = append(same, n)
			case last(x.Path) == last(want.Path):
				alike = append(alike, n)
			}
		}
	}
	if len(same) > 0 {
		return same
	}
	return alike
}

func last(path string) string { return path[strings.LastIndex(path, "/")+1:] }
