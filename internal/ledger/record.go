package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Author is who changes something, and from which files.
type Author struct {
	Name   string // of a person or a program
	Commit string // of the site's files in git; "" where they are in none
	Dirty  bool   // whether files differ from the commit
}

// Event is a change to be recorded. What is empty may stay so, but for Action.
type Event struct {
	Action string // a noun and a verb: "token.create"
	Target string // what was changed: an id
	// Author is who did it; what it leaves empty is taken from the context (By), and
	// from Deps.
	Author Author
	Why    string
	// Before and After become JSON; nil is nothing.
	Before, After any
}

// Chain names one of the two logs.
type Chain string

// The chains.
const (
	Ledger Chain = "ledger" // records of this package
	Feed   Chain = "feed"   // edits of the catalog
)

// Entry is a record of the ledger, or an entry of the catalog's feed seen as one.
type Entry struct {
	Chain    Chain           `json:"chain" enum:"ledger,feed"`
	Sequence int64           `json:"sequence" doc:"1, 2, 3… in each chain, in the order of commits, without gaps"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor"`
	Action   string          `json:"action" example:"token.create"`
	Target   string          `json:"target,omitempty"`
	Commit   string          `json:"commit,omitempty" doc:"of the site's files in git"`
	Dirty    bool            `json:"dirty,omitempty" doc:"whether files differed from the commit"`
	Why      string          `json:"why,omitempty"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Hash     string          `json:"hash,omitempty" doc:"of a record of the ledger, and so of all before it"`
}

// actorKey is where a context has who acts.
type actorKey struct{}

// By returns a context in which what happens is done by an actor.
func By(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// actorIn returns who acts in a context, "" where it does not say.
func actorIn(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}

// stampForm is RFC 3339 with milliseconds, always three of them.
const stampForm = "2006-01-02T15:04:05.000Z"

// row is a record as the table has it. Reading text alone, nothing that anybody
// wrote there can keep a row from being read and judged.
type row struct {
	sequence                                        int64
	at, actor, action, target, revision, dirty, why sql.NullString
	before, after                                   sql.NullString
	previous, hash                                  sql.NullString
}

const columns = `sequence, at, actor, action, target, revision, dirty, why, before, after, previous, hash`

func scanRow(from interface{ Scan(dest ...any) error }) (r row, err error) {
	var sequence string
	err = from.Scan(&sequence, &r.at, &r.actor, &r.action, &r.target, &r.revision, &r.dirty, &r.why, &r.before, &r.after,
		&r.previous, &r.hash)
	if err != nil {
		return r, err
	}
	if r.sequence, err = strconv.ParseInt(sequence, 10, 64); err != nil {
		r.sequence = unnumbered
	}
	return r, nil
}

// unnumbered is the sequence of a row whose own is no number.
const unnumbered = -1

// content is what the hash of a record is over, with the sequence that it is to have.
func (r *row) content(sequence int64) []sql.NullString {
	return []sql.NullString{
		text(strconv.FormatInt(sequence, 10)), r.at, r.actor, r.action, r.target, r.revision, r.dirty, r.why, r.before, r.after, r.previous,
	}
}

// digest is the hash that the record has to have.
func (r *row) digest() string { return digest(r.content(r.sequence)) }

// entry reads a row. Where its instant was made unreadable it is zero: Verify
// tells of that.
func (r *row) entry() Entry {
	at, _ := time.Parse(time.RFC3339, r.at.String)
	return Entry{
		Chain: Ledger, Sequence: r.sequence, At: at, Actor: r.actor.String, Action: r.action.String, Target: r.target.String,
		Commit: r.revision.String, Dirty: r.dirty.String == "1", Why: r.why.String, Before: raw(r.before), After: raw(r.after),
		Hash: r.hash.String,
	}
}

// raw returns JSON, or text as JSON where somebody has made it something else.
func raw(s sql.NullString) json.RawMessage {
	switch {
	case !s.Valid:
		return nil
	case json.Valid([]byte(s.String)):
		return json.RawMessage(s.String)
	}
	quoted, _ := json.Marshal(s.String) //nolint:errchkjson // text always can be
	return quoted
}

func text(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }

// digest is the SHA-256, in hexadecimal, of columns: for each a byte that says
// whether it is NULL, and its length, so that no two lists have the same bytes.
func digest(columns []sql.NullString) string {
	h := sha256.New()
	var head [9]byte
	for _, c := range columns {
		head[0] = 0
		if c.Valid {
			head[0] = 1
		}
		binary.BigEndian.PutUint64(head[1:], uint64(len(c.String)))
		h.Write(head[:])
		h.Write([]byte(c.String))
	}
	return hex.EncodeToString(h.Sum(nil))
}
