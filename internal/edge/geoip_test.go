package edge_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/edge"
	"ovenbird/internal/geoip/geoiptest"
)

// A refreshed file is taken up while the edge runs; one that is broken is not.
func TestARefreshedGeoIPFileIsTakenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	written := noon
	put := func(body []byte) {
		t.Helper()
		written = written.Add(time.Second)
		if err := os.WriteFile(file+".new", body, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file+".new", written, written); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		put(geoiptest.Database(1, map[string]string{"193.166.0.0/16": "FI", "2001:708::/32": "FI"}))
		s := newSite(t, edge.Config{Country: "geoip:" + file})
		s.publish(world)
		if err := s.edge.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		peers := map[string]string{"193.166.1.1:1": finnish, "[2001:708::1]:1": finnish, "[::ffff:193.166.1.1]:1": finnish}
		check := func() {
			t.Helper()
			for peer, body := range peers {
				s.from(peer, "/tv/titles/t1.json").want(t, 200, body)
			}
		}
		check()
		put(geoiptest.Database(2, map[string]string{"193.166.0.0/16": "US", "2001:708::/32": "FI"}))
		wait(time.Minute)
		peers["193.166.1.1:1"], peers["[::ffff:193.166.1.1]:1"] = us, us
		check()
		put([]byte("broken"))
		wait(time.Minute)
		check()
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		check()
		put(geoiptest.Database(3, map[string]string{"193.166.0.0/16": "FI"}))
		wait(time.Minute)
		s.from("193.166.1.1:1", "/tv/titles/t1.json").want(t, 200, finnish)
		s.from("[2001:708::1]:1", "/tv/titles/t1.json").want(t, 403, "")
		if err := s.edge.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
