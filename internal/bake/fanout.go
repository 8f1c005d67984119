package bake

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// shardTask is what the engine knows the making of a shard as.
const shardTask = "shard"

const (
	shardsPerProcess = 3 // so that a slow process holds the others up less
	// maxShards keeps the packs of a release few: each shard writes one at least.
	maxShards = 24
)

// plan is what is decided about a bake before anything is made. Shards is 0, and
// what comes behind it is empty, where the process that runs the bake makes it alone.
type plan struct {
	Update bool `json:"update,omitempty"` // of what this process has in memory
	Shards int  `json:"shards,omitempty"`
	// Catalog is where the snapshot lies that all shards are made of. To read
	// the catalog would not do: it may have changed since another process did.
	Catalog  release.Hash `json:"catalog,omitzero"`
	Sequence int64        `json:"catalog_sequence,omitempty"`
	Parent   *release.Ref `json:"parent,omitempty"` // the release to follow; nil for the first
	AsOf     time.Time    `json:"as_of,omitzero"`
	Program  string       `json:"program,omitempty"` // site and build of the process that plans
	Began    time.Time    `json:"began,omitzero"`
}

// shardOrder asks a process for a shard.
type shardOrder struct {
	Plan  plan  `json:"plan"`
	Share Share `json:"share"`
}

// shardResult says where what was made of a shard lies.
type shardResult struct {
	// Refused says why the process did not make the shard; then the rest is empty.
	Refused string         `json:"refused,omitempty"`
	Pieces  release.Hash   `json:"pieces,omitzero"` // a stash
	Packs   []release.Hash `json:"packs,omitempty"`
	Remade  int            `json:"remade,omitempty"`
}

// larder is what a process keeps of a bake that processes make together, because
// it makes several shards of it: until the next one, or until it has been of no
// use for a while.
type larder struct {
	mu       sync.Mutex
	stash    release.Hash
	snapshot *ovenbird.Snapshot
	sharer   *Sharer
	timer    *time.Timer
}

// keepLarder is how long a larder is kept that nobody uses.
const keepLarder = time.Minute

// plan decides whether the processes make a bake together: where there are
// several, everything is to be made, and that is worth it.
func (s *Service) plan(ctx context.Context, request Request, asOf time.Time) (plan, error) {
	processes := s.deps.Engine.Processes()
	parent, err := s.current(ctx)
	if err == nil && s.goesOn(request, parent, asOf) {
		return plan{Update: true}, nil
	}
	if err == nil && processes > 1 {
		_, err = s.deps.Releases.Begin(ctx, parent)
	}
	// Where the release before can not be gone on from, one process makes the next.
	if lost(err) || request.Anew || err == nil && processes < 2 {
		return plan{}, nil
	}
	if err != nil {
		return plan{}, err
	}
	began := time.Now()
	snapshot, err := s.deps.Catalog.Snapshot(ctx)
	if err != nil || len(snapshot.Titles)*s.cfg.Program.editions() < s.cfg.FanOut {
		return plan{}, err
	}
	pieces, err := encodeSnapshot(snapshot)
	if err != nil {
		return plan{}, err
	}
	stash, err := s.deps.Releases.Stash(ctx, pieces)
	if err != nil {
		return plan{}, fmt.Errorf("share the catalog: %w", err)
	}
	s.larder.fill(stash, snapshot, NewSharer(s.cfg.Program, snapshot, asOf))
	p := plan{
		Shards: min(shardsPerProcess*processes, maxShards), Catalog: stash, Sequence: snapshot.Sequence,
		AsOf: asOf, Program: s.program, Began: began,
	}
	if parent != nil {
		ref := parent.Ref()
		p.Parent = &ref
	}
	s.cfg.Log.Info("baking together", "processes", processes, "shards", p.Shards)
	return p, nil
}

// spread has the processes make the shards of a plan.
func (s *Service) spread(run *engine.Run, p plan) ([]shardResult, error) {
	orders := make([]shardOrder, p.Shards)
	for i := range orders {
		orders[i] = shardOrder{Plan: p, Share: Share{Index: i, Of: p.Shards}}
	}
	return engine.Spread(run, s.shards, orders)
}

// bakeShard is the task. A process that has another site or is another build,
// because somebody is replacing the processes one by one, leaves the shard to the
// one that joins them.
func (s *Service) bakeShard(run *engine.Run, order shardOrder) (shardResult, error) {
	return engine.Step(run, "shard", func(ctx context.Context) (shardResult, error) {
		if order.Plan.Program != s.program {
			return shardResult{Refused: "the process that took it has another site or is another build"}, nil
		}
		return s.makeShard(ctx, order)
	})
}

// makeShard writes the objects of a shard into packs, and what else Join needs
// to know into a stash.
func (s *Service) makeShard(ctx context.Context, order shardOrder) (shardResult, error) {
	p := order.Plan
	_, sharer, err := s.stock(ctx, p)
	if err != nil {
		return shardResult{}, err
	}
	parent, err := s.parent(ctx, p)
	if err != nil {
		return shardResult{}, err
	}
	writer, err := s.deps.Releases.Begin(ctx, parent)
	if err != nil {
		return shardResult{}, err
	}
	pieces, remade, err := sharer.Shard(ctx, order.Share, &sink{ctx: ctx, writer: writer})
	if err != nil {
		return shardResult{}, err
	}
	packs, err := writer.Seal(ctx)
	if err != nil {
		return shardResult{}, err
	}
	stash, err := s.deps.Releases.Stash(ctx, pieces)
	if err != nil {
		return shardResult{}, err
	}
	return shardResult{Pieces: stash, Packs: packs, Remade: remade}, nil
}

// join puts the shards together to the state that a bake of everything by this
// process would have left it, and makes those that were refused.
func (s *Service) join(ctx context.Context, p plan, shards []shardResult, writer *release.Writer) (*State, error) {
	s.warm = nil // its memory may be had
	snapshot, _, err := s.stock(ctx, p)
	if err != nil {
		return nil, err
	}
	var pieces [][]byte
	remade := 0
	for i, shard := range shards {
		if shard.Refused != "" {
			s.cfg.Log.Warn("a shard is made here", "shard", i, "why", shard.Refused)
			if shard, err = s.makeShard(ctx, shardOrder{Plan: p, Share: Share{Index: i, Of: p.Shards}}); err != nil {
				return nil, err
			}
		}
		remade += shard.Remade
		if err := writer.Adopt(ctx, shard.Packs); err != nil {
			return nil, err
		}
		if err := s.deps.Releases.Unstash(ctx, shard.Pieces, func(piece []byte) error {
			pieces = append(pieces, slices.Clone(piece))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	state, err := Join(s.cfg.Program, snapshot, p.AsOf, pieces, &sink{ctx: ctx, writer: writer})
	if err != nil {
		return nil, err
	}
	state.Remade = remade
	return state, nil
}

// stock returns the snapshot that all shards of a plan are made of, and who makes
// them in this process.
func (s *Service) stock(ctx context.Context, p plan) (*ovenbird.Snapshot, *Sharer, error) {
	if snapshot, sharer := s.larder.look(p.Catalog); sharer != nil {
		return snapshot, sharer, nil
	}
	var pieces [][]byte
	if err := s.deps.Releases.Unstash(ctx, p.Catalog, func(piece []byte) error {
		pieces = append(pieces, slices.Clone(piece))
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("read the shared catalog: %w", err)
	}
	snapshot, err := decodeSnapshot(p.Sequence, pieces)
	if err != nil {
		return nil, nil, err
	}
	sharer := NewSharer(s.cfg.Program, snapshot, p.AsOf)
	s.larder.fill(p.Catalog, snapshot, sharer)
	return snapshot, sharer, nil
}

func (l *larder) look(stash release.Hash) (*ovenbird.Snapshot, *Sharer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stash != stash {
		return nil, nil
	}
	l.timer.Reset(keepLarder)
	return l.snapshot, l.sharer
}

func (l *larder) fill(stash release.Hash, snapshot *ovenbird.Snapshot, sharer *Sharer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stash, l.snapshot, l.sharer = stash, snapshot, sharer
	if l.timer == nil {
		l.timer = time.AfterFunc(keepLarder, l.empty)
	}
	l.timer.Reset(keepLarder)
}

func (l *larder) empty() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stash, l.snapshot, l.sharer = release.Hash{}, nil, nil
}

// build tells builds of the program apart, as far as they say what they are.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	names := []string{info.Main.Version}
	for _, setting := range info.Settings {
		if strings.HasPrefix(setting.Key, "vcs.") {
			names = append(names, setting.Value)
		}
	}
	return strings.Join(names, " ")
}
