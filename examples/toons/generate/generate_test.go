package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

const site = ".."

func generated(t *testing.T) map[string][]byte {
	t.Helper()
	titles, err := readTitles(filepath.Join(site, "catalog.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(titles)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWhatIsCheckedInIsWhatIsGenerated(t *testing.T) {
	files := generated(t)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(site, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run go run ./examples/toons/generate", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(site, "artwork"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := files[filepath.Join("artwork", e.Name())]; !ok {
			t.Errorf("artwork/%s belongs to no title; remove it", e.Name())
		}
	}
}

func TestArtworkIsSmallAndWellFormed(t *testing.T) {
	for name, body := range generated(t) {
		if filepath.Ext(name) != ".svg" {
			continue
		}
		if len(body) >= 2048 {
			t.Errorf("%s has %d bytes", name, len(body))
		}
		for d := xml.NewDecoder(bytes.NewReader(body)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

func TestTheDemoIsAliveOnEveryDay(t *testing.T) {
	var starts, ends []time.Time
	for _, l := range licenses() {
		start, err := time.Parse(time.RFC3339, l.Start)
		if err != nil {
			t.Fatal(err)
		}
		end, err := time.Parse(time.RFC3339, l.End)
		if err != nil || !end.After(start) {
			t.Fatalf("%s: ends %s, after %s: %v", l.ID, l.End, l.Start, err)
		}
		starts, ends = append(starts, start), append(ends, end)
	}
	within := func(instants []time.Time, from time.Time, days int) int {
		n := 0
		for _, at := range instants {
			if !at.Before(from) && at.Before(from.AddDate(0, 0, days)) {
				n++
			}
		}
		return n
	}
	quiet, days := 0, 0
	for day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC); day.Year() < 2031 || day.Month() < time.December; day = day.AddDate(0, 0, 1) {
		days++
		if opens, closes := within(starts, day, 30), within(ends, day, 30); opens < 5 || closes < 5 {
			t.Errorf("from %s, %d open and %d close within 30 days", day.Format(time.DateOnly), opens, closes)
		}
		if within(starts, day, 1)+within(ends, day, 1) == 0 {
			quiet++
		}
	}
	if quiet*10 > days {
		t.Errorf("%d of %d days have no boundary", quiet, days)
	}
}

func TestTheRotationIsTheRailThatShowsIt(t *testing.T) {
	file, err := os.Open(filepath.Join(site, "catalog.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	var want []string
	for _, r := range rotation {
		want = append(want, r.title)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record struct {
			Type, ID, Title string
			Items           []string
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		if record.Type == "collection" && record.ID == "now-showing" && !slices.Equal(record.Items, want) {
			t.Errorf("now-showing has %v, the rotation %v", record.Items, want)
		}
		if record.Type == "license" && (slices.Contains(want, record.Title) || slices.Contains(winter, record.Title)) {
			t.Errorf("%s is on rotation and has a license %s of its own besides", record.Title, record.ID)
		}
	}
}
