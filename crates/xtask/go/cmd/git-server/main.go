// Command git-server serves the bare repositories of one folder over http, for fetch and push.
//
// Why: the test bed needs a git remote that pods reach by the same address as the host. The protocol itself is git's own
// http-backend, run as CGI. There is no authentication: the listener is an address of the test bed that only this
// machine can reach.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8085", "address and port to listen on")
	root := flag.String("root", ".", "folder that holds the bare repositories")
	flag.Parse()

	backend, err := httpBackend()
	if err != nil {
		log.Fatalf("git http-backend: %v (install git)", err)
	}
	dir, err := filepath.Abs(*root)
	if err != nil {
		log.Fatalf("root %q: %v", *root, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("/", &cgi.Handler{
		Path:   backend,
		Dir:    dir,
		Stderr: os.Stderr,
		Env: []string{
			"GIT_PROJECT_ROOT=" + dir,
			"GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=2",
			"GIT_CONFIG_KEY_0=http.receivepack",
			"GIT_CONFIG_VALUE_0=true",
			"GIT_CONFIG_KEY_1=safe.directory",
			"GIT_CONFIG_VALUE_1=*",
		},
	})
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Printf("serving %s on http://%s", dir, *listen)
	log.Fatal(server.ListenAndServe())
}

// httpBackend finds the CGI program that comes with git.
func httpBackend() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "", err
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	_, err = os.Stat(path)
	return path, err
}
