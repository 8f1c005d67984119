package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// varnishConfiguration makes Varnish ask the backend once for each address and
// coding: it keeps bodies as they are, and does not unpack them for anybody.
const varnishConfiguration = `vcl 4.1;
backend default { .host = "%[1]s"; .port = "%[2]s"; }
`

// varnishSilent leaves out what Varnish writes into its log in memory about each
// request: the others write none.
const varnishSilent = "vsl_mask=-Begin,-End,-Link,-Timestamp,-SessOpen,-SessClose,-ReqStart,-ReqMethod,-ReqURL,-ReqProtocol,-ReqHeader," +
	"-ReqUnset,-ReqAcct,-RespProtocol,-RespStatus,-RespReason,-RespHeader,-RespUnset,-Hit,-HitMiss,-VCL_call,-VCL_return,-VCL_use,-Filters"

// startVarnish starts the Varnish that is installed before a backend of this
// program's, and asks it for every document, so that it has them all.
func startVarnish(ctx context.Context, on *site) (*server, error) {
	program, err := findServer("varnishd", "apt-get install varnish")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	behind, err := startBackend(ctx, on.documents)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(behind.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	file := filepath.Join(on.dir, "varnish.vcl")
	if err := os.WriteFile(file, fmt.Appendf(nil, varnishConfiguration, host, port), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "varnish", address: address, codings: []string{brotli, zstd, gzip, identity}, beside: behind}
	err = on.start(ctx, s, program, "-F", "-j", "none", "-n", filepath.Join(on.dir, "varnish"), "-f", file, "-a", address,
		"-s", "malloc,256m", "-p", "http_gzip_support=off", "-p", varnishSilent)
	if err != nil {
		return nil, err
	}
	if err := behind.warm(ctx, s); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// backend is what Varnish asks for documents.
type backend struct {
	http      http.Server
	listener  net.Listener
	documents document
	asked     atomic.Int64 // for documents
}

func startBackend(ctx context.Context, documents document) (*backend, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{listener: listener, documents: documents}
	b.http = http.Server{Handler: http.HandlerFunc(b.answer), ReadHeaderTimeout: time.Minute}
	go b.http.Serve(listener) //nolint:errcheck // whoever asks finds out
	return b, nil
}

// answer sends a document in the coding that is asked for.
func (b *backend) answer(w http.ResponseWriter, r *http.Request) {
	coding := r.Header.Get("Accept-Encoding")
	body, ok := b.documents[r.URL.Path][coding]
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("Vary", "Accept-Encoding")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	b.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", fmt.Sprintf("%q", strings.Trim(filepath.Base(r.URL.Path), `"`)+coding))
	if coding != identity {
		w.Header().Set("Content-Encoding", coding)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // Varnish went away
}

// warm asks Varnish for every document twice, and makes sure that it asks for each once.
func (b *backend) warm(ctx context.Context, s *server) error {
	var count int64
	for range 2 {
		count = 0
		for path, codings := range b.documents {
			for coding := range codings {
				a, err := ask(ctx, "GET", "http://"+s.address+path, header{"Accept-Encoding": coding})
				if err == nil {
					err = check(a, scenario{coding: coding, status: http.StatusOK})
				}
				if err != nil {
					return fmt.Errorf("warm Varnish with %s in %s: %w: %s", path, coding, err, s.said)
				}
				count++
			}
		}
	}
	if asked := b.asked.Load(); asked != count {
		return fmt.Errorf("Varnish asked %d times for %d documents: it does not keep them", asked, count) //nolint:staticcheck // a name
	}
	return nil
}

// Close stops the backend.
func (b *backend) Close() error { return b.http.Close() }
