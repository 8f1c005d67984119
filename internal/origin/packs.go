package origin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/release"
)

const (
	// grace is for how long packs of a release that is not kept any more are served
	// to edges that are slow: as long as garbage collection spares them.
	grace = time.Hour
	// readAhead is how much of a pack is read of the bucket at once.
	readAhead = 256 << 10
	// writePatience is how long an edge may take to receive what is sent at once.
	writePatience = 30 * time.Second
)

// shelf says which packs are served: those of the releases that the head names.
// What else lies in the bucket, such as what bakers hand to each other, is not.
type shelf struct {
	reader *release.Reader

	mu       sync.Mutex
	kept     []release.Kept
	packs    map[string]map[release.Hash]bool // by release, for those that were looked up
	outgoing map[release.Hash]time.Time       // of releases that are not kept: when they went
}

func newShelf(reader *release.Reader) *shelf {
	return &shelf{reader: reader, packs: make(map[string]map[release.Hash]bool), outgoing: make(map[release.Hash]time.Time)}
}

// turn takes in which releases are kept now.
func (s *shelf) turn(kept []release.Kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = kept
	named := make(map[string]bool, len(kept))
	for _, k := range kept {
		named[k.ID] = true
	}
	now := time.Now()
	for pack, since := range s.outgoing {
		if now.Sub(since) > grace {
			delete(s.outgoing, pack)
		}
	}
	for id, packs := range s.packs {
		if named[id] {
			continue
		}
		for pack := range packs {
			s.outgoing[pack] = now
		}
		delete(s.packs, id)
	}
}

// has reports whether a pack is served. It reads the manifests that it has not
// read yet, newest first, until one names the pack.
func (s *shelf) has(ctx context.Context, pack release.Hash) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, packs := range s.packs {
		if packs[pack] {
			return true, nil
		}
	}
	if _, ok := s.outgoing[pack]; ok {
		return true, nil
	}
	var failed error
	for _, kept := range s.kept {
		if s.packs[kept.ID] != nil {
			continue
		}
		loaded, err := s.reader.Load(ctx, kept.Ref)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("reading which packs release %s has: %w", kept.ID, err))
			continue
		}
		packs := map[release.Hash]bool{kept.Pack: true}
		for _, p := range loaded.Manifest().Packs {
			packs[p] = true
		}
		s.packs[kept.ID] = packs
		if packs[pack] {
			return true, nil
		}
	}
	return false, failed
}

func (o *Origin) servePack(w http.ResponseWriter, r *http.Request, pack release.Hash) {
	key := release.PackKey(pack)
	ok, err := o.shelf.has(r.Context(), pack)
	var info bucket.Info
	if ok {
		info, err = o.objects.Stat(r.Context(), key)
	}
	switch {
	case err == nil && !ok, errors.Is(err, bucket.ErrNotFound):
		refuse(w, http.StatusNotFound, "No release that is kept has this pack.")
	case err != nil:
		o.failed(w, r, "looking up pack "+pack.String(), err)
	default:
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		w.Header().Set("Content-Type", "application/octet-stream")
		serveObject(w, r, pack.String(), &object{ctx: r.Context(), objects: o.objects, key: key, size: info.Size})
	}
}

// serveObject answers with an object that a tag names for ever: conditions and
// ranges are as in RFC 9110. An object that can not be read to its end is cut
// off, which the edge notices by the length.
func serveObject(w http.ResponseWriter, r *http.Request, tag string, body io.ReadSeeker) {
	// The server's limits are for strangers. A writer without any is one of a test.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Etag", `"`+tag+`"`)
	http.ServeContent(&patient{w, control}, r, "", time.Time{}, body)
}

// patient gives whoever receives time for each piece rather than for the whole.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write sends a piece.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writePatience))
	return p.ResponseWriter.Write(b)
}

// object reads an object of the bucket in order, a good piece at once.
type object struct {
	ctx     context.Context //nolint:containedctx // of the request that it answers
	objects objects
	key     string
	size    int64
	offset  int64
	ahead   []byte // what was read from offset on
}

// Read implements io.Reader.
func (o *object) Read(p []byte) (int, error) {
	if o.offset >= o.size {
		return 0, io.EOF
	}
	if len(o.ahead) == 0 {
		var err error
		if o.ahead, err = o.objects.ReadRange(o.ctx, o.key, o.offset, min(readAhead, o.size-o.offset)); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.ahead)
	o.ahead, o.offset = o.ahead[n:], o.offset+int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.offset
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("seeking to before the beginning")
	}
	o.offset, o.ahead = offset, nil
	return offset, nil
}
