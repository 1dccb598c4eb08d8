package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const kubernetesModule = "k8s.io/kubernetes"

var versionForm = regexp.MustCompile(`^v?1\.(\d+)(?:\.(\d+))?$`)

// Resolve gives the full version that a user's words ask for: "" is KubernetesVersion,
// "v1.36" the newest patch of that minor that the module proxy has, "v1.36.1" itself.
func Resolve(ctx context.Context, cache, asked string) (string, error) {
	if asked == "" {
		return KubernetesVersion, nil
	}
	m := versionForm.FindStringSubmatch(asked)
	if m == nil {
		return "", fmt.Errorf("cannot read Kubernetes version %q: want one like v1.36 or v1.36.1", asked)
	}
	if m[2] != "" {
		return "v1." + m[1] + "." + m[2], nil
	}
	if strings.HasPrefix(KubernetesVersion, "v1."+m[1]+".") {
		return KubernetesVersion, nil
	}
	return newestPatch(ctx, cache, m[1])
}

// newestPatch asks the module proxy once and keeps the answer in the cache, so that a
// lab's image does not change under it.
func newestPatch(ctx context.Context, cache, minor string) (string, error) {
	kept := filepath.Join(cache, "kubernetes-v1."+minor)
	if data, err := os.ReadFile(kept); err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	out, err := goCommand(ctx, os.TempDir(), "list", "-m", "-versions", kubernetesModule)
	if err != nil {
		return "", fmt.Errorf("cannot list Kubernetes versions: %w", err)
	}
	version, err := pickPatch(string(out), minor)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	return version, os.WriteFile(kept, []byte(version+"\n"), 0o644)
}

func pickPatch(list, minor string) (string, error) {
	best := -1
	for _, v := range strings.Fields(list) {
		patch, ok := strings.CutPrefix(v, "v1."+minor+".")
		if n, err := strconv.Atoi(patch); ok && err == nil && n > best {
			best = n
		}
	}
	if best < 0 {
		return "", fmt.Errorf("cannot find Kubernetes v1.%s: there is no such release", minor)
	}
	return fmt.Sprintf("v1.%s.%d", minor, best), nil
}

// kubernetesStamp is what the linker writes into the programs as their version.
func kubernetesStamp(version string) string {
	minor := strings.Split(version, ".")[1]
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version, "-X "+pkg+".gitMajor=1",
			"-X "+pkg+".gitMinor="+minor, "-X "+pkg+".gitTreeState=clean")
	}
	return strings.Join(flags, " ")
}

// pinKubernetes writes the module file for a version other than the default: what the
// release itself replaces by its staging folders is taken from the proxy instead.
func pinKubernetes(ctx context.Context, version, src string) error {
	out, err := goCommand(ctx, src, "mod", "download", "-json", kubernetesModule+"@"+version)
	if err != nil {
		return fmt.Errorf("cannot fetch Kubernetes %s: %w", version, err)
	}
	var got struct{ GoMod string }
	if err := json.Unmarshal(out, &got); err != nil {
		return fmt.Errorf("cannot fetch Kubernetes %s: %w", version, err)
	}
	theirs, err := os.ReadFile(got.GoMod)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(src, "go.mod"), pinnedModule(string(theirs), version), 0o644); err != nil {
		return err
	}
	_, err = goCommand(ctx, src, "mod", "tidy")
	return err
}

var stagingLine = regexp.MustCompile(`(?m)^\s*(?:replace\s+)?(k8s\.io/[a-z0-9-]+)\s+=>\s+\./staging/`)

func pinnedModule(theirs, version string) []byte {
	staging := "v0" + strings.TrimPrefix(version, "v1")
	var b strings.Builder
	fmt.Fprintf(&b, "module klustered.dev/lab/kube\n\ngo 1.26.0\n\nrequire %s %s\n\n", kubernetesModule, version)
	seen := map[string]bool{}
	for _, m := range stagingLine.FindAllStringSubmatch(theirs, -1) {
		seen[m[1]] = true
		fmt.Fprintf(&b, "replace %s => %s %s\n", m[1], m[1], staging)
	}
	// Older releases name their staging modules in a workspace file only: require lines
	// with the version v0.0.0 are those modules.
	for _, m := range workspaceLine.FindAllStringSubmatch(theirs, -1) {
		if !seen[m[1]] {
			fmt.Fprintf(&b, "replace %s => %s %s\n", m[1], m[1], staging)
		}
	}
	return []byte(b.String())
}

var workspaceLine = regexp.MustCompile(`(?m)^\s*(?:require\s+)?(k8s\.io/[a-z0-9-]+)\s+v0\.0\.0(?:\s|$)`)
