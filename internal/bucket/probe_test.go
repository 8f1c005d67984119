package bucket_test

import (
	"crypto/md5" // S3 makes entity tags of it
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

// careless is a store that speaks as much S3 as a probe needs, and is careless
// about conditions.
type careless struct {
	ignoreAbsent, ignoreMatch bool // the conditions of a write
	lie                       bool // says that it refuses, and writes
	refuseAll                 bool // with 412, whatever the condition
	status                    int  // of the answer to conditional writes; 0 is to look at the condition
	forgetful                 bool // writes do not show

	mu      sync.Mutex
	objects map[string]stored
}

type stored struct {
	body     string
	metadata http.Header
}

func (c *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	object, exists := c.objects[r.URL.Path]
	sum := md5.Sum([]byte(object.body))
	tag := `"` + hex.EncodeToString(sum[:]) + `"`
	switch r.Method {
	case http.MethodPut:
		c.put(w, r, exists, tag)
	case http.MethodDelete:
		delete(c.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		if !exists {
			answer(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		maps.Copy(w.Header(), object.metadata)
		w.Header().Set("ETag", tag)
		_, _ = io.WriteString(w, object.body)
	}
}

func (c *careless) put(w http.ResponseWriter, r *http.Request, exists bool, tag string) {
	body, _ := io.ReadAll(r.Body)
	absent, match := r.Header.Get("If-None-Match") == "*", r.Header.Get("If-Match")
	refused := c.refuseAll || (absent && exists && !c.ignoreAbsent) || (match != "" && match != tag && !c.ignoreMatch)
	if c.status != 0 {
		answer(w, c.status, http.StatusText(c.status))
		return
	}
	if !refused || c.lie {
		o := stored{body: string(body), metadata: http.Header{}}
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				o.metadata[name] = values
			}
		}
		if !exists || !c.forgetful {
			c.objects[r.URL.Path] = o
		}
	}
	if refused {
		answer(w, http.StatusPreconditionFailed, "PreconditionFailed")
	}
}

func TestProbeRefusesStoresThatAreCareless(t *testing.T) {
	buckettest.StartGateway(t) // for its credentials
	for _, test := range []struct {
		store *careless
		want  string // "" is to succeed
	}{
		{&careless{}, ""},
		{&careless{ignoreAbsent: true}, "ignores the condition If-None-Match"},
		{&careless{ignoreMatch: true}, "ignores the condition If-Match"},
		{&careless{ignoreAbsent: true, ignoreMatch: true}, "ignores the condition If-None-Match"},
		{&careless{lie: true}, "although it says that it does not"},
		{&careless{refuseAll: true}, "refuses a write although its condition If-None-Match holds"},
		{&careless{status: http.StatusNotImplemented}, "has no condition If-None-Match"},
		{&careless{status: http.StatusBadRequest}, "has no condition If-None-Match"},
		{&careless{forgetful: true}, "shows an old state"},
	} {
		test.store.objects = map[string]stored{}
		server := httptest.NewServer(test.store)
		b := openS3(t, buckettest.S3URL("name", server.URL))
		err := b.Probe(t.Context())
		switch {
		case test.want == "" && err != nil:
			t.Error(err)
		case test.want != "" && (!errors.Is(err, bucket.ErrSettings) || !strings.Contains(err.Error(), test.want) ||
			!strings.Contains(err.Error(), "s3://name")):
			t.Errorf("got %v, want what says %q", err, test.want)
		}
		if len(test.store.objects) > 0 {
			t.Errorf("%s: left %v", test.want, test.store.objects)
		}
		server.Close()
	}
}

func TestProbeSucceedsThroughPassingFaults(t *testing.T) {
	p, b, _ := faulty(t)
	for name, f := range map[string]fault{"503": refusing(503, "SlowDown"), "409": refusing(409, "ConditionalRequestConflict"), "cut": cutting, "lost": losing} {
		p.inject(http.MethodPut, slices.Repeat([]fault{f, passing}, 4)...)
		if err := b.Probe(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
