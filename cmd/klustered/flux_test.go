package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/image"
)

// The repository from which Flux keeps the webhook, as the cluster tells it.
const (
	repository = "https://git.example.com/platform/policies"
	revision   = "main@sha1:0c6f59a3b1d24e0c4a1ed41d3a3b1f04a3a1b2c3"
)

// deadWebhook has to agree to ConfigMaps, and nobody answers.
const deadWebhook = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: reviewer}
webhooks:
- name: reviewer.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  clientConfig: {service: {namespace: default, name: reviewer, port: 443}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
`

// TestIntegrationFlux has a real kustomize-controller keep what is broken as it
// is in a repository: a change by hand comes back, fix refuses one and says where
// it is to be made, its patch mends the repository, and with --suspend-gitops the
// repair stays until it is undone. scripts/flux builds the controller.
func TestIntegrationFlux(t *testing.T) {
	cache, err := image.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	flux := filepath.Join(cache, "flux")
	if _, err := os.Stat(filepath.Join(flux, "kustomize-controller")); err != nil {
		t.Skip("scripts/flux has not built Flux's controller")
	}
	needLab(t, 0)
	quiet(t)
	source := newArtifacts(t)
	source.write(t, "reviewer.yaml", deadWebhook)
	source.write(t, "kustomization.yaml", "resources: [reviewer.yaml]\n")
	startFlux(t, flux, source)
	until(t, "Flux applies what is in the repository", func() bool { return policy(t) == "Fail" })
	onNode(t, "cp1", kubectl+`patch validatingwebhookconfigurations reviewer -p '{"webhooks":[{"name":"reviewer.example.com","failurePolicy":"Ignore"}]}'`)
	until(t, "Flux puts back what was changed by hand", func() bool { return policy(t) == "Fail" })

	out, errs, _ := call(t, "fix", "admission/webhook", "--lab", labName)
	if said := out + errs; !strings.Contains(said, repository+", path ./policies, revision "+revision) || !strings.Contains(said, "--suspend-gitops") {
		errorf(t, "fix: where it is to be changed is not said\n%s", said)
	}
	must(t, "fix", "admission/webhook", "--apply", "--suspend-gitops", "--hold", "30s", "--lab", labName)
	if got := policy(t); got != "Ignore" {
		errorf(t, "fix: with Flux suspended the policy is %q after half a minute, want Ignore", got)
	}
	must(t, "undo", "--lab", labName)
	if got := onNode(t, "cp1", kubectl+"-n flux-system get kustomizations policies -o 'jsonpath={.spec.suspend}'") + policy(t); got != "Fail" {
		errorf(t, "undo: suspended and policy are %q, want only Fail", got)
	}
	patches := t.TempDir()
	must(t, "fix", "admission/webhook", "--patch-to", patches, "--lab", labName)
	source.add(t, patches)
	onNode(t, "cp1", source.publish(t))
	until(t, "Flux applies the patch", func() bool { return policy(t) == "Ignore" })
	quiet(t)
}

// policy is what the webhook's configuration says is to happen when it does not
// answer, or "" where there is none.
func policy(t *testing.T) string {
	t.Helper()
	return onNode(t, "cp1", kubectl+"get validatingwebhookconfigurations reviewer -o 'jsonpath={.webhooks[*].failurePolicy}' 2>/dev/null; true")
}

// until waits a minute for what is to come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 30 {
		if is() {
			return
		}
		time.Sleep(2 * time.Second)
	}
	fatalf(t, "not within a minute: %s\n%s", what, onNode(t, "cp1", kubectl+"-n flux-system get kustomizations,gitrepositories -o yaml; tail -n 30 /run/flux.log"))
}

// startFlux has the controller run on the node, and keep what the source serves.
func startFlux(t *testing.T, dir string, source *artifacts) {
	t.Helper()
	for from, to := range map[string]string{"kustomize-controller": "/usr/local/bin/", "crds": "/opt/crds"} {
		if out, err := exec.Command("docker", "cp", filepath.Join(dir, from), labName+"-cp1:"+to).CombinedOutput(); err != nil {
			fatalf(t, "docker cp: %v: %s", err, out)
		}
	}
	onNode(t, "cp1", kubectl+"apply --server-side -f /opt/crds >/dev/null && "+kubectl+"wait --for=condition=Established crd --all >/dev/null && "+kubectl+"create namespace flux-system")
	onNode(t, "cp1", source.publish(t))
	onNode(t, "cp1", kubectl+`apply -f - <<END
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: policies, namespace: flux-system}
spec: {interval: 10s, retryInterval: 5s, path: ./policies, prune: true, sourceRef: {kind: GitRepository, name: platform}}
END
KUBECONFIG=/etc/kubernetes/admin.conf RUNTIME_NAMESPACE=flux-system setsid kustomize-controller --events-addr= >/run/flux.log 2>&1 </dev/null &`)
}

// artifacts serve a folder of a repository as Flux's source-controller does.
type artifacts struct {
	dir  string // of what is in the repository
	url  string
	data []byte
}

func newArtifacts(t *testing.T) *artifacts {
	t.Helper()
	gateway := strings.Fields(onNode(t, "cp1", "ip -4 route show default")) // default via ADDRESS
	l, err := net.Listen("tcp", net.JoinHostPort(gateway[2], "0"))
	if err != nil {
		t.Fatal(err)
	}
	a := &artifacts{dir: t.TempDir(), url: "http://" + l.Addr().String() + "/artifact.tar.gz"}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(a.data) })}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return a
}

func (a *artifacts) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// add puts the patch that is in a folder into the repository.
func (a *artifacts) add(t *testing.T, dir string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(list) != 1 {
		fatalf(t, "fix --patch-to: %d files, want 1 (%v)", len(list), err)
	}
	text, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "patch.yaml", string(text))
	a.write(t, "kustomization.yaml", "resources: [reviewer.yaml]\npatches: [{path: patch.yaml}]\n")
}

// publish packs the repository, and is the script that tells the cluster of it.
func (a *artifacts) publish(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	list, err := filepath.Glob(filepath.Join(a.dir, "*"))
	for _, name := range list {
		text, e := os.ReadFile(name)
		err = errors.Join(err, e, pack.WriteHeader(&tar.Header{Name: "policies/" + filepath.Base(name), Mode: 0o644, Size: int64(len(text))}))
		_, e = pack.Write(text)
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, pack.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	a.data = out.Bytes()
	status := fmt.Sprintf(`{"status":{"observedGeneration":1,"artifact":{"path":"gitrepository/a.tar.gz","url":"%s","revision":"%s","digest":"sha256:%x","size":%d,"lastUpdateTime":"%s"},
"conditions":[{"type":"Ready","status":"True","reason":"Succeeded","message":"stored","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`,
		a.url, revision, sha256.Sum256(a.data), len(a.data), time.Now().UTC().Format(time.RFC3339))
	return kubectl + `apply -f - <<END
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: platform, namespace: flux-system}
spec: {interval: 10m, url: "` + repository + `", ref: {branch: main}}
END
` + kubectl + "-n flux-system patch gitrepositories platform --subresource=status --type=merge -p '" + status + "'"
}
