package toons_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/audit"
	"ovenbird/internal/bake"
	"ovenbird/internal/model"
	"ovenbird/internal/release"
)

// objects keeps what a bake renders.
type objects struct {
	mu     sync.Mutex
	bodies map[release.Hash][]byte
}

func (o *objects) Add(body []byte) (release.Hash, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	hash := release.HashOf(body)
	o.bodies[hash] = append([]byte(nil), body...)
	return hash, nil
}

// served returns the documents of a variation, by path, cards put in.
func (o *objects) served(rows map[release.Key]release.Row, v model.Variation) (map[string][]byte, error) {
	documents := make(map[string][]byte)
	card := func(slot string) ([]byte, bool) {
		hash, ok := rows[release.Key{Edition: v.Edition(), Path: slot}].Object(v.Country)
		return o.bodies[hash], ok
	}
	for key, row := range rows {
		hash, ok := row.Object(v.Country)
		if key.Edition != v.Edition() || key.IsCard() || !ok {
			continue
		}
		body := o.bodies[hash]
		if release.IsTemplate(body) {
			template, err := release.ParseTemplate(body)
			if err != nil {
				return nil, err
			}
			if body, err = template.Render(nil, card); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
		documents[key.Path] = body
	}
	return documents, nil
}

// TestEveryDocumentIsWhatTheModelSaysAndLeadsSomewhere goes over every document of
// variations of the demo site, each at one of the instants of a day at which
// something changes, or a moment before: one in eight, which takes seconds where
// all of them would take minutes. Every title and collection that a document
// mentions has its own document there and then.
func TestEveryDocumentIsWhatTheModelSaysAndLeadsSomewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("renders every document of the demo site a second time, slowly")
	}
	s, snapshot := demo(t)
	sink := &objects{bodies: make(map[release.Hash][]byte)}
	asOf := time.Date(2027, 2, 28, 13, 0, 0, 0, time.UTC)
	program := &bake.Program{Rules: s.Content.Rules, Horizon: s.Content.Schedule.Horizon}
	for _, a := range s.Content.Applications {
		program.Applications = append(program.Applications, bake.Application{Name: a.Name, Editions: a.Editions, Plans: a.Documents})
	}
	state, err := bake.Full(t.Context(), program, snapshot, asOf, sink)
	if err != nil {
		t.Fatal(err)
	}
	rules := audit.Rules(&s.Content)
	judge, err := model.New(rules, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var instants []time.Time
	for _, at := range append([]time.Time{asOf}, judge.Transitions(asOf, asOf.Add(program.Horizon))...) {
		instants = append(instants, at, at.Add(-time.Nanosecond))
	}
	instants[1] = asOf.Add(time.Nanosecond)
	documents, variations := 0, rules.Variations()
	for i, at := range instants {
		rows := make(map[release.Key]release.Row)
		for row := range state.Content.At(at).All() {
			rows[row.Key] = row
		}
		for j, v := range variations {
			if (i+j)%(8*len(instants)) != 0 {
				continue
			}
			found, err := sink.served(rows, v)
			if err != nil {
				t.Fatalf("%s %s at %s: %v", v.Country, v.Edition(), at, err)
			}
			documents += len(found)
			for _, d := range judge.At(v, at).Compare(found) {
				t.Fatalf("%s %s %s at %s:\nexpected %s\nfound    %s", v.Country, v.Edition(), d.Path, at, d.Expected, d.Found)
			}
			if err := leadSomewhere(found); err != nil {
				t.Errorf("%s %s at %s: %v", v.Country, v.Edition(), at, err)
			}
		}
	}
	t.Logf("%d documents of %d variations at %d instants", documents, len(variations), len(instants))
	if len(instants) < 4 || documents < 10000 {
		t.Errorf("only %d documents at %d instants: too few to say anything", documents, len(instants))
	}
}

// leadSomewhere reports an id that a document mentions and that has no document.
func leadSomewhere(documents map[string][]byte) error {
	for path, body := range documents {
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if missing := missingBelow(value, "titles/%s.json", documents); missing != "" {
			return fmt.Errorf("%s mentions what has no document %s", path, missing)
		}
	}
	return nil
}

// missingBelow returns the address of a title or collection that a value mentions
// by its id and that documents lack; "" where there is none. address is that of
// the value itself.
func missingBelow(value any, address string, documents map[string][]byte) string {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if missing := missingBelow(element, address, documents); missing != "" {
				return missing
			}
		}
	case map[string]any:
		if id, ok := value["id"]; ok && documents[fmt.Sprintf(address, id)] == nil {
			return fmt.Sprintf(address, id)
		}
		for key, member := range value {
			below := "titles/%s.json"
			if strings.HasPrefix(key, "collection") {
				below = "collections/%s/1.json"
			}
			if missing := missingBelow(member, below, documents); missing != "" {
				return missing
			}
		}
	}
	return ""
}
