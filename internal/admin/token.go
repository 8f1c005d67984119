package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"ovenbird/internal/database"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Token is what is known about a bearer token, which itself is known to nobody
// but its bearer.
type Token struct {
	ID      string    `json:"id" doc:"names the token; no secret"`
	Name    string    `json:"name" doc:"the actor in the feed of changes"`
	Role    Role      `json:"role" enum:"viewer,editor,publisher,admin,edge"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero" doc:"absent: never"`
	Used    time.Time `json:"used,omitzero" doc:"when it was last used, to the minute; absent: never"`
	Revoked time.Time `json:"revoked,omitzero" doc:"absent: it is not"`
}

// Tokens are the bearer tokens in a database. Any number of goroutines and
// processes may use it.
type Tokens struct {
	db     *database.DB
	ledger *ledger.Store
	now    func() time.Time
}

// NewTokens brings the API's tables up to date and returns the tokens in them.
// records is told of those that are made and revoked; nil is nobody. now is the
// clock; nil means time.Now.
func NewTokens(ctx context.Context, db *database.DB, records *ledger.Store, now func() time.Time) (*Tokens, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the tokens: %w", err)
	}
	if err := db.Migrate(ctx, "admin", files); err != nil {
		return nil, fmt.Errorf("open the tokens: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	return &Tokens{db: db, ledger: records, now: now}, nil
}

// A token reads "ovb_ID_SECRET". The prefix lets scanners of leaked secrets know
// it; the id finds its row, so that the secret is compared in constant time.
const tokenPrefix = "ovb_"

// maxTokenName is the length, in bytes, of the longest name of a token.
const maxTokenName = 128

// Create makes a token and returns it with its secret, which is not kept. A zero
// expires means never. No two tokens, revoked ones included, have the same name,
// because the feed of changes says no more than the name.
func (t *Tokens) Create(ctx context.Context, name string, role Role, expires time.Time) (secret string, made Token, err error) {
	now := t.now().UTC().Truncate(time.Second)
	switch {
	case strings.TrimSpace(name) != name || name == "" || len(name) > maxTokenName || !printable(name):
		return "", Token{}, ovenbird.Errorf(ovenbird.Invalid,
			"%.60q can not be the name of a token: use up to %d printable bytes, and no space at the ends", name, maxTokenName)
	case !expires.IsZero() && !expires.After(now):
		return "", Token{}, ovenbird.Errorf(ovenbird.Invalid, "the token would expire at %s, which is past", expires.Format(time.RFC3339))
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", Token{}, err
	}
	made = Token{ID: strings.ToLower(rand.Text()[:12]), Name: name, Role: role, Created: now, Expires: expires.UTC().Truncate(time.Second)}
	secret = tokenPrefix + made.ID + "_" + rand.Text() + rand.Text()
	err = t.db.Tx(ctx, func(tx *sql.Tx) error {
		var taken int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM admin_tokens WHERE name = $1`, name).Scan(&taken); err != nil {
			return err
		}
		if taken > 0 {
			return ovenbird.Errorf(ovenbird.Invalid, "there is, or was, a token with the name %q: use another", name)
		}
		const insert = `INSERT INTO admin_tokens (id, name, role, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`
		_, err := tx.ExecContext(ctx, insert,
			made.ID, name, string(role), hashOf(secret), stamp(now), nullStamp(made.Expires))
		if err != nil {
			return err
		}
		return t.ledger.Append(ctx, tx, ledger.Event{Action: "token.create", Target: made.Name, After: recorded(made)})
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("create token %q: %w", name, err)
	}
	return secret, made, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

//nolint:gosec // a query, no token
const selectTokens = `SELECT id, name, role, created_at, expires_at, used_at, revoked_at, hash FROM admin_tokens`

// List returns all tokens, also those that expired or were revoked, oldest first.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	var list []Token
	err := t.db.ReadTx(ctx, func(tx *sql.Tx) error {
		list = nil
		// An instant's text orders bytewise in every collation.
		rows, err := tx.QueryContext(ctx, selectTokens+` ORDER BY created_at, id`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err, below, has what matters
		for rows.Next() {
			token, _, err := scanToken(rows)
			if err != nil {
				return err
			}
			list = append(list, token)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list the tokens: %w", err)
	}
	return list, nil
}

// Revoke makes the token with an id or a name good for nothing, at once and for
// ever. To revoke one again succeeds.
func (t *Tokens) Revoke(ctx context.Context, idOrName string) (Token, error) {
	if !printable(idOrName) {
		return Token{}, ovenbird.Errorf(ovenbird.NotFound, "there is no token %q", idOrName)
	}
	var token Token
	err := t.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		token, _, err = scanToken(tx.QueryRowContext(ctx, selectTokens+` WHERE id = $1 OR name = $1`, idOrName))
		if errors.Is(err, sql.ErrNoRows) {
			return ovenbird.Errorf(ovenbird.NotFound, "there is no token %q; list the tokens to see which there are", idOrName)
		}
		if err != nil || !token.Revoked.IsZero() {
			return err
		}
		before := recorded(token)
		token.Revoked = t.now().UTC().Truncate(time.Second)
		_, err = tx.ExecContext(ctx, `UPDATE admin_tokens SET revoked_at = $1 WHERE id = $2`, stamp(token.Revoked), token.ID)
		if err != nil {
			return err
		}
		return t.ledger.Append(ctx, tx, ledger.Event{Action: "token.revoke", Target: token.Name, Before: before, After: recorded(token)})
	})
	if err != nil {
		return Token{}, fmt.Errorf("revoke token %q: %w", idOrName, err)
	}
	return token, nil
}

// Why a token is not accepted.
var (
	errNoToken      = errors.New("it is not one of this environment")
	errTokenExpired = errors.New("it has expired")
	errTokenRevoked = errors.New("it was revoked")
)

// authenticate returns the token that a secret is, or one of the errors above.
func (t *Tokens) authenticate(ctx context.Context, secret string) (Token, error) {
	id, _, ok := strings.Cut(strings.TrimPrefix(secret, tokenPrefix), "_")
	if !ok || !strings.HasPrefix(secret, tokenPrefix) || !printable(id) {
		return Token{}, errNoToken
	}
	var token Token
	var hash string
	err := t.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		token, hash, err = scanToken(tx.QueryRowContext(ctx, selectTokens+` WHERE id = $1`, id))
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Token{}, errNoToken
	case err != nil:
		return Token{}, fmt.Errorf("look the token up: %w", err)
	case subtle.ConstantTimeCompare([]byte(hash), []byte(hashOf(secret))) != 1:
		return Token{}, errNoToken
	}
	return token, t.judge(token)
}

// Admit says why a secret is no good token of exactly the role that is needed; ""
// where it is one. The error is for when that can not be told.
func (t *Tokens) Admit(ctx context.Context, secret string, needed Role) (refused string, err error) {
	token, err := t.authenticate(ctx, secret)
	switch {
	case errors.Is(err, errNoToken), errors.Is(err, errTokenExpired), errors.Is(err, errTokenRevoked):
		return err.Error(), nil
	case err != nil:
		return "", err
	case token.Role != needed:
		return fmt.Sprintf("its role is %s, and this needs %s", token.Role, needed), nil
	}
	_ = t.touch(ctx, token) // that it was used is worth less than the answer
	return "", nil
}

// judge says why a token is no longer good; nil where it is.
func (t *Tokens) judge(token Token) error {
	switch {
	case !token.Revoked.IsZero():
		return errTokenRevoked
	case !token.Expires.IsZero() && !t.now().Before(token.Expires):
		return errTokenExpired
	}
	return nil
}

// check looks again whether a token that was good still is.
func (t *Tokens) check(ctx context.Context, token Token) error {
	err := t.db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		token, _, err = scanToken(tx.QueryRowContext(ctx, selectTokens+` WHERE id = $1`, token.ID))
		return err
	})
	if err != nil {
		return fmt.Errorf("look token %s up: %w", token.ID, err)
	}
	return t.judge(token)
}

// touch notes that a token is used, at most once a minute.
func (t *Tokens) touch(ctx context.Context, token Token) error {
	now := t.now().UTC()
	if now.Sub(token.Used) < time.Minute {
		return nil
	}
	return t.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE admin_tokens SET used_at = $1 WHERE id = $2`, stamp(now), token.ID)
		return err
	})
}

func scanToken(row interface{ Scan(dest ...any) error }) (token Token, hash string, err error) {
	var created string
	var expires, used, revoked sql.NullString
	if err := row.Scan(&token.ID, &token.Name, &token.Role, &created, &expires, &used, &revoked, &hash); err != nil {
		return Token{}, "", err
	}
	if token.Created, err = time.Parse(time.RFC3339, created); err != nil {
		return Token{}, "", err
	}
	for _, f := range []struct {
		text sql.NullString
		at   *time.Time
	}{{expires, &token.Expires}, {used, &token.Used}, {revoked, &token.Revoked}} {
		if !f.text.Valid {
			continue
		}
		if *f.at, err = time.Parse(time.RFC3339, f.text.String); err != nil {
			return Token{}, "", err
		}
	}
	return token, hash, nil
}

// recorded is what the ledger keeps of a token: not when it was used.
func recorded(token Token) Token {
	token.Used = time.Time{}
	return token
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func nullStamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}
