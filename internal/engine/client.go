package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Client hands work to an engine that runs in another process.
type Client struct {
	dbos dbos.Client
	ask  time.Duration // how often a handle asks whether an execution has ended
}

// NewClient opens the state of an engine that cfg names by Path or URL, as it
// does for New. The caller closes it.
func NewClient(ctx context.Context, cfg Config) (*Client, error) {
	cfg = cfg.fill()
	s, err := openState(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{ask: cfg.ask()}
	err = s.alone(ctx, func() (err error) {
		c.dbos, err = dbos.NewClient(ctx, dbos.ClientConfig{
			AppName: appName, SQLiteSystemDB: s.file, SystemDBPool: s.pool, DatabaseSchema: schema, Logger: slog.New(slog.DiscardHandler),
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the engine's state in %s: %w", s.name, err), s.close())
	}
	return c, nil
}

// SubmitTo queues an execution of the named workflow, as Workflow.Submit does.
func SubmitTo[P, R any](c *Client, name, id string, input P) (*Handle[R], error) {
	return submit[P, R](c.dbos, c.ask, name, id, input)
}

// Close lets go of the engine's state. It does not stop the engine.
func (c *Client) Close() error {
	return dbos.Shutdown(c.dbos, time.Second)
}
