// Command canary is the workload that shows whether a cluster serves its users: the
// front answers a request by asking the back through its Service's name.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

// Answer is what GET / gives: who answered and, from a front, what the back said.
type Answer struct {
	Host  string `json:"host"`
	Back  string `json:"back,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	listen := flag.String("listen", ":8080", "address to listen on")
	back := flag.String("back", "", "URL of the back; empty for the back itself")
	flag.Parse()
	host, err := os.Hostname()
	if err != nil {
		log.Fatalf("cannot read the host name: %v", err)
	}
	log.Fatal(http.ListenAndServe(*listen, handler(host, *back)))
}

func handler(host, back string) http.Handler {
	// A new connection for every request: each one goes through the Service anew.
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		a := Answer{Host: host}
		if back != "" {
			a.ask(client, back)
		}
		a.write(w)
	})
	return mux
}

func (a *Answer) ask(client *http.Client, url string) {
	resp, err := client.Get(url)
	if err != nil {
		a.Error = err.Error()
		return
	}
	defer resp.Body.Close()
	var said Answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&said); err != nil {
		a.Error = fmt.Sprintf("cannot read the answer of the back: %v", err)
		return
	}
	a.Back = said.Host
}

func (a *Answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if a.Error != "" {
		w.WriteHeader(http.StatusBadGateway)
	}
	json.NewEncoder(w).Encode(a)
}
