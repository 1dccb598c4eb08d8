package schema

// The API server stores a CustomResourceDefinition as v1beta1, and shows it as
// v1: apiextensions/v1/conversion.go of k8s.io/apiextensions-apiserver.
const (
	crdStored = "apiextensions.k8s.io/v1beta1"
	crdShown  = "apiextensions.k8s.io/v1"
)

// shown converts what is stored in another version than it is shown in.
func shown(apiVersion, kind string, o Object) (string, Object) {
	if apiVersion != crdStored || kind != "CustomResourceDefinition" {
		return apiVersion, o
	}
	spec := o.Sub("spec")
	if spec == nil {
		return crdShown, o
	}
	if len(spec.List("versions")) == 0 && spec.Text("version") != "" {
		spec["versions"] = []any{Object{"name": spec["version"], "served": true, "storage": true}}
	}
	for _, v := range spec.List("versions") {
		for from, to := range map[string]string{"validation": "schema", "subresources": "subresources", "additionalPrinterColumns": "additionalPrinterColumns"} {
			if spec.Has(from) && !v.Has(to) {
				v[to] = spec[from]
			}
		}
		for _, c := range v.List("additionalPrinterColumns") {
			if p, ok := c["JSONPath"]; ok {
				c["jsonPath"] = p
				delete(c, "JSONPath")
			}
		}
	}
	for _, name := range []string{"version", "validation", "subresources", "additionalPrinterColumns"} {
		delete(spec, name)
	}
	if !spec.Bool("preserveUnknownFields") {
		delete(spec, "preserveUnknownFields")
	}
	conversion(spec.Sub("conversion"))
	return crdShown, o
}

// conversion moves the webhook's settings to where v1 has them.
func conversion(c Object) {
	webhook := Object{}
	for from, to := range map[string]string{"webhookClientConfig": "clientConfig", "conversionReviewVersions": "conversionReviewVersions"} {
		if c.Has(from) {
			webhook[to] = c[from]
		}
		delete(c, from)
	}
	if c.Text("strategy") == "Webhook" {
		c["webhook"] = webhook
	}
}
