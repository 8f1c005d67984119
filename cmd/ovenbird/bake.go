package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/bake"
	"ovenbird/internal/engine"
	"ovenbird/internal/ledger"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/trace"
)

func (c *cli) bake() *cobra.Command {
	var request bake.Request
	var at string
	cmd := &cobra.Command{
		Use:   "bake",
		Short: "Bake the catalog now and publish the release",
		Long:  "Bake computes a release from the catalog and publishes it. Where `ovenbird up` runs on the environment, it does the work.",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			asOf, err := parseInstant(at)
			if err != nil {
				return err
			}
			if asOf.After(time.Now()) {
				return ovenbird.Errorf(ovenbird.Invalid, "--at %s is still to come: what opens until then would be served now", at)
			}
			request.Reason, request.AsOf = "command", asOf
			e, err := c.openToBake(cmd.Context())
			if err != nil {
				return err
			}
			defer e.close() //nolint:errcheck // the release is published or it is not
			return c.traced(cmd.Context(), "bake command", e, func(ctx context.Context) error {
				request.Trace = trace.Parent(ctx)
				outcome, err := c.bakeRecorded(ctx, e, request)
				if err != nil {
					return err
				}
				return c.tell(outcome)
			})
		},
	}
	cmd.Flags().BoolVar(&request.Full, "full", false, "bake everything, even where an update would do")
	cmd.Flags().BoolVar(&request.Anew, "anew", false,
		"bake everything and share nothing with what is in the bucket: mends releases after something there was lost or damaged")
	cmd.Flags().BoolVar(&request.AllowShrink, "allow-shrink", false, "publish even if many documents are gone")
	cmd.Flags().StringVar(&at, "at", "", "bake as of this past instant (RFC 3339) instead of now")
	return cmd
}

// bakeRecorded records that a person asked for a bake, and then bakes. The release
// that comes of it is recorded where it is made.
func (c *cli) bakeRecorded(ctx context.Context, e *environment, request bake.Request) (bake.Outcome, error) {
	if err := c.openLedger(ctx, e); err != nil {
		return bake.Outcome{}, err
	}
	what := asked{request.Full, request.Anew, request.AllowShrink, request.AsOf}
	err := e.ledger.Add(ctx, ledger.Event{Action: "bake.request", After: what})
	if err != nil {
		return bake.Outcome{}, err
	}
	outcome, err := bakeNow(ctx, e, request)
	if err == nil && outcome.Status == bake.Published {
		_, err = e.recordReleases(ctx, nil)
	}
	return outcome, err
}

// asked is what of a request for a bake the ledger keeps.
type asked struct {
	Full        bool      `json:"full,omitempty"`
	Anew        bool      `json:"anew,omitempty"`
	AllowShrink bool      `json:"allow_shrink,omitempty"`
	AsOf        time.Time `json:"as_of,omitzero"`
}

// bakeNow bakes in this process, or in the one that runs the engine.
func bakeNow(ctx context.Context, e *environment, request bake.Request) (outcome bake.Outcome, err error) {
	unlock, err := e.lock()
	if errors.Is(err, engine.ErrRunning) {
		return bakeThere(ctx, e, request)
	}
	if err != nil {
		return bake.Outcome{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	runs, service, err := e.baker(ctx, nil, nil, nil)
	if err != nil {
		return bake.Outcome{}, err
	}
	defer func() { err = errors.Join(err, runs.Stop(context.WithoutCancel(ctx))) }()
	if err := runs.Start(ctx, nil); err != nil {
		return bake.Outcome{}, err
	}
	return service.Bake(ctx, request)
}

func bakeThere(ctx context.Context, e *environment, request bake.Request) (outcome bake.Outcome, err error) {
	client, err := engine.NewClient(ctx, e.engine())
	if err != nil {
		return bake.Outcome{}, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	handle, err := engine.SubmitTo[bake.Request, bake.Outcome](client, bake.WorkflowName, "", request)
	if err != nil {
		return bake.Outcome{}, err
	}
	return handle.Wait(ctx)
}

// tell prints what a bake did; a held release is an error.
func (c *cli) tell(o bake.Outcome) error {
	if err := c.print(o, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s %s: %d documents as of %s, %d subjects made in %s\n", o.Status, o.Release, o.Documents,
			o.AsOf.Format(time.RFC3339), o.Remade, o.Took.Round(time.Millisecond))
		return err
	}); err != nil {
		return err
	}
	if o.Status == bake.Stopped {
		return ovenbird.Errorf(ovenbird.Held, "the release is held: %s", o.Why)
	}
	return nil
}
