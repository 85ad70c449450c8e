// Go's net/http, by its own multiplexer and by the path of the request: server NAME PORT
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

func routed(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) > 1 && parts[1] == "admin" {
		return "routed admin"
	}
	if len(parts) > 2 && parts[1] == "users" {
		return "routed users " + parts[2]
	}
	return "routed other"
}

func main() {
	byPath := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, routed(r.URL.Path)) }
	var handler http.Handler = http.HandlerFunc(byPath)
	if os.Args[1] == "mux" {
		mux := http.NewServeMux()
		admin := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "routed admin") }
		mux.HandleFunc("/admin", admin)
		mux.HandleFunc("/admin/", admin)
		mux.HandleFunc("/", byPath)
		handler = mux
	}
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[2], handler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
