package release

import (
	"bytes"
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ovenbird/internal/ovenbird"
)

// located is an object to read, and which of those that were asked for it is.
type located struct {
	entry
	pack, i int
}

// object is an object that was read, checked against its hash.
type object struct {
	located
	body []byte // may be a part of what the next run is read into
}

const (
	// Objects that lie closer than viewGap are read in one go, with what is between.
	viewGap = 8 << 10
	// viewSpan bounds how much is read in one go: what one processor does at a time.
	viewSpan = 1 << 20
)

// Objects reads many objects, each checked against its hash, and hands them to
// yield, one at a time, in no particular order; duplicates once.
func (v *View) Objects(ctx context.Context, want []Hash, yield func(h Hash, body []byte) error) error {
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b Hash) int { return compareHashes(&a, &b) })
	var mu sync.Mutex
	return v.readAll(ctx, slices.Compact(want), func(found []object) error {
		mu.Lock()
		defer mu.Unlock()
		for _, o := range found {
			if err := yield(o.hash, bytes.Clone(o.body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// readAll reads objects on all processors, and hands over those that lie together,
// for as long as yield runs.
func (v *View) readAll(ctx context.Context, want []Hash, yield func([]object) error) error {
	runs, err := v.plan(want)
	if err != nil {
		return err
	}
	var buffers sync.Pool // of *[]byte: a run takes one of those before it
	return parallel(ctx, len(runs), func(i int) error {
		buffer, ok := buffers.Get().(*[]byte)
		if !ok {
			buffer = new([]byte)
		}
		defer buffers.Put(buffer)
		found, err := v.readRun(runs[i], buffer)
		if err != nil {
			return err
		}
		return yield(found)
	})
}

// plan finds objects, and which of them lie together, in the order of their places.
func (v *View) plan(want []Hash) (runs [][]located, err error) {
	all := make([]located, len(want))
	pack := 0
	for i, h := range want {
		in, e, ok := v.locate(pack, h)
		if !ok {
			return nil, ovenbird.Errorf(ovenbird.NotFound, "object %s is in none of the packs of the release", h)
		}
		pack = in
		all[i] = located{e, pack, i}
	}
	slices.SortFunc(all, func(a, b located) int { return cmp.Or(cmp.Compare(a.pack, b.pack), comparePlaces(a.entry, b.entry)) })
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].pack == all[from].pack && all[to].offset-all[to-1].end() <= viewGap &&
			all[to].end()-all[from].offset <= viewSpan {
			to++
		}
		runs = append(runs, all[from:to])
		from = to
	}
	return runs, nil
}

// readRun reads objects that lie together, into a buffer, which grows as it must.
func (v *View) readRun(run []located, buffer *[]byte) ([]object, error) {
	p, start := v.packs[run[0].pack], run[0].offset
	size := int(run[len(run)-1].end() - start)
	*buffer = slices.Grow((*buffer)[:0], size)[:size]
	_, err := p.file.Load().ReadAt(*buffer, start)
	frames := unpacker{codec: v.reader.codec}
	found := make([]object, len(run))
	for i, o := range run {
		found[i].located = o
		if err == nil {
			found[i].body, err = frames.part(o.entry, (*buffer)[o.offset-start:o.end()-start])
		}
	}
	if err != nil {
		p.damaged.Store(true)
		return nil, ovenbird.Errorf(ovenbird.Internal, "pack %s is damaged: %w", p.hash, err)
	}
	return found, nil
}

// parallel calls f for every i below n, on all processors, until one fails or
// the context ends.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	var (
		next    atomic.Int64
		group   sync.WaitGroup
		once    sync.Once
		failure error
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				err := ctx.Err()
				if err == nil {
					err = f(i)
				}
				if err != nil {
					once.Do(func() { failure = err })
					next.Store(int64(n))
					return
				}
			}
		})
	}
	group.Wait()
	return failure
}
