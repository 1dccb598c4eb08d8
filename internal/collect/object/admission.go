package object

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// Webhooks converts a Mutating- or ValidatingWebhookConfiguration; kind is
// the first word of that.
func Webhooks(kind string, o schema.Object) []snapshot.Webhook {
	var out []snapshot.Webhook
	for _, w := range o.List("webhooks") {
		x := snapshot.Webhook{
			Kind: kind, Config: o.Text("metadata", "name"), Name: w.Text("name"), Failure: w.Text("failurePolicy"), TimeoutS: int(w.Int("timeoutSeconds")),
			Namespaces: selector(w.Sub("namespaceSelector")), Objects: selector(w.Sub("objectSelector")),
			Created: when(o, "metadata", "creationTimestamp"), Managers: Managers(o),
			Keeper: kept(o),
		}
		x.Service, x.URL, x.CA = client(w.Sub("clientConfig"))
		for _, r := range w.List("rules") {
			x.Rules = append(x.Rules, admissionRule(r))
		}
		for _, c := range w.List("matchConditions") {
			x.Conditions = append(x.Conditions, short(c.Text("expression")))
		}
		out = append(out, x)
	}
	return out
}

// client is whom a webhook's client configuration calls.
func client(c schema.Object) (service, url, ca string) {
	if s := c.Sub("service"); s != nil {
		port := s.Int("port")
		if port == 0 {
			port = 443
		}
		service = fmt.Sprintf("%s/%s:%d%s", s.Text("namespace"), s.Text("name"), port, s.Text("path"))
	}
	return service, c.Text("url"), bundle(c)
}

// bundle is the fingerprint of a CA bundle; "" when there is none.
func bundle(c schema.Object) string {
	data, err := base64.StdEncoding.DecodeString(c.Text("caBundle"))
	if err != nil || len(data) == 0 {
		return ""
	}
	return secret.Fingerprint(data)
}

func admissionRule(r schema.Object) string {
	s := strings.Join(r.Texts("operations"), ",") + " on " + core(r.Texts("apiGroups")) + "/" + strings.Join(r.Texts("apiVersions"), ",") + "/" + strings.Join(r.Texts("resources"), ",")
	if names := r.Texts("resourceNames"); len(names) > 0 {
		s += " named " + strings.Join(names, ",")
	}
	if scope := r.Text("scope"); scope != "" && scope != "*" {
		s += " (" + scope + ")"
	}
	return s
}

func core(groups []string) string {
	for i, g := range groups {
		if g == "" {
			groups[i] = "core"
		}
	}
	return strings.Join(groups, ",")
}

// AdmissionPolicy converts an admission policy or a binding of one.
func AdmissionPolicy(kind string, o schema.Object) snapshot.AdmissionPolicy {
	spec := o.Sub("spec")
	p := snapshot.AdmissionPolicy{
		Kind: kind, Name: o.Text("metadata", "name"), Policy: spec.Text("policyName"), Failure: spec.Text("failurePolicy"),
		Actions: spec.Texts("validationActions"), Created: when(o, "metadata", "creationTimestamp"),
		Param: spec.Text("paramKind", "kind") + spec.Text("paramRef", "name"), Keeper: kept(o),
	}
	for _, m := range o.List("metadata", "managedFields") {
		if at := when(m, "time"); m.Sub("fieldsV1", "f:spec") != nil && at.After(p.Changed) {
			p.Changed = at
		}
	}
	match := spec.Sub("matchConstraints")
	if match == nil {
		match = spec.Sub("matchResources")
	}
	p.Namespaces = selector(match.Sub("namespaceSelector"))
	for _, r := range match.List("resourceRules") {
		p.Rules = append(p.Rules, admissionRule(r))
	}
	for _, path := range [][]string{{"expression"}, {"applyConfiguration", "expression"}, {"jsonPatch", "expression"}} {
		for _, part := range []string{"matchConditions", "validations", "mutations"} {
			for _, x := range spec.List(part) {
				if e := x.Text(path...); e != "" {
					p.Expressions = append(p.Expressions, short(e))
				}
			}
		}
	}
	return p
}

// APIService converts an APIService.
func APIService(o schema.Object) snapshot.APIService {
	spec := o.Sub("spec")
	a := snapshot.APIService{
		Name: o.Text("metadata", "name"), Group: spec.Text("group"), Version: spec.Text("version"), Priority: spec.Int("groupPriorityMinimum"),
		Insecure: spec.Bool("insecureSkipTLSVerify"), CA: bundle(spec), Keeper: kept(o),
	}
	if spec.Has("service") {
		a.Service, _, _ = client(spec)
	}
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == "Available" {
			a.Available, a.Reason, a.Message = c.Text("status"), c.Text("reason"), short(c.Text("message"))
		}
	}
	return a
}

// CRD converts a CustomResourceDefinition.
func CRD(o schema.Object) snapshot.CRD {
	spec := o.Sub("spec")
	c := snapshot.CRD{
		Name: o.Text("metadata", "name"), Kind: spec.Text("names", "kind"), Deleting: o.Has("metadata", "deletionTimestamp"),
		Finalizers: o.Texts("metadata", "finalizers"),
	}
	for _, v := range spec.List("versions") {
		switch name := v.Text("name"); {
		case v.Bool("storage"):
			c.Versions = append([]string{name}, c.Versions...)
		case v.Bool("served"):
			c.Versions = append(c.Versions, name)
		}
	}
	if spec.Text("conversion", "strategy") == "Webhook" {
		service, url, _ := client(spec.Sub("conversion", "webhook", "clientConfig"))
		c.Conversion = service + url
	}
	for _, x := range o.List("status", "conditions") {
		switch ok := x.Text("status") == "True"; x.Text("type") {
		case "Established":
			c.Established = x.Text("status")
		case "NamesAccepted":
			if !ok {
				c.Problem = short(x.Text("message"))
			}
		case "Terminating", "NonStructuralSchema", "KubernetesAPIApprovalPolicyConformant":
			if ok != (x.Text("type")[0] == 'K') {
				c.Problem = short(x.Text("message"))
			}
		}
	}
	return c
}

// CSR converts a CertificateSigningRequest. What is signed is not kept.
func CSR(o schema.Object) snapshot.CSR {
	spec := o.Sub("spec")
	r := snapshot.CSR{
		Name: o.Text("metadata", "name"), Signer: spec.Text("signerName"), User: spec.Text("username"), Groups: spec.Texts("groups"),
		Usages: spec.Texts("usages"), Created: when(o, "metadata", "creationTimestamp"), Requests: requested(spec.Text("request")),
	}
	for _, c := range o.List("status", "conditions") {
		r.States, r.Message = append(r.States, c.Text("type")), short(c.Text("message"))
	}
	if o.Text("status", "certificate") != "" {
		r.States = append(r.States, "Issued")
	}
	return r
}
