package op

import (
	"encoding/json"
	"testing"
)

func TestStands(t *testing.T) {
	for _, tt := range []struct {
		name, object, patch, back string
		want                      bool
	}{
		{"as it was left", `{"spec":{"replicas":0,"x":1}}`, `{"spec":{"replicas":0}}`, `{"spec":{"replicas":3}}`, true},
		{"as it was", `{"spec":{"replicas":3}}`, `{"spec":{"replicas":0}}`, `{"spec":{"replicas":3}}`, true},
		{"changed by another", `{"spec":{"replicas":5}}`, `{"spec":{"replicas":0}}`, `{"spec":{"replicas":3}}`, false},
		{"gone", `{"spec":{}}`, `{"spec":{"replicas":0}}`, `{"spec":{"replicas":3}}`, false},
		{"was not there", `{}`, `{"a":{"b":1}}`, `{"a":null}`, true},
		{"made, and added to", `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, `{"a":null}`, true},
		{"made, and changed", `{"a":{"b":2}}`, `{"a":{"b":1}}`, `{"a":null}`, false},
		{"taken out", `{}`, `{"a":null}`, `{"a":[1]}`, true},
		{"taken out, and made by another", `{"a":[2]}`, `{"a":null}`, `{"a":[1]}`, false},
	} {
		var object, patch, back any
		for x, text := range map[*any]string{&object: tt.object, &patch: tt.patch, &back: tt.back} {
			if err := json.Unmarshal([]byte(text), x); err != nil {
				t.Fatal(err)
			}
		}
		if got := stands(object, patch, back); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
