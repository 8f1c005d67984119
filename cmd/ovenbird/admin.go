package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"time"

	"ovenbird/internal/admin"
	"ovenbird/internal/bake"
	"ovenbird/internal/edge"
	"ovenbird/internal/engine"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/source"
)

// noAdmin in place of an address leaves the admin API out.
const noAdmin = "none"

// adminAddress is where the admin API listens unless the flag says: on this
// machine alone, one port above the viewers', or any that is free where theirs is.
func adminAddress(flag, viewers string) string {
	if flag != "" {
		return flag
	}
	_, port, err := net.SplitHostPort(viewers)
	number, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil || number == 0 {
		return "127.0.0.1:0"
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(number+1))
}

// adminAPI returns the admin API of an environment.
func (e *environment) adminAPI(
	ctx context.Context, service *bake.Service, log *slog.Logger, now func() time.Time,
) (*admin.API, error) {
	content := &e.site.Content
	return admin.New(ctx, admin.Config{Rules: content.Rules, Editions: content.Editions()}, admin.Deps{
		DB: e.database, Catalog: e.catalog, Releases: e.releases, Bakes: bakes{service}, Drafts: e.drafts, Webhooks: e.webhooks,
		Ledger: e.ledger, Now: now, Log: log, Tracer: e.tracer,
	})
}

// addAdmin adds the admin API, and the webhooks of sources beside it, to what
// runs, unless it is to be left out. The
// function that it returns says where it is.
func (c *cli) addAdmin(
	ctx context.Context, group *lifecycle.Group, e *environment, service *bake.Service, follower *source.Service, listen string,
	log *slog.Logger, now func() time.Time,
) (tell func(), err error) {
	if listen == noAdmin {
		return func() {}, nil
	}
	api, err := e.adminAPI(ctx, service, log, now)
	if err != nil {
		return nil, err
	}
	server := edge.NewServer(listen, withWebhooks(api, follower), log)
	group.Add("admin server", server)
	group.Add("admin", api) // after its server, to end the streams before that waits for them
	return func() { c.note("admin URL http://%s%s", server.Addr(), admin.Prefix) }, nil
}

// bakes lets the admin API ask for bakes.
type bakes struct{ service *bake.Service }

// Submit queues a bake.
func (b bakes) Submit(ctx context.Context, r admin.BakeRequest) (string, error) {
	return b.service.Submit(ctx, bake.Request{Reason: r.Reason, Full: r.Full, AllowShrink: r.AllowShrink})
}

// Find tells how far a bake is.
func (b bakes) Find(ctx context.Context, id string) (admin.Bake, error) {
	progress, outcome, failure, err := b.service.Find(ctx, id)
	if err != nil {
		return admin.Bake{}, err
	}
	found := admin.Bake{ID: id}
	switch {
	case progress == engine.Queued:
		found.Status = admin.BakeQueued
	case progress == engine.Running:
		found.Status = admin.BakeRunning
	case failure != nil:
		found.Status, found.Why = admin.BakeFailed, failure.Error()
	default:
		found.Status = admin.BakeStatus(outcome.Status)
		found.Release, found.Sequence, found.Documents, found.Why = outcome.Release, outcome.Sequence, outcome.Documents, outcome.Why
	}
	return found, nil
}
