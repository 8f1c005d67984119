package site

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"ovenbird/internal/facts"
)

// fingerprint is everything of a site that can change a document, in a form that
// encodes the same way in every version of the program: country sets as codes.
type fingerprint struct {
	Variations json.RawMessage
	Ages       map[string]map[string]int
	Groups     map[string][]membership
	Editions   []edition
	Shapes     []shapeMark
}

type membership struct {
	From      time.Time
	Countries string
}

type edition struct {
	Name          string
	Countries     string
	RequiresVideo bool
	MaxAge        int
	Chains        [][2]any
	Boards        [][2]any
}

type shapeMark struct {
	Application   string
	Path          string
	PageSize      int
	LongestPrefix int
	Text          string
}

// hash returns the SHA-256 of the fingerprint, in hex.
func hash(s *Site) string {
	mark := fingerprint{
		Variations: s.Variations(),
		Ages:       make(map[string]map[string]int),
		Groups:     make(map[string][]membership),
	}
	for rating, age := range s.Content.Rules.Ages {
		if mark.Ages[rating.System] == nil {
			mark.Ages[rating.System] = make(map[string]int)
		}
		mark.Ages[rating.System][rating.Value] = age
	}
	for name, group := range s.Content.Rules.Groups {
		for _, m := range group {
			mark.Groups[name] = append(mark.Groups[name], membership{m.From, m.Countries.String()})
		}
	}
	for _, e := range s.Content.Editions() {
		mark.Editions = append(mark.Editions, markEdition(e))
	}
	for _, a := range s.Content.Applications {
		for _, d := range a.Documents {
			text := meaning(d.Source().Text)
			mark.Shapes = append(mark.Shapes, shapeMark{a.Name, d.Template().String(), d.PageSize(), d.LongestPrefix(), text})
		}
	}
	encoded, err := json.Marshal(mark)
	if err != nil {
		panic("site: a fingerprint of plain values does not encode: " + err.Error())
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}

func markEdition(e *facts.Edition) edition {
	mark := edition{Name: e.Name(), Countries: e.Countries.String(), RequiresVideo: e.RequiresVideo, MaxAge: e.MaxAge}
	for _, c := range e.Chains {
		mark.Chains = append(mark.Chains, [2]any{c.Countries.String(), c.Locales})
	}
	for _, b := range e.Boards {
		mark.Boards = append(mark.Boards, [2]any{b.Countries.String(), b.Systems})
	}
	return mark
}
