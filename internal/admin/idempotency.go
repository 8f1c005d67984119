package admin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"ovenbird/internal/database"
)

// Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a client that
// does not know whether its request arrived sends it again with the same key,
// and gets the answer that it had, or would have had, the first time.
//
// What a request writes to the catalog and its answer are committed together, so
// that even a crash in between leaves both or neither.

const (
	// answerKept is how long an answer is given again.
	answerKept = 24 * time.Hour
	// answerAbandoned is when a request that has no answer yet is taken for dead.
	answerAbandoned = 5 * time.Minute
	maxKey          = 255
	maxAnswer       = 8 << 20 // bytes; a longer one is not kept
)

// answer is what a request was answered with.
type answer struct {
	Status  int
	Headers map[string]string
	Body    []byte
}

// keptHeaders are the headers of an answer that are given again.
var keptHeaders = []string{"Content-Type", "ETag", "Location"}

// answers are the answers to requests with keys.
type answers struct {
	db  *database.DB
	now func() time.Time
}

// attempt is a request with a key that is being answered.
type attempt struct {
	answers    *answers
	token, key string
}

type attemptKey struct{}

// attemptOf returns the attempt that a request is, nil where it has no key.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// begin claims a key for a request. It returns the answer to give again where
// there is one, or a problem where the key is in use or means something else.
func (s *answers) begin(ctx context.Context, token, key, request string) (again *answer, err error) {
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		again = nil
		now := s.now().UTC()
		if _, err := tx.ExecContext(ctx, `DELETE FROM admin_answers WHERE at < $1 OR status = 0 AND at < $2`,
			stamp(now.Add(-answerKept)), stamp(now.Add(-answerAbandoned))); err != nil {
			return err
		}
		var had answer
		var asked, headers, body string
		const query = `SELECT request, status, headers, body FROM admin_answers WHERE token = $1 AND key = $2`
		err := tx.QueryRowContext(ctx, query, token, key).Scan(&asked, &had.Status, &headers, &body)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			_, err := tx.ExecContext(ctx,
				`INSERT INTO admin_answers (token, key, request, at, status, headers, body) VALUES ($1, $2, $3, $4, 0, '', '')`,
				token, key, request, stamp(now))
			return err
		case err != nil:
			return err
		case asked != request:
			return problem(http.StatusUnprocessableEntity,
				"The Idempotency-Key was used for another request in the last 24 hours: use a new key for each request.")
		case had.Status == 0:
			return problem(http.StatusConflict, "A request with this Idempotency-Key is being answered: try again soon.").
				with("Retry-After", "1")
		}
		had.Body, again = []byte(body), &had
		return json.Unmarshal([]byte(headers), &had.Headers)
	})
	if err != nil {
		return nil, fmt.Errorf("look for the answer to idempotency key %q: %w", key, err)
	}
	return again, nil
}

// keep writes the answer down in a transaction.
func (a *attempt) keep(ctx context.Context, tx *sql.Tx, given answer) error {
	headers, err := json.Marshal(given.Headers)
	if err != nil {
		return err
	}
	const update = `UPDATE admin_answers SET status = $1, headers = $2, body = $3 WHERE token = $4 AND key = $5 AND status = 0`
	_, err = tx.ExecContext(ctx, update,
		given.Status, string(headers), string(given.Body), a.token, a.key)
	return err
}

// end keeps the answer, or gives the key free where the same request may have
// another answer another time. An answer that was committed with what it is about
// stays, whatever happened afterwards.
func (a *attempt) end(ctx context.Context, given *answer) error {
	return a.answers.db.Tx(ctx, func(tx *sql.Tx) error {
		if given != nil && given.Status < 500 && len(given.Body) <= maxAnswer {
			return a.keep(ctx, tx, *given)
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM admin_answers WHERE token = $1 AND key = $2 AND status = 0`, a.token, a.key)
		return err
	})
}

// validKey reports whether s can be a key: 1 to 255 visible ASCII characters, in
// quotes (as the draft has it) or not.
func validKey(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxKey
}

// repeatable answers requests with a key once.
func (a *API) repeatable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" && len(r.Header.Values("Idempotency-Key")) == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if !validKey(key) {
			problem(http.StatusBadRequest, "Idempotency-Key has to be 1 to 255 visible ASCII characters.").write(w)
			return
		}
		body, p := readBody(r)
		if p != nil {
			p.write(w)
			return
		}
		token := bearer(r.Context()).ID
		again, err := a.answers.begin(r.Context(), token, key, fingerprint(r, body))
		switch {
		case err != nil:
			a.problemOf(err, "").write(w)
		case again != nil:
			again.write(w)
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			a.attempt(w, r, next, &attempt{answers: a.answers, token: token, key: key})
		}
	})
}

// attempt answers a request for the first time.
func (a *API) attempt(w http.ResponseWriter, r *http.Request, next http.Handler, try *attempt) {
	ctx := context.WithValue(r.Context(), attemptKey{}, try)
	recorder := &recorder{ResponseWriter: w}
	finished := false
	defer func() {
		given := recorder.answer()
		if !finished { // a panic
			given = nil
		}
		// The client may be gone; what it will ask for again stays.
		if err := try.end(context.WithoutCancel(ctx), given); err != nil {
			a.log.Error("answer not kept", "key", try.key, "error", err)
		}
	}()
	next.ServeHTTP(recorder, r.WithContext(ctx))
	finished = true
}

// fingerprint is a hash of all of a request that its answer depends on.
func fingerprint(r *http.Request, body []byte) string {
	h := sha256.New()
	for _, part := range []string{
		r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("If-Match"), r.Header.Get("If-None-Match"),
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part) //nolint:errcheck // a hash takes everything
	}
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

func (x *answer) write(w http.ResponseWriter) {
	for name, value := range x.Headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Body)
}

// recorder remembers an answer while it is sent.
type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader remembers the status and sends it.
func (w *recorder) WriteHeader(status int) {
	w.status = cmp.Or(w.status, status)
	w.ResponseWriter.WriteHeader(status)
}

// Write remembers what fits and sends it.
func (w *recorder) Write(b []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	if w.body.Len() <= maxAnswer {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// answer returns what was sent.
func (w *recorder) answer() *answer {
	given := &answer{Status: cmp.Or(w.status, http.StatusOK), Headers: make(map[string]string), Body: w.body.Bytes()}
	for _, name := range keptHeaders {
		if value := w.Header().Get(name); value != "" {
			given.Headers[name] = value
		}
	}
	return given
}
