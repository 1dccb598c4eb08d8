package schema

import "testing"

// TestCRD: what is stored as v1beta1 is shown as v1.
func TestCRD(t *testing.T) {
	got, err := Decode([]byte(`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","spec":{"group":"x.io","version":"v1",
"validation":{"openAPIV3Schema":{"type":"object"}},"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"A","JSONPath":".a"}],"preserveUnknownFields":false,
"versions":[{"name":"v1","served":true,"storage":true}],
"conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"https://u"},"conversionReviewVersions":["v1"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Decode([]byte(`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1","spec":{"group":"x.io",
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}},"subresources":{"status":{}},"additionalPrinterColumns":[{"name":"A","jsonPath":".a"}]}],
"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://u"},"conversionReviewVersions":["v1"]}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range differ("crd", got, want) {
		t.Error(line)
	}
	for _, text := range []string{`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1"}`,
		`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","spec":{"version":"v2","versions":[1,{}]}}`} {
		if o, err := Decode([]byte(text)); err != nil || o.Text("apiVersion") != crdShown {
			t.Errorf("%s: got %v, %v", text, o, err)
		}
	}
}
