package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"ovenbird/internal/ledger"
)

// What a request may hold and how long it may take to come. Before it is known
// who asks, the server's own limits hold; these are for bodies.
const (
	maxBody     = 4 << 20 // bytes of a title, license or collection: 100,000 items fit in
	maxBulk     = 32 << 20
	maxAction   = 64 << 10
	bodyTimeout = 15 * time.Second
	bulkTimeout = 2 * time.Minute
	// answerTimeout is how long a request may take once its body is there.
	answerTimeout = 2 * time.Minute
)

// How a client is told to say who it is (RFC 6750).
const (
	challenge = `Bearer realm="ovenbird"`
	whoAreYou = "Send a token as `Authorization: Bearer …`; make one with `ovenbird token create`."
)

type bearerKey struct{}

// bearer returns the token of a request that the guard let through.
func bearer(ctx context.Context) Token {
	t, _ := ctx.Value(bearerKey{}).(Token)
	return t
}

// guard lets only those through who may. It knows of every operation what role
// it needs, before anything of the request but its head is read; what it does
// not know it refuses.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if document, ok := a.documents[r.URL.Path]; ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			h.Set("Content-Type", document.mediaType)
			_, _ = w.Write(document.body)
			return
		}
		token, p := a.identify(r)
		if p != nil {
			p.write(w)
			return
		}
		operation, p := a.find(r)
		if p != nil {
			p.write(w)
			return
		}
		if !token.Role.May(operation.role) {
			problem(http.StatusForbidden, fmt.Sprintf("This needs the role %s; token %q has the role %s.",
				operation.role, token.Name, token.Role)).write(w)
			return
		}
		if err := a.Tokens.touch(r.Context(), token); err != nil {
			a.log.Warn("use of a token not noted", "token", token.Name, "error", err)
		}
		// The server's own deadlines are for strangers. A writer without any is one of a test.
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(operation.patience))
		_ = control.SetWriteDeadline(time.Now().Add(operation.patience + answerTimeout))
		// One byte more, so that who looks at the length can tell that it is too much.
		r.Body = http.MaxBytesReader(w, r.Body, operation.maxBody+1)
		ctx := ledger.By(r.Context(), token.Name)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, bearerKey{}, token)))
	})
}

// identify returns the token that a request carries.
func (a *API) identify(r *http.Request) (Token, *Problem) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return Token{}, problem(http.StatusUnauthorized, whoAreYou).with("WWW-Authenticate", challenge)
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Token{}, problem(http.StatusUnauthorized, whoAreYou).with("WWW-Authenticate", challenge)
	}
	token, err := a.Tokens.authenticate(r.Context(), strings.TrimSpace(secret))
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, errNoToken), errors.Is(err, errTokenExpired), errors.Is(err, errTokenRevoked):
		return Token{}, problem(http.StatusUnauthorized, fmt.Sprintf("The token is not good: %v.", err)).
			with("WWW-Authenticate", challenge+`, error="invalid_token"`)
	default:
		return Token{}, a.problemOf(err, "")
	}
}

// find returns the operation that a request asks for.
func (a *API) find(r *http.Request) (operation, *Problem) {
	if !strings.HasPrefix(r.URL.Path, "/") || path.Clean(r.URL.Path) != r.URL.Path {
		// http.ServeMux would send the client elsewhere; no id looks like this.
		return operation{}, problem(http.StatusNotFound, "There is nothing at this address.")
	}
	_, pattern := a.mux.Handler(r)
	if found, ok := a.operations[pattern]; ok {
		return found, nil
	}
	var allowed []string
	for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
		other := *r
		other.Method = method
		if _, pattern := a.mux.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return operation{}, problem(http.StatusNotFound, "There is nothing at this address; "+Prefix+"/openapi.json says what there is.")
	}
	return operation{}, problem(http.StatusMethodNotAllowed, "Use one of "+strings.Join(allowed, ", ")+" here.").
		with("Allow", strings.Join(allowed, ", "))
}

// readBody reads a whole body within the operation's limits.
func readBody(r *http.Request) ([]byte, *Problem) {
	body, err := io.ReadAll(r.Body)
	tooLarge, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		return body, nil
	case large:
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body may have %d bytes.", tooLarge.Limit-1))
	default:
		return nil, problem(http.StatusRequestTimeout, "The body did not arrive.")
	}
}

// recovered answers with a problem where a handler panics.
func (a *API) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch reason := recover(); {
			case reason == nil:
			case reason == http.ErrAbortHandler: //nolint:errorlint // net/http compares it like this, too
				panic(reason)
			case r.Context().Err() != nil: // nobody listens any more; huma panics where it can not write
			default:
				a.log.Error("admin request panicked", "path", r.URL.Path, "reason", reason, "stack", string(debug.Stack()))
				problem(http.StatusInternalServerError, "Something is broken here; the log of the server says what.").write(w)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
