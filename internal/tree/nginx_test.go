package tree_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/bucket"
)

// The configuration in docs/trees.md serves a folder: documents with their
// headers, copies to who accepts them, and nothing else.
func TestNginxServesAFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	program, err := exec.LookPath("/usr/sbin/nginx")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make setup", err)
		}
		t.Skip(err)
	}
	folder, err := os.MkdirTemp("/tmp", "ovenbird-tree") //nolint:usetesting // nginx's workers are somebody else, who may not enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := bucket.OpenPlain(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // nothing is lost
	w := newWorld(t)
	w.publish(everything())
	publishInto(t, w, b)
	address := startNginx(t, program, folder)
	body := everything().documents("tv", "SE")["home.json"]
	for _, test := range []struct {
		path, accept string
		status       int
		encoding     string
	}{
		{"/SE/tv/home.json", "identity", http.StatusOK, ""},
		{"/SE/tv/home.json", "gzip", http.StatusOK, "gzip"},
		{"/SE/tv/titles/none.json", "gzip", http.StatusNotFound, ""},
		{"/SE/tv/home.json.gz", "gzip", http.StatusNotFound, ""},
		{"/.ovenbird/tree.json", "gzip", http.StatusNotFound, ""},
	} {
		answer := ask(t, address+test.path, test.accept) //nolint:bodyclose // ask closes it when the test ends
		if answer.StatusCode != test.status || answer.Header.Get("Content-Encoding") != test.encoding {
			t.Errorf("%s with %s: got %s, %v", test.path, test.accept, answer.Status, answer.Header)
			continue
		}
		if test.status != http.StatusOK {
			continue
		}
		name, decoded := "home.json", read(t, answer)
		if test.encoding == "gzip" {
			name += ".gz"
		}
		if found := newShelved(name, decoded, bucket.Headers{}); len(found.links) != len(titles) || test.encoding == "" && decoded != body {
			t.Errorf("%s with %s: got %q", test.path, test.accept, decoded)
		}
		if answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s with %s: got %v", test.path, test.accept, answer.Header)
		}
	}
}

// startNginx serves a folder as docs/trees.md says, and returns the address.
func startNginx(t *testing.T, program, folder string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/trees.md")
	if err != nil {
		t.Fatal(err)
	}
	_, server, ok := strings.Cut(string(doc), "```nginx\n")
	server, _, closed := strings.Cut(server, "```")
	if !ok || !closed {
		t.Fatal("docs/trees.md has no configuration of nginx")
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server = strings.NewReplacer("listen 8080", "listen "+address, "/srv/tree", folder).Replace(server)
	dir := t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	config := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr;\nevents {}\nhttp { access_log off;\n" + server + "}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	nginx := exec.CommandContext(ctx, program, "-c", file, "-p", dir)
	var output strings.Builder
	nginx.Stderr = &output
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = nginx.Wait(); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	for {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
			return "http://" + address
		}
		select {
		case <-ended:
			t.Fatalf("nginx has ended: %s", output.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func ask(t *testing.T, address, accept string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", accept)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(body)
}
