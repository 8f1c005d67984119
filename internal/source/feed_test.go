package source

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/site"
)

// feedServer is a server with one feed.
type feedServer struct {
	body   string
	header http.Header // of the last request
	served int         // bodies
	broken bool        // whether it breaks off in the middle
	zipped bool
}

func (f *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.header = r.Header
	tag := fmt.Sprintf(`"%x"`, f.body)
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	f.served++
	body := []byte(f.body)
	if f.zipped {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write(body)
		_ = z.Close()
		body = zipped.Bytes()
	}
	if f.broken {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body)
}

// followFeed is a source that follows a feed of titles.
func followFeed(t *testing.T, mapping string) (*house, *feedServer) {
	t.Helper()
	f := &feedServer{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	h := newHouse(t, site.Source{
		Name: "partner", Feed: server.URL + "/feed", Timeout: 10 * time.Second, Rows: 1000, Shrink: 0.2,
		Queries: []site.Query{{Name: site.FeedQuery}},
	})
	if mapping != "" {
		h.source.Queries[0].Mapping = h.file("feed.yaml", mapping)
	}
	return h, f
}

func TestAFeedIsReadWhenItHasChanged(t *testing.T) {
	h, f := followFeed(t, titlesMapping)
	f.body = "id,name,year\na,One,2001\nb,Two,2002\nc,Three,2003\n"
	h.expect(Changed, 3, 0, "")
	h.expect(Unchanged, 0, 0, "")
	if f.served != 1 || f.header.Get("If-None-Match") == "" {
		t.Errorf("it was served %d times", f.served)
	}
	f.zipped = true
	f.body = "id,name,year\na,One,2001\nb,Zwei,2002\n"
	h.expect(Changed, 1, 1, "")
	if h.name("b") != "Zwei" {
		t.Errorf("the name is %q", h.name("b"))
	}
	// Another mapping makes something else of the same feed.
	h.file("feed.yaml", strings.Replace(titlesMapping, "en:", "fi:", 1))
	h.expect(Changed, 2, 0, "")
}

func TestAFeedThatBreaksOffChangesNothing(t *testing.T) {
	h, f := followFeed(t, titlesMapping)
	f.body = "id,name,year\na,One,2001\nb,Two,2002\nc,Three,2003\n"
	h.expect(Changed, 3, 0, "")
	f.body += "d,Four,2004\n"
	f.broken = true
	h.expect(Failed, 0, 0, "unexpected EOF")
	f.broken = false
	f.body = "id,name,year\na,\"One,2001\n"
	h.expect(Failed, 0, 0, "never closed")
	h.has(3, 0)
}

func TestAFeedMayBeRecords(t *testing.T) {
	h, f := followFeed(t, "")
	f.body = `{"type":"title","id":"a","kind":"movie"}` + "\n" + `{"type":"collection","id":"c","items":["a"]}` + "\n" +
		`{"type":"title","id":"a","op":"delete"}` + "\n" + "nonsense\n"
	o := h.expect(Changed, 1, 0, "")
	if o.Refused != 2 || !contains([]string{o.Refusals[0].String()}, "a source says what there is") || o.Refusals[1].Row != 4 {
		t.Errorf("refused are %v", o.Refusals)
	}
}

func TestAFeedsColumnsAreWatched(t *testing.T) {
	h, f := followFeed(t, titlesMapping)
	f.body = "id,name,year\na,One,2001\n"
	h.expect(Changed, 1, 0, "")
	f.body = "id,title,year\na,One,2001\n"
	h.expect(Stopped, 0, 0, "the column name is gone; new is title")
}

func TestAFeedMayBeProtected(t *testing.T) {
	h, f := followFeed(t, titlesMapping)
	f.body = "id,name,year\na,One,2001\n"
	h.source.Authorization = "TOKEN"
	h.expect(Failed, 0, 0, "the secret TOKEN is not there")
	t.Setenv("TOKEN", "Bearer hush")
	h.expect(Changed, 1, 0, "")
	if f.header.Get("Authorization") != "Bearer hush" {
		t.Errorf("the server got %v", f.header)
	}
}

func TestAFeedThatIsNotThereIsTriedAgain(t *testing.T) {
	h, _ := followFeed(t, titlesMapping)
	h.source.Feed = strings.Replace(h.source.Feed, "/feed", "/%zz", 1)
	h.expect(Failed, 0, 0, "get the feed")
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	h.source.Feed = gone.URL
	h.expect(Failed, 0, 0, "answers 404 Not Found")
	away, err := url.Parse(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	h.source.Feed = "http://" + away.Host
	h.expect(Failed, 0, 0, "get the feed")
}

func TestAProtectedFeedDoesNotLeadToAnUnprotectedOne(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	client := newClient()
	client.Transport = secure.Client().Transport
	response, err := (&feed{address: secure.URL, client: client}).get(t.Context(), Validators{})
	if err == nil {
		_ = response.Body.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("got %v", err)
	}
}

func TestAFeedMayBeAFile(t *testing.T) {
	h, _ := followFeed(t, titlesMapping)
	h.source.Feed = h.file("feed.csv", "id,name,year\na,One,2001\n")
	h.expect(Changed, 1, 0, "")
	h.expect(Unchanged, 0, 0, "")
	h.source.Feed = filepath.Join(h.dir, "nothing.csv")
	h.expect(Failed, 0, 0, "open the feed")
	h.has(1, 0)
}
