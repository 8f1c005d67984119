package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ovenbird/internal/catalog"
)

// columnChanges compares the columns of a query with those of the last good run.
// Held are changes of columns that the mapping reads; noted are the others.
func columnChanges(query string, before, now []Column, used []string) (held, noted []string) {
	old, current := byName(before), byName(now)
	var came []string
	for _, c := range now {
		if _, was := old[c.Name]; !was {
			came = append(came, c.Name)
		}
	}
	for _, c := range before {
		kind, is := current[c.Name]
		var change string
		switch {
		case !is:
			change = fmt.Sprintf("query %s: the column %s is gone", query, c.Name)
			if len(came) > 0 {
				change += "; new is " + strings.Join(came, ", ")
			}
		case kind != c.Kind:
			change = fmt.Sprintf("query %s: the column %s was %s, and is %s", query, c.Name, c.Kind, kind)
		default:
			continue
		}
		if slices.Contains(used, c.Name) {
			held = append(held, change)
		} else {
			noted = append(noted, change+"; the mapping does not read it")
		}
	}
	if before != nil {
		for _, name := range came {
			noted = append(noted, fmt.Sprintf("query %s: the column %s is new; the mapping does not read it", query, name))
		}
	}
	return held, noted
}

func byName(columns []Column) map[string]Kind {
	kinds := make(map[string]Kind, len(columns))
	for _, c := range columns {
		kinds[c.Name] = c.Kind
	}
	return kinds
}

// Losses are the records of a type that a source gave, and those of them that it
// has no longer.
type Losses struct {
	Had      int64 `json:"had"`
	Vanished int64 `json:"vanished"`
}

// tooMany says which losses are more than a share of what there was, or all of
// it. One record alone may always go, unless it was the only one. Allowed are
// the losses that a person has accepted: as many, not more.
func tooMany(losses, allowed map[catalog.RecordType]Losses, share float64) []string {
	var held []string
	for _, kind := range slices.Sorted(maps.Keys(losses)) {
		l := losses[kind]
		many := l.Vanished == l.Had || l.Vanished > 1 && float64(l.Vanished) > share*float64(l.Had)
		if l.Vanished == 0 || !many || l.Vanished <= allowed[kind].Vanished {
			continue
		}
		held = append(held, fmt.Sprintf("%d of %d %s records vanished", l.Vanished, l.Had, kind))
	}
	return held
}
