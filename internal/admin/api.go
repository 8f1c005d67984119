package admin

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/trace"
)

// Prefix is where the API begins at its address. A change that breaks clients
// comes under another one.
const Prefix = "/admin/v1"

// API is the admin API. It is an http.Handler, and a lifecycle service that ends
// what lasts: stop it before the server that serves it.
type API struct {
	// Tokens says who may use the API.
	Tokens *Tokens

	cfg      Config
	catalog  *catalog.Store
	releases *release.Store
	bakes    baker
	ledger   *ledger.Store
	answers  *answers
	now      func() time.Time
	log      *slog.Logger
	tracer   *trace.Tracer

	huma       huma.API
	mux        *http.ServeMux
	handler    http.Handler
	operations map[string]operation // by the mux's pattern
	documents  map[string]document  // for everybody, by path
	snapshots  snapshots
	feed       *feed
}

// operation is what the guard knows of an operation.
type operation struct {
	role     Role
	maxBody  int64
	patience time.Duration // for the body to arrive
}

// document is a body that never changes.
type document struct {
	mediaType string
	body      []byte
}

// New brings the API's tables up to date and returns it.
func New(ctx context.Context, cfg Config, deps Deps) (*API, error) {
	if deps.DB == nil || deps.Catalog == nil || deps.Releases == nil || deps.Bakes == nil || deps.Drafts == nil || deps.Webhooks == nil ||
		deps.Ledger == nil || cfg.Rules == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal,
			"an admin API needs a database, a catalog, releases, a baker, drafts, webhooks, a ledger and rules")
	}
	cfg.Version = cmp.Or(cfg.Version, "dev")
	cfg.Poll = cmp.Or(cfg.Poll, 250*time.Millisecond)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	cfg.MaxStreams = cmp.Or(cfg.MaxStreams, 64)
	if deps.Now == nil {
		deps.Now = time.Now
	}
	tokens, err := NewTokens(ctx, deps.DB, deps.Ledger, deps.Now)
	if err != nil {
		return nil, err
	}
	a := &API{
		Tokens: tokens,
		cfg:    cfg, catalog: deps.Catalog, releases: deps.Releases, bakes: deps.Bakes, ledger: deps.Ledger, now: deps.Now,
		log: cmp.Or(deps.Log, slog.New(slog.DiscardHandler)), tracer: deps.Tracer,
		answers:    &answers{db: deps.DB, now: deps.Now},
		mux:        http.NewServeMux(),
		operations: make(map[string]operation),
		snapshots:  snapshots{catalog: deps.Catalog},
		feed:       newFeed(deps.Catalog, cfg.Poll, cfg.MaxStreams),
	}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, a.humaConfig())
	a.registerRecords()
	a.registerSearch()
	a.registerBulk()
	a.registerChanges()
	a.registerDrafts(deps.Drafts)
	a.registerReleases()
	a.registerWebhooks(deps.Webhooks)
	a.registerExplanations()
	a.registerTokens()
	a.registerAudit()
	if err := a.writeDocuments(); err != nil {
		return nil, err
	}
	a.handler = a.recovered(a.guard(a.traced(a.repeatable(a.mux))))
	return a, nil
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Start begins to watch the feed for those who follow it.
func (a *API) Start(context.Context, func(error)) error { return nil }

// Stop ends the streams of changes. Other requests are the server's to end.
func (a *API) Stop(context.Context) error {
	a.feed.stop()
	return nil
}

// OpenAPI returns the OpenAPI 3.1 document as JSON.
func (a *API) OpenAPI() []byte { return a.documents[Prefix+"/openapi.json"].body }

const description = `The admin API of Ovenbird: the catalog, its feed of changes, and releases.

Every request needs a bearer token; each operation says which role. A role may do what the ones before it may:
viewer, editor, publisher, admin. A write to one record says what it expects to find: If-Match with the ETag that was read,
If-Match: * for anything, or If-None-Match: * for nothing. Errors are problem documents (RFC 9457).`

func (a *API) humaConfig() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(typeOf[huma.ErrorModel](), typeOf[Problem]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Ovenbird admin API", Version: a.cfg.Version, Description: description,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "made with `ovenbird token create`"},
				},
			},
			Tags: []*huma.Tag{
				{Name: "titles"},
				{Name: "licenses"},
				{Name: "collections"},
				{Name: "records", Description: "many at once"},
				{Name: "drafts", Description: "groups of edits, published as one"},
				{Name: "changes", Description: "the feed: who changed what, when"},
				{Name: "releases"},
				{Name: "webhooks", Description: "who is told of what happens"},
				{Name: "tokens"},
				{Name: "audit", Description: "who changed what, when, before and after"},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{asProblem},
	}
}

// register adds an operation that needs a role.
func register[I, O any](a *API, role Role, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{"token": {string(role)}}}
	op.MaxBodyBytes = cmp.Or(op.MaxBodyBytes, maxAction)
	op.BodyReadTimeout = cmp.Or(op.BodyReadTimeout, bodyTimeout)
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	if op.Extensions == nil {
		op.Extensions = map[string]any{"x-role": string(role)}
	}
	a.operations[op.Method+" "+Prefix+op.Path] = operation{role, op.MaxBodyBytes, op.BodyReadTimeout}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, carried(a.problemOf(err, ""))
		}
		return out, nil
	})
}

// writeDocuments writes the OpenAPI document once everything is registered.
func (a *API) writeDocuments() error {
	asJSON, err := a.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	asYAML, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	a.documents = map[string]document{
		Prefix + "/openapi.json": {"application/openapi+json", asJSON},
		Prefix + "/openapi.yaml": {"application/openapi+yaml", asYAML},
	}
	return nil
}
