package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// The documents of baketest.Sources as a program has them that writes each by hand.
type (
	homeDocument struct {
		Collections []listedCollection `json:"collections"`
	}
	listedCollection struct {
		ID     string     `json:"id"`
		Name   *string    `json:"name"`
		Titles []cardData `json:"titles"`
	}
	cardData struct {
		ID            string     `json:"id"`
		Kind          string     `json:"kind"`
		Name          *string    `json:"name"`
		ShortSynopsis *string    `json:"shortSynopsis"`
		Image         *imageLink `json:"image"`
	}
	imageLink struct {
		URL string `json:"url"`
	}

	titleDocument struct {
		Title any `json:"title"`
	}
	titleData struct {
		ID        string       `json:"id"`
		Kind      string       `json:"kind"`
		Name      *string      `json:"name"`
		Synopsis  *string      `json:"synopsis"`
		Year      *int         `json:"year"`
		Runtime   *int         `json:"runtime"`
		Genres    []string     `json:"genres"`
		Cast      []string     `json:"cast"`
		Directors []string     `json:"directors"`
		Rating    *ratingData  `json:"rating"`
		Image     *imageData   `json:"image"`
		Seasons   []seasonData `json:"seasons"`
	}
	endingTitle struct {
		titleData
		Availability *struct {
			End *string `json:"end"`
		} `json:"availability"`
	}
	ratingData struct {
		System string `json:"system"`
		Value  string `json:"value"`
		Age    *int   `json:"age"`
	}
	imageData struct {
		URL    string `json:"url"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
	}
	seasonData struct {
		ID       string        `json:"id"`
		Number   *string       `json:"number"`
		Episodes []episodeData `json:"episodes"`
	}
	episodeData struct {
		ID            string  `json:"id"`
		Number        *string `json:"number"`
		Name          *string `json:"name"`
		ShortSynopsis *string `json:"shortSynopsis"`
	}

	collectionDocument struct {
		Collection struct {
			Name       *string    `json:"name"`
			Pages      int        `json:"pages"`
			TitleCount int        `json:"titleCount"`
			Titles     []cardData `json:"titles"`
		} `json:"collection"`
	}
	leavingDocument struct {
		Leaving []struct {
			Leaves string    `json:"leaves"`
			Title  namedData `json:"title"`
		} `json:"leaving"`
	}
	searchDocument struct {
		Search []namedData `json:"search"`
	}
	namedData struct {
		ID   string  `json:"id"`
		Name *string `json:"name"`
	}
)

// structOf returns a document as a struct.
func structOf(d document) (any, error) {
	var into any
	switch d.kind {
	case "home":
		into = new(homeDocument)
	case "collections":
		into = new(collectionDocument)
	case "leaving":
		into = new(leavingDocument)
	case "search":
		into = new(searchDocument)
	default:
		var with struct{ Title map[string]json.RawMessage }
		if err := json.Unmarshal(d.body, &with); err != nil {
			return nil, err
		}
		title := &titleDocument{Title: new(titleData)}
		if _, ends := with.Title["availability"]; ends {
			title.Title = new(endingTitle)
		}
		into = title
	}
	return into, json.Unmarshal(d.body, into)
}

// naive is the shortest program that writes the documents: it has each as a struct,
// marshals it with encoding/json, and writes it to a file of its own.
func naive(_ context.Context, dir string, documents []document) (time.Duration, func(int) string, error) {
	structs := make([]any, len(documents))
	for i, d := range documents {
		var err error
		if structs[i], err = structOf(d); err != nil {
			return 0, nil, fmt.Errorf("%s: %w", d.body, err)
		}
	}
	file := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%06d.json", i)) }
	syscall.Sync() // what others have written is not its work
	start := time.Now()
	var group sync.WaitGroup
	failed := make([]error, runtime.GOMAXPROCS(0))
	for worker := range failed {
		group.Go(func() {
			for i := worker; i < len(structs) && failed[worker] == nil; i += len(failed) {
				var body []byte
				if body, failed[worker] = json.Marshal(structs[i]); failed[worker] == nil {
					failed[worker] = os.WriteFile(file(i), body, 0o600)
				}
			}
		})
	}
	group.Wait()
	return time.Since(start), file, errors.Join(failed...)
}
