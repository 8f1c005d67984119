package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/origin"
	"ovenbird/internal/release"
)

// moment is when an edge began to serve a release.
type moment struct {
	Address string `json:"address"` // of the edge
	Served  int64  `json:"served"`  // in nanoseconds since 1970
}

// progressTo returns what tells a channel of each release that is served.
func progressTo(to chan<- moment) func(edge.Progress) {
	return func(p edge.Progress) {
		if p.Release != "" {
			to <- moment{Served: p.Served.UnixNano()}
		}
	}
}

// anEdge is an edge that is measured.
type anEdge struct {
	switches <-chan moment
	ask      func(ctx context.Context, path string) (status int, body string, err error)
	stop     func() error
}

// own is the edge in this process.
func (o *oven) own() anEdge {
	ask := func(ctx context.Context, path string) (int, string, error) {
		w := httptest.NewRecorder()
		o.serving.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
		return w.Code, w.Body.String(), nil
	}
	return anEdge{switches: o.switches, ask: ask, stop: func() error { return nil }}
}

// startEdges returns the edge in this process and as many in processes of their
// own, each with a release.
func (o *oven) startEdges(ctx context.Context, count int) ([]anEdge, error) {
	all := []anEdge{o.own()}
	for i := range count {
		from := o.folder()
		if i%2 == 0 {
			from = o.endpoint.URL()
		}
		e, err := startEdge(ctx, from)
		if err != nil {
			return nil, errors.Join(err, stopEdges(all))
		}
		all = append(all, e)
	}
	return all, nil
}

func stopEdges(all []anEdge) (err error) {
	for _, e := range all {
		err = errors.Join(err, e.stop())
	}
	return err
}

// startEdge runs this program as an edge, and waits until it serves.
func startEdge(ctx context.Context, from string) (anEdge, error) {
	self, err := os.Executable()
	if err != nil {
		return anEdge{}, err
	}
	command := exec.CommandContext(ctx, self, "-follow", from) //nolint:gosec // itself
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return anEdge{}, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return anEdge{}, err
	}
	if err := command.Start(); err != nil {
		return anEdge{}, err
	}
	moments := json.NewDecoder(bufio.NewReader(stdout))
	var first moment
	if err := moments.Decode(&first); err != nil {
		return anEdge{}, fmt.Errorf("the edge that follows %s ended: %w", from, errors.Join(err, command.Wait()))
	}
	switches := make(chan moment, 64)
	go func() {
		defer close(switches)
		for m := first; moments.Decode(&m) == nil; {
			switches <- m
		}
	}()
	return anEdge{
		switches: switches,
		ask: func(ctx context.Context, path string) (int, string, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, first.Address+path, http.NoBody)
			if err != nil {
				return 0, "", err
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				return 0, "", err
			}
			body, err := io.ReadAll(response.Body)
			return response.StatusCode, string(body), errors.Join(err, response.Body.Close())
		},
		stop: func() error { return errors.Join(stdin.Close(), command.Wait()) },
	}, nil
}

// followReleases serves the releases of a folder or an origin, says when it began
// to serve each, and stops when standard input ends.
func followReleases(ctx context.Context, from string) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var config edge.Config
	var source bucket.Origin
	var client *origin.Client
	if strings.HasPrefix(from, "http://") {
		token := func() (string, error) { return "token", nil }
		if client, err = origin.NewClient(origin.ClientConfig{URLs: []string{from}, Token: token}); err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "bench-bake-edge-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		cache := bucket.CacheConfig{Dir: filepath.Join(dir, "cache"), Sum: sumOf, Log: log}
		if source, err = bucket.NewCache(client, cache); err != nil {
			return err
		}
		config.Poll = 5 * time.Second // as `ovenbird edge --origin` does
	} else if source, err = bucket.OpenDisk(ctx, from); err != nil {
		return err
	}
	reader, err := release.NewReader(source)
	if err != nil {
		return err
	}
	switches := make(chan moment, 64)
	serving, err := edge.New(config, edge.Deps{Releases: reader, Progress: progressTo(switches), Log: log})
	if err != nil {
		return err
	}
	server := edge.NewServer("127.0.0.1:0", serving, log)
	if err := errors.Join(server.Start(ctx, func(error) {}), serving.Start(ctx, nil)); err != nil {
		return err
	}
	if client != nil {
		listener := origin.NewListener(client, serving.Notify, log)
		if err := listener.Start(ctx, nil); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, listener.Stop(ctx)) }()
	}
	go func() {
		out := json.NewEncoder(os.Stdout)
		for m := range switches {
			m.Address = server.URL()
			if err := out.Encode(m); err != nil {
				return // who measures is gone, and standard input ends
			}
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, serving.Stop(ctx), server.Stop(ctx))
}

func sumOf(key string) (sum [32]byte, ok bool) {
	hash, ok := release.PackOfKey(key)
	return hash, ok
}
