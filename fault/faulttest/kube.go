package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Request answers as the API server would, as far as ops need it: get, create,
// replace, merge-patch and delete one object. A full etcd takes deletes still.
func (m *Machine) Request(_ context.Context, method, at, contentType string, body []byte) (int, []byte, error) {
	if method != http.MethodGet && method != http.MethodDelete && m.full() { // etcd lets deletes pass
		return failure(http.StatusInternalServerError, "etcdserver: mvcc: database space exceeded")
	}
	if node, status := strings.CutSuffix(at, "/status"); status && method == http.MethodPatch && strings.HasPrefix(at, "/api/v1/nodes/") {
		return http.StatusOK, m.World.Objects[node], nil // the kubelet says it anew
	}
	old, found := m.World.Objects[at]
	switch {
	case method == http.MethodPost:
		return m.create(at, body)
	case !found:
		return failure(http.StatusNotFound, path.Base(at)+" not found")
	case method == http.MethodGet:
		return http.StatusOK, old, nil
	case method == http.MethodDelete:
		if kept, ok := withFinalizers(old); ok {
			m.World.Objects[at] = kept
			return http.StatusOK, kept, nil
		}
		delete(m.World.Objects, at)
		return http.StatusOK, []byte(`{"kind":"Status","status":"Success"}`), nil
	case method == http.MethodPut:
		return m.store(http.StatusOK, at, body)
	case method == http.MethodPatch && contentType == "application/merge-patch+json":
		merged, err := mergeJSON(old, body)
		if err != nil {
			return failure(http.StatusBadRequest, err.Error())
		}
		return m.store(http.StatusOK, at, merged)
	}
	return failure(http.StatusMethodNotAllowed, method+" is not simulated")
}

func (m *Machine) create(folder string, body []byte) (int, []byte, error) {
	var x struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(body, &x); err != nil || x.Metadata.Name == "" {
		return failure(http.StatusBadRequest, "the object has no name")
	}
	at := path.Join(folder, x.Metadata.Name)
	if _, ok := m.World.Objects[at]; ok {
		return failure(http.StatusConflict, x.Metadata.Name+" already exists")
	}
	return m.store(http.StatusCreated, at, body)
}

// store keeps an object with what the API server adds to it.
func (m *Machine) store(status int, at string, body []byte) (int, []byte, error) {
	var x map[string]any
	if err := json.Unmarshal(body, &x); err != nil {
		return failure(http.StatusBadRequest, err.Error())
	}
	meta, ok := x["metadata"].(map[string]any)
	if !ok {
		return failure(http.StatusBadRequest, "the object has no metadata")
	}
	if left, _ := meta["finalizers"].([]any); meta["deletionTimestamp"] != nil && len(left) == 0 {
		delete(m.World.Objects, at)
		return status, body, nil
	}
	m.World.Etcd.Status.Revision++
	meta["resourceVersion"] = fmt.Sprint(m.World.Etcd.Status.Revision)
	if meta["uid"] == nil {
		meta["uid"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", m.World.Etcd.Status.Revision)
	}
	data, err := json.Marshal(x)
	if err != nil {
		return 0, nil, err
	}
	m.World.Objects[at] = data
	return status, data, nil
}

func failure(code int, message string) (int, []byte, error) {
	body, err := json.Marshal(map[string]any{"kind": "Status", "status": "Failure", "code": code, "message": message})
	return code, body, err
}

// mergeJSON applies a JSON merge patch (RFC 7386).
func mergeJSON(target, patch []byte) ([]byte, error) {
	var t, p any
	if err := json.Unmarshal(target, &t); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(patch, &p); err != nil {
		return nil, err
	}
	return json.Marshal(merge(t, p))
}

func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(t, k)
		} else {
			t[k] = merge(t[k], v)
		}
	}
	return t
}
