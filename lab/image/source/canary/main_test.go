package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFrontAnswersWithTheBack(t *testing.T) {
	back := httptest.NewServer(handler("back-1", ""))
	defer back.Close()
	for _, c := range []struct {
		name, back, want string
		code             int
	}{
		{"back is there", back.URL, `{"host":"front-1","back":"back-1"}`, 200},
		{"back speaks nonsense", back.URL + "/healthz", "cannot read the answer", 502},
		{"back is gone", "http://127.0.0.1:1/", "refused", 502},
		{"is the back", "", `{"host":"front-1"}`, 200},
	} {
		w := httptest.NewRecorder()
		handler("front-1", c.back).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %q, want %d %q", c.name, w.Code, w.Body, c.code, c.want)
		}
	}
}

func TestHealthz(t *testing.T) {
	w := httptest.NewRecorder()
	handler("x", "").ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
