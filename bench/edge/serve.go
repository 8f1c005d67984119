package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// served is what the edge's process says when it serves.
type served struct {
	Address   string            `json:"address"`
	Documents map[string]string `json:"documents"` // addresses of the small and the large document
}

// The catalog that is served.
const (
	titleCount  = 2000
	country     = "FI"
	application = "app0" // as the generated program names its first
)

// serveEdge serves a release of a generated catalog until stdin ends, which it
// does when the process that measures is gone.
func serveEdge(ctx context.Context, seed uint64, stdin io.Reader, stdout io.Writer) (err error) {
	store, err := release.Open(bucket.OpenMemory(), release.Config{})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	countries := []ovenbird.Country{country, "SE", "NO", "DK", "DE", "FR", "GB", "US", "JP", "BR"}
	snapshot, _ := baketest.Catalog(seed, titleCount, now, countries)
	program, err := baketest.Program(1, ovenbird.NewCountrySet(countries...), []shape.Source{
		{Name: "home.json", Text: `{ collections(first: 20) { id name titles(first: 40) { id name kind synopsis } } }`},
		{Name: "titles/{title}.json", Text: `query ($title: ID!) {
			title(id: $title) { id name kind synopsis availability { start end } } }`},
	})
	if err != nil {
		return err
	}
	if err := publish(ctx, store, program, snapshot, now); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	serving, err := edge.New(edge.Config{}, edge.Deps{Releases: store, Log: log})
	if err != nil {
		return err
	}
	if err := serving.Start(ctx, nil); err != nil {
		return err
	}
	server := edge.NewServer("127.0.0.1:0", serving, nil)
	if err := server.Start(ctx, func(error) {}); err != nil {
		return err
	}
	home := "/" + country + "/" + application + "/home.json"
	title, err := firstTitle(ctx, "http://"+server.Addr().String()+home)
	if err != nil {
		return err
	}
	documents := map[string]string{"small": "/" + country + "/" + application + "/titles/" + title + ".json", "large": home}
	if err := json.NewEncoder(stdout).Encode(served{Address: server.Addr().String(), Documents: documents}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return errors.Join(err, server.Stop(ctx), serving.Stop(ctx))
}

// firstTitle returns the first title of the home screen: one that is shown.
func firstTitle(ctx context.Context, url string) (string, error) {
	a, err := ask(ctx, "GET", url, nil)
	if err != nil {
		return "", err
	}
	var body struct {
		Collections []struct {
			Titles []struct {
				ID string `json:"id"`
			} `json:"titles"`
		} `json:"collections"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		return "", fmt.Errorf("read the home screen: %w", err)
	}
	for _, c := range body.Collections {
		if len(c.Titles) > 0 {
			return c.Titles[0].ID, nil
		}
	}
	return "", fmt.Errorf("nothing is shown on the home screen: %d %.300s", a.status, a.body)
}
