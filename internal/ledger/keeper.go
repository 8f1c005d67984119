package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// ErrDiverged is in the chain of what a Keeper returns where the database is not
// what the newest checkpoint says: to sign it would hide that.
var ErrDiverged = errors.New("the database contradicts the newest checkpoint; see `ovenbird audit verify`")

// KeeperConfig says how a Keeper works.
type KeeperConfig struct {
	Environment string
	Poll        time.Duration // how often it looks for something new; 0 means 1 s
	Settle      time.Duration // how long after something new it signs; 0 means 2 s
	Gap         time.Duration // from one checkpoint to the next, at least; 0 means 15 s
}

// KeeperDeps is what a Keeper works with.
type KeeperDeps struct {
	Ledger *Store
	Bucket *bucket.Bucket
	// Key returns the key, and may make it: it is asked when there is something to sign.
	Key func() (Key, error)
	Log *slog.Logger // nil discards
}

// Keeper makes checkpoints. It is a lifecycle service; any number of processes may
// run one on the same environment, each with a key of its own or with the same.
type Keeper struct {
	cfg  KeeperConfig
	deps KeeperDeps

	stop context.CancelFunc
	done chan struct{}
}

// NewKeeper returns a Keeper that is not started.
func NewKeeper(cfg KeeperConfig, deps KeeperDeps) *Keeper {
	cfg.Poll, cfg.Settle, cfg.Gap = cmp.Or(cfg.Poll, time.Second), cmp.Or(cfg.Settle, 2*time.Second), cmp.Or(cfg.Gap, 15*time.Second)
	deps.Log = cmp.Or(deps.Log, slog.New(slog.DiscardHandler))
	return &Keeper{cfg: cfg, deps: deps, done: make(chan struct{})}
}

// Checkpoint makes a checkpoint where there is something new, and returns the
// newest; nil where nothing ever happened. It fails with ErrDiverged where the
// database is not what the one before says.
func (k *Keeper) Checkpoint(ctx context.Context) (*Note, error) {
	n, err := k.checkpoint(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("make a checkpoint of the ledger: %w", err)
	}
	return n, nil
}

// Announce says, in a checkpoint of its own, that the database is about to become
// another one. Whatever comes of it, Restored or Checkpoint has to follow.
func (k *Keeper) Announce(ctx context.Context, why string) error {
	// What there is now is signed before it goes, unless it can not be.
	if _, err := k.checkpoint(ctx, false); err != nil && !errors.Is(err, ErrDiverged) {
		return fmt.Errorf("announce that the database changes: %w", err)
	}
	for {
		newest, version, err := k.newest(ctx)
		if err != nil {
			return fmt.Errorf("announce that the database changes: %w", err)
		}
		next := k.after(newest)
		if newest != nil {
			next.Ledger, next.Feed = newest.Ledger, newest.Feed
		}
		next.Restoring = why
		if _, err = k.publish(ctx, next, version); !errors.Is(err, bucket.ErrChanged) {
			return err
		}
	}
}

// Restored records that the database has become another one, as Announce said, and
// makes the checkpoint with which the chains go on.
func (k *Keeper) Restored(ctx context.Context) (*Note, error) {
	n, err := k.checkpoint(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("record that the database was restored: %w", err)
	}
	return n, nil
}

// checkpoint makes checkpoints until nobody got in between.
func (k *Keeper) checkpoint(ctx context.Context, restored bool) (*Note, error) {
	for {
		n, err := k.attempt(ctx, restored)
		if !errors.Is(err, bucket.ErrChanged) {
			return n, err
		}
	}
}

// attempt reads in an order in which others that write meanwhile do no harm: what
// is known of a checkpoint came after it, and it after what it says.
func (k *Keeper) attempt(ctx context.Context, restored bool) (*Note, error) {
	store := k.deps.Ledger
	known, err := store.knownCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	newest, version, err := k.newest(ctx)
	if err != nil {
		return nil, err
	}
	next := k.after(newest)
	switch matches, err := store.matches(ctx, newest); {
	case err != nil:
		return nil, err
	case newest != nil && newest.Restoring != "":
		if next.Restored = !matches || restored; next.Restored {
			err = k.restore(ctx, newest, matches, &next)
		}
		if err != nil {
			return nil, err
		}
	case !matches:
		return nil, ovenbird.Errorf(ovenbird.Held, "%w", ErrDiverged)
	case known >= next.Number:
		return nil, ovenbird.Errorf(ovenbird.Held, "%w: the database knows of checkpoint %d, and the newest in the bucket is %d",
			ErrDiverged, known, next.Number-1)
	}
	n, err := k.goOn(ctx, newest, next, version)
	if err != nil || n == newest {
		return n, err
	}
	return n, store.know(ctx, n)
}

// goOn signs what there is behind the newest checkpoint, which it returns where
// there is nothing.
func (k *Keeper) goOn(ctx context.Context, newest *Note, next Checkpoint, version bucket.Version) (*Note, error) {
	store := k.deps.Ledger
	if err := store.sealFeed(ctx); err != nil {
		return nil, err
	}
	var err error
	if next.Ledger, next.Feed, err = store.reach(ctx); err != nil {
		return nil, err
	}
	base := Reach{}
	if newest != nil {
		base = newest.Ledger
	}
	if newest == nil && next.Ledger.Sequence == 0 && next.Feed.Sequence == 0 {
		return nil, nil //nolint:nilnil // nothing happened yet, and nothing failed
	}
	if newest != nil && newest.Restoring == "" && newest.Ledger == next.Ledger && newest.Feed == next.Feed {
		return newest, nil
	}
	if err := k.introduce(ctx); err != nil {
		return nil, err
	}
	if next.Ledger, next.Feed, err = store.reach(ctx); err != nil {
		return nil, err
	}
	if next.Restored { // a person has taken it as it is
		return k.publish(ctx, next, version)
	}
	if err := store.linked(ctx, base, next.Ledger); err != nil {
		return nil, err
	}
	return k.publish(ctx, next, version)
}

// introduce records the key that signs, so that who verifies knows it.
func (k *Keeper) introduce(ctx context.Context) error {
	key, err := k.deps.Key()
	if err != nil {
		return err
	}
	return k.deps.Ledger.AddOnce(ctx, Event{Action: KeyAction, Target: key.Public, Why: "it signs checkpoints of the ledger"})
}

// KeyAction is the action of records that introduce keys.
const KeyAction = "key.create"

// RestoreAction is the action of the record that a restored database begins with.
const RestoreAction = "database.restore"

// restore records that the database is another one now, and finds the checkpoint
// that it goes on from.
func (k *Keeper) restore(ctx context.Context, announced *Note, matches bool, next *Checkpoint) error {
	next.Continues = announced.Number
	if !matches {
		var err error
		if next.Continues, err = k.base(ctx, announced.Number); err != nil {
			return err
		}
	}
	ledger, feed, err := k.deps.Ledger.reach(ctx)
	if err != nil {
		return err
	}
	type reaches struct {
		Ledger Reach `json:"ledger"`
		Feed   Reach `json:"feed"`
	}
	return k.deps.Ledger.AddOnce(ctx, Event{
		Action: RestoreAction, Target: fmt.Sprintf("checkpoint %d", announced.Number), Why: announced.Restoring,
		Before: reaches{announced.Ledger, announced.Feed}, After: reaches{ledger, feed},
	})
}

// base returns the newest checkpoint before a number that the database still holds
// what it says; 0 where there is none.
func (k *Keeper) base(ctx context.Context, before int64) (int64, error) {
	for number := before - 1; number > 0; number-- {
		body, _, err := k.deps.Bucket.Read(ctx, checkpointKey(number))
		if errors.Is(err, bucket.ErrNotFound) {
			continue // Verify says that it is missing
		}
		if err != nil {
			return 0, ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
		}
		n, err := readNote(body)
		if err != nil {
			continue // and that it is damaged
		}
		if matches, err := k.deps.Ledger.matches(ctx, n); err != nil || matches {
			return number, err
		}
	}
	return 0, nil
}

// newest returns the newest checkpoint, nil where there is none, and what the
// bucket has for a version of the copy of it. Where that is lost or damaged, it is
// the checkpoint with the highest number.
func (k *Keeper) newest(ctx context.Context) (*Note, bucket.Version, error) {
	body, version, err := k.deps.Bucket.Read(ctx, latestKey)
	if err != nil && !errors.Is(err, bucket.ErrNotFound) {
		return nil, "", ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
	}
	if n, err := readNote(body); err == nil {
		return n, version, nil
	}
	var key string
	for object, err := range k.deps.Bucket.List(ctx, numbered) {
		if err != nil {
			return nil, "", ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
		}
		key = object.Key
	}
	if key == "" {
		return nil, version, nil
	}
	if body, _, err = k.deps.Bucket.Read(ctx, key); err != nil {
		return nil, "", ovenbird.Errorf(ovenbird.Unavailable, "%w", err)
	}
	n, err := readNote(body)
	if err != nil {
		return nil, "", ovenbird.Errorf(ovenbird.Held, "%w: %s in the bucket: %w", ErrDiverged, key, err)
	}
	return n, version, nil
}

// after begins the checkpoint that comes after another.
func (k *Keeper) after(newest *Note) Checkpoint {
	next := Checkpoint{
		Environment: k.cfg.Environment, Number: 1, At: k.deps.Ledger.deps.Now().UTC().Truncate(time.Millisecond), Previous: newest.hash(),
	}
	if newest != nil {
		next.Number = newest.Number + 1
	}
	return next
}

// publish signs a checkpoint and writes it. It fails with bucket.ErrChanged where
// another one has that number; then that one is made the newest, so that who was
// killed between the two writes leaves nothing that stands in the way.
func (k *Keeper) publish(ctx context.Context, c Checkpoint, version bucket.Version) (*Note, error) {
	key, err := k.deps.Key()
	if err != nil {
		return nil, err
	}
	n, err := c.sign(key)
	if err != nil {
		return nil, err
	}
	lost := k.deps.Bucket.Create(ctx, checkpointKey(c.Number), n.Body)
	if errors.Is(lost, bucket.ErrChanged) {
		other, _, err := k.deps.Bucket.Read(ctx, checkpointKey(c.Number))
		if err != nil {
			return nil, err
		}
		if n, err = readNote(other); err != nil || n.Number != c.Number || n.Previous != c.Previous {
			return nil, ovenbird.Errorf(ovenbird.Held, "%w: %s in the bucket does not follow the checkpoint before",
				ErrDiverged, checkpointKey(c.Number))
		}
	} else if lost != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "%w", lost)
	}
	if _, err := k.deps.Bucket.Swap(ctx, latestKey, n.Body, version); err != nil {
		return nil, err
	}
	return n, lost
}

// Start begins to make checkpoints.
func (k *Keeper) Start(ctx context.Context, _ func(error)) error {
	ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(k.done)
		k.run(ctx)
	}()
	return nil
}

// Stop makes a last checkpoint and ends.
func (k *Keeper) Stop(ctx context.Context) error {
	k.stop()
	select {
	case <-k.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := k.Checkpoint(ctx); err != nil {
		k.deps.Log.ErrorContext(ctx, "the last checkpoint of the ledger was not made; the next start makes it", "error", err)
	}
	return nil
}

// run makes a checkpoint some time after something new was there, and not too often.
func (k *Keeper) run(ctx context.Context) {
	ticker := time.NewTicker(k.cfg.Poll)
	defer ticker.Stop()
	var signed, seen progress
	var since, made time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := k.deps.Ledger.progress(ctx)
		if err != nil || now == signed {
			continue // a database that is away is somebody else's to tell of
		}
		if now != seen && seen == signed {
			since = time.Now()
		}
		seen = now
		if time.Since(since) < k.cfg.Settle || time.Since(made) < k.cfg.Gap {
			continue
		}
		made = time.Now()
		if _, err := k.Checkpoint(ctx); err != nil {
			if ctx.Err() == nil {
				k.deps.Log.ErrorContext(ctx, "no checkpoint of the ledger", "error", err)
			}
			continue
		}
		if signed, err = k.deps.Ledger.progress(ctx); err != nil {
			signed = progress{} // then it is looked at once more
		}
		seen = signed
	}
}

// progress is how far both chains are, unsealed entries too.
type progress struct{ ledger, feed int64 }

func (s *Store) progress(ctx context.Context) (p progress, err error) {
	err = s.deps.DB.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		if err := tx.QueryRowContext(ctx, `SELECT sequence FROM ledger_head`).Scan(&p.ledger); err != nil {
			return err
		}
		p.feed, err = s.deps.Feed.SequenceIn(ctx, tx)
		return err
	})
	return p, err
}
