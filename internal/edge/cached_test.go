package edge_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"ovenbird/internal/bucket"
	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// unreachable is releases that nobody can get at.
type unreachable struct{ *release.Store }

func (unreachable) Version(context.Context) (bucket.Version, error) {
	return "", errors.New("the network is gone")
}

func TestAnEdgeServesFromItsCacheWhatItCanNotGetElsewhere(t *testing.T) {
	s := newSite(t, edge.Config{})
	s.publish(numbered(1))
	deps := edge.Deps{Releases: unreachable{s.store}, Cached: s.store, Now: s.clock.Now}
	alone, err := edge.New(edge.Config{}, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := alone.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alone.Stop(context.WithoutCancel(t.Context())) }()
	ask(t, alone, http.MethodGet, "/FI/tv/a.json").want(t, http.StatusOK, `{"n":1}`)
}

func TestAnEdgeDoesNotServeACachedReleaseThatHasRunOut(t *testing.T) {
	s := newSite(t, edge.Config{})
	horizon := s.publish(numbered(1)).Manifest().HorizonEnd
	s.clock.set(horizon)
	alone, err := edge.New(edge.Config{}, edge.Deps{Releases: unreachable{s.store}, Cached: s.store, Now: s.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := alone.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alone.Stop(context.WithoutCancel(t.Context())) }()
	ask(t, alone, http.MethodGet, "/FI/tv/a.json").want(t, http.StatusServiceUnavailable, "")
}

// From the cache the edge goes on to what has been published since, and says
// which packs it needs.
func TestAnEdgeGoesOnFromItsCache(t *testing.T) {
	s := newSite(t, edge.Config{})
	first := s.publish(numbered(1))
	cache := newSite(t, edge.Config{})
	cache.publish(numbered(1))
	c := numbered(2)
	c.asOf = first.Manifest().AsOf.Add(1)
	second := s.publish(c)
	kept := make(chan []release.Hash, 2)
	e, err := edge.New(edge.Config{}, edge.Deps{
		Releases: s.store, Cached: cache.store, Now: s.clock.Now,
		Retain: func(packs []release.Hash) { kept <- packs },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	<-kept
	needed := <-kept
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask(t, e, http.MethodGet, "/FI/tv/list.json").want(t, http.StatusOK, `[2,{"n":2},{"fi":1}]`)
	if !slices.Contains(needed, second.Ref().Pack) {
		t.Errorf("it keeps %v, and needs %v", needed, second.Ref().Pack)
	}
}

func TestAnEdgeForSomeCountriesServesNoOthers(t *testing.T) {
	s := newSite(t, edge.Config{Countries: []ovenbird.Country{"SE", "FI"}})
	c := numbered(1)
	c.rows[" site.json"] = row{"*": `{"site":1}`}
	c.rows["tv us.json"] = row{"US": `{"us":1}`}
	c.patches = []patch{{noon.Add(1), rows{"tv b.json": {"FI": `{"n":2}`, "SE US": `{"n":3}`}}}}
	s.serve(c)
	s.get("/FI/tv/a.json").want(t, http.StatusOK, `{"n":1}`)
	s.get("/SE/tv/list.json").want(t, http.StatusOK, `[1,{"n":1},{"us":1}]`)
	s.get("/site.json").want(t, http.StatusOK, `{"site":1}`)
	s.get("/US/tv/a.json").want(t, http.StatusMisdirectedRequest, "")
	s.get("/SE/tv/us.json").want(t, http.StatusNotFound, "")
	s.clock.set(noon.Add(1))
	s.get("/SE/tv/b.json").want(t, http.StatusOK, `{"n":3}`)
}

// What an edge for some countries has is what one for all has in them.
func TestAnEdgeForOneCountryIsSmaller(t *testing.T) {
	s := newSite(t, edge.Config{Country: "fixed:FI"})
	c := numbered(1)
	c.rows["tv us.json"] = row{"US": `{"us":1}`}
	s.serve(c)
	s.get("/tv/list.json").want(t, http.StatusOK, `[1,{"n":1},{"fi":1}]`)
	s.get("/tv/us.json").want(t, http.StatusNotFound, "")
	s.get("/US/tv/us.json").want(t, http.StatusForbidden, "")
}
