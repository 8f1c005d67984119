package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// mostWords is how many words of a question count.
const mostWords = 64

// Search is what Store.Search looks for.
type Search struct {
	// Text is what somebody types: words between spaces, of which the last may be
	// the beginning of one. It is data: no character in it means anything else.
	// Without a word in it, it finds nothing.
	Text string
	// Type is TypeTitle or TypeCollection for those alone; "" means both.
	Type RecordType
	// After is the Next of the page before; "" begins. Limit 0 means 20.
	After string
	Limit int
}

// Hit is a title or a collection that has all the words, and one of its texts
// that does, or has most of them where none has all.
type Hit struct {
	Type   RecordType         `json:"type"`
	ID     string             `json:"id"`
	Kind   ovenbird.Kind      `json:"kind,omitempty"` // of a title
	Field  ovenbird.TextField `json:"field"`
	Locale ovenbird.Locale    `json:"locale"`
	Text   string             `json:"text"`
}

// Hits is a page of what a search finds.
type Hits struct {
	Hits []Hit
	// Next is what to go on after; "" where that was all.
	Next string
}

// Search finds titles and collections by words in their texts, in any language,
// as words.Terms takes them apart: those that have them in names come first, and
// of each kind those that have the last word whole; then it goes by id. Both
// databases find the same.
func (s *Store) Search(ctx context.Context, search Search) (Hits, error) {
	phrases := words.Phrases(search.Text, mostWords)
	from, err := parsePlace(search.After)
	if err != nil || len(phrases) == 0 {
		return Hits{}, err
	}
	if err := s.catchUp(ctx); err != nil {
		return Hits{}, err
	}
	limit := cmp.Or(search.Limit, 20)
	var out Hits
	err = s.db.ReadTx(ctx, func(tx *sql.Tx) error {
		r := newReader(tx)
		found, err := r.find(ctx, finding{s.index, phrases, search.Type, from, limit + 1})
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
			out.Next = found[limit-1].String()
		}
		out.Hits, err = r.hits(ctx, found, phrases)
		return err
	})
	if err != nil {
		return Hits{}, fmt.Errorf("search: %w", err)
	}
	return out, nil
}

// ranks are the ways to have the words, best first. Each holds those of without,
// which were found before.
var ranks = []struct {
	whole, names bool
	without      []int
}{
	{whole: true, names: true},
	{names: true, without: []int{0}},
	{whole: true, without: []int{1}},
	{without: []int{1, 2}},
}

// foundAt is where a hit stands among the others.
type foundAt struct {
	rank int
	id   string
	typ  RecordType
}

// String is the place as a cursor.
func (f foundAt) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(f.rank) + " " + f.id + " " + string(f.typ)))
}

func parsePlace(cursor string) (f foundAt, err error) {
	if cursor == "" {
		return f, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.Split(string(text), " ")
	if err == nil && len(parts) == 3 && ovenbird.CheckID(parts[1]) == nil {
		f.id, f.typ = parts[1], RecordType(parts[2])
		f.rank, err = strconv.Atoi(parts[0])
	}
	if err != nil || f.id == "" || f.rank < 0 || f.rank >= len(ranks) || f.typ != TypeTitle && f.typ != TypeCollection {
		return foundAt{}, ovenbird.Errorf(ovenbird.Invalid, "the cursor is none of a search: use the next of the page before")
	}
	return f, nil
}

// finding is a question to the index.
type finding struct {
	index   indexer
	phrases []words.Phrase
	typ     RecordType
	from    foundAt
	limit   int
}

// findOrder is how a query of an indexer ends.
const findOrder = ` AND ($2 = '' OR type = $2) AND (id, type) > ($3, $4) ORDER BY id, type LIMIT $5`

// find asks rank by rank, until there is enough.
func (r *reader) find(ctx context.Context, f finding) ([]foundAt, error) {
	if err := f.index.prepare(ctx, r.tx); err != nil {
		return nil, err
	}
	var found []foundAt
	questions := make([]string, len(ranks))
	for i := range ranks {
		questions[i] = f.index.question(f.phrases, ranks[i].whole, ranks[i].names)
	}
	for rank := f.from.rank; rank < len(ranks) && len(found) < f.limit; rank++ {
		args := []any{questions[rank], string(f.typ), f.from.id, string(f.from.typ), f.limit - len(found)}
		for _, before := range ranks[rank].without {
			args = append(args, questions[before])
		}
		err := r.each(ctx, f.index.find(len(ranks[rank].without)), where{args: args}, func(rows *sql.Rows) error {
			at := foundAt{rank: rank}
			err := rows.Scan(&at.typ, &at.id)
			found = append(found, at)
			return err
		})
		if err != nil {
			return nil, err
		}
		f.from.id, f.from.typ = "", ""
	}
	return found, nil
}

// hits reads what was found, and says where the words are.
func (r *reader) hits(ctx context.Context, found []foundAt, phrases []words.Phrase) ([]Hit, error) {
	var ids [2][]string
	for _, f := range found {
		if f.typ == TypeTitle {
			ids[0] = append(ids[0], f.id)
		} else {
			ids[1] = append(ids[1], f.id)
		}
	}
	titles := make(map[ovenbird.TitleID]*ovenbird.Title)
	if err := r.titles(ctx, titles, in("id", ids[0])...); err != nil {
		return nil, err
	}
	collections := make(map[ovenbird.CollectionID]*ovenbird.Collection)
	if err := r.collections(ctx, collections, in("id", ids[1])...); err != nil {
		return nil, err
	}
	hits := make([]Hit, 0, len(found))
	for _, f := range found {
		hit := Hit{Type: f.typ, ID: f.id}
		var texts ovenbird.Texts
		if title := titles[ovenbird.TitleID(f.id)]; f.typ == TypeTitle && title != nil {
			hit.Kind, texts = title.Kind, title.Texts
		} else if c := collections[ovenbird.CollectionID(f.id)]; f.typ == TypeCollection && c != nil {
			texts = c.Texts
		}
		hit.locate(texts, phrases)
		hits = append(hits, hit)
	}
	return hits, nil
}

// locate chooses the text that has most of what is asked for, of equal ones the first.
func (h *Hit) locate(texts ovenbird.Texts, phrases []words.Phrase) {
	best := -1
	for _, t := range inOrder(texts) {
		if score := scoreOf(words.Terms(t.text), phrases); score > best {
			best = score
			h.Field, h.Locale, h.Text = t.field, t.locale, t.text
		}
	}
}

// scoreOf counts the phrases that a text has, the last one double where it is whole.
func scoreOf(terms []string, phrases []words.Phrase) (score int) {
	for i, p := range phrases {
		last := i == len(phrases)-1
		if hasPhrase(terms, p, last) {
			score += 2
		}
		if last && hasPhrase(terms, p, false) {
			score++
		}
	}
	return score
}

// hasPhrase reports whether the words stand beside each other in a text, of the
// last one perhaps only the beginning.
func hasPhrase(terms []string, p words.Phrase, begins bool) bool {
	same := func(term, word string) bool { return term == word || begins && strings.HasPrefix(term, word) }
	if p.Joined != "" && slices.ContainsFunc(terms, func(term string) bool { return same(term, p.Joined) }) {
		return true
	}
	first, last := p.Words[:len(p.Words)-1], p.Words[len(p.Words)-1]
	for i := 0; i+len(first) < len(terms); i++ {
		if slices.Equal(terms[i:i+len(first)], first) && same(terms[i+len(first)], last) {
			return true
		}
	}
	return false
}
