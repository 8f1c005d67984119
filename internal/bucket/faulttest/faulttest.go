// Package faulttest is a store of objects in memory that does what stores, disks
// and networks do on bad days: it refuses, loses answers, cuts and damages them,
// and answers with what was there before. Tests say when.
package faulttest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"ovenbird/internal/bucket"
)

// Fault is what becomes of a call. The zero value is that nothing is wrong.
type Fault int

// The faults. Those that only make sense for some calls are Refuse for others.
const (
	None     Fault = iota
	Refuse         // nothing is done, and the caller is told so: 503, a cut connection, EIO
	Lose           // it is done, and the caller is told that it failed: a timeout after success
	Flip           // one bit of what is read is wrong
	Truncate       // half of what is read, as if that were all
	Cut            // half of what is read, and then an error
	Stale          // what was there before the last write of the object
	Forget         // as if the object were not there
)

// Faults are all but None.
var Faults = []Fault{Refuse, Lose, Flip, Truncate, Cut, Stale, Forget}

func (f Fault) String() string {
	return [...]string{"none", "refuse", "lose", "flip", "truncate", "cut", "stale", "forget"}[f]
}

// Op is what a call does.
type Op string

// The operations.
const (
	Read   Op = "read"
	Write  Op = "write"
	Stat   Op = "stat"
	List   Op = "list"
	Delete Op = "delete"
)

// Call is one request to the store.
type Call struct {
	Op  Op
	Key string // for a list, the prefix
}

// Weather decides what becomes of a call. It may block, which is a slow store.
// Several goroutines may ask at once.
type Weather func(Call) Fault

// ErrInjected is what calls fail with.
var ErrInjected = errors.New("injected fault")

// Store keeps objects. Any number of buckets may lie over it, each with its own
// weather, as processes have their own networks.
type Store struct {
	// Now is the store's clock; nil means time.Now.
	Now func() time.Time

	swap    chan struct{} // held while an object is swapped
	mu      sync.Mutex
	objects map[string]*object
}

// object is an object and what it was before.
type object struct {
	body     []byte
	metadata map[string]string
	modified time.Time
	before   *object // nil where it was not there
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{swap: make(chan struct{}, 1), objects: make(map[string]*object)}
}

// Open returns a bucket over the store. A nil weather is always fine.
func (s *Store) Open(weather Weather) *bucket.Bucket {
	if weather == nil {
		weather = func(Call) Fault { return None }
	}
	return bucket.New(blob.NewBucket(&access{store: s, weather: weather}), func(ctx context.Context) (func(), error) {
		select {
		case s.swap <- struct{}{}:
			return func() { <-s.swap }, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

// Keys returns the keys of all objects that begin with prefix, in order.
func (s *Store) Keys(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Rot changes the body of an object and nothing else, as a disk does.
func (s *Store) Rot(key string, damage func(body []byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := *s.objects[key]
	o.body = damage(bytes.Clone(o.body))
	s.objects[key] = &o
}

// Remove takes an object away.
func (s *Store) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Clone returns a store with the same objects.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	clone := NewStore()
	clone.Now, clone.objects = s.Now, maps.Clone(s.objects)
	return clone
}

// Become makes the store what another one is.
func (s *Store) Become(other *Store) {
	objects := other.Clone().objects
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = objects
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Store) get(key string) *object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[key]
}

// put writes an object, unless it must not exist and does.
func (s *Store) put(key string, o *object, ifNotExist bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.objects[key]
	if ifNotExist && before != nil {
		return errExists
	}
	o.before, o.modified = before, s.now()
	if before != nil {
		before.before = nil // one state back is enough
	}
	s.objects[key] = o
	return nil
}

var (
	errMissing     = errors.New("no such object")
	errExists      = errors.New("the object exists")
	errUnsupported = errors.New("not supported")
)

// access is a driver over the store with a weather of its own.
type access struct {
	store   *Store
	weather Weather
}

// look returns the object as a call sees it.
func (a *access) look(call Call) (*object, Fault, error) {
	fault := a.weather(call)
	o := a.store.get(call.Key)
	switch fault {
	case Refuse, Lose:
		return nil, fault, ErrInjected
	case Forget:
		o = nil
	case Stale:
		if o != nil {
			o = o.before
		}
	default:
	}
	if o == nil {
		return nil, fault, errMissing
	}
	return o, fault, nil
}

// ErrorCode implements driver.Bucket.
func (a *access) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, errMissing):
		return gcerrors.NotFound
	case errors.Is(err, errExists):
		return gcerrors.FailedPrecondition
	default:
		return gcerrors.Unknown
	}
}

// As implements driver.Bucket.
func (*access) As(any) bool { return false }

// ErrorAs implements driver.Bucket.
func (*access) ErrorAs(error, any) bool { return false }

// Close implements driver.Bucket.
func (*access) Close() error { return nil }

// SignedURL implements driver.Bucket.
func (*access) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errUnsupported
}

// Copy implements driver.Bucket.
func (*access) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errUnsupported
}

// Attributes implements driver.Bucket.
func (a *access) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	o, fault, err := a.look(Call{Stat, key})
	if err == nil && fault == Cut {
		err = ErrInjected
	}
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{Metadata: o.metadata, ModTime: o.modified, Size: int64(len(o.body))}, nil
}

// Delete implements driver.Bucket.
func (a *access) Delete(_ context.Context, key string, _ *driver.DeleteOptions) error {
	fault := a.weather(Call{Delete, key})
	if fault != None && fault != Lose {
		return ErrInjected
	}
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	_, ok := a.store.objects[key]
	delete(a.store.objects, key)
	switch {
	case fault == Lose:
		return ErrInjected
	case !ok:
		return errMissing
	}
	return nil
}

// ListPaged implements driver.Bucket. What is forgotten is every other object.
func (a *access) ListPaged(_ context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	fault := a.weather(Call{List, opts.Prefix})
	if fault != None && fault != Forget && fault != Stale {
		return nil, ErrInjected
	}
	page := &driver.ListPage{}
	for i, key := range a.store.Keys(opts.Prefix) {
		if o := a.store.get(key); o != nil && (fault == None || i%2 == 0) {
			page.Objects = append(page.Objects, &driver.ListObject{Key: key, ModTime: o.modified, Size: int64(len(o.body))})
		}
	}
	return page, nil
}
