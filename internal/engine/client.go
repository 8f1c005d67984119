package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
)

// Client hands work to an engine that runs in another process.
type Client struct {
	db   *sql.DB
	dbos dbos.Client
}

// NewClient opens the state of an engine at path. The caller closes it.
func NewClient(ctx context.Context, path string) (*Client, error) {
	db, err := open(path)
	if err != nil {
		return nil, err
	}
	client, err := dbos.NewClient(ctx, dbos.ClientConfig{
		AppName: appName, SQLiteSystemDB: db, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the engine's state %s: %w", path, err), db.Close())
	}
	return &Client{db: db, dbos: client}, nil
}

// SubmitTo queues an execution of the named workflow, as Workflow.Submit does.
func SubmitTo[P, R any](c *Client, name, id string, input P) (*Handle[R], error) {
	return submit[P, R](c.dbos, name, id, input)
}

// Close lets go of the engine's state. It does not stop the engine.
func (c *Client) Close() error {
	return errors.Join(dbos.Shutdown(c.dbos, time.Second), c.db.Close())
}
