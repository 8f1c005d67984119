package bucket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Origin is where a Cache gets objects: a *Bucket, or another machine's.
type Origin interface {
	Version(ctx context.Context, key string) (Version, error)
	Read(ctx context.Context, key string) ([]byte, Version, error)
	ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error)
	Stat(ctx context.Context, key string) (Info, error)
}

// CacheConfig says what a Cache keeps, and where.
type CacheConfig struct {
	// Dir is the folder. It is made where it is not there; nobody else writes to it.
	Dir string
	// Sum returns the SHA-256 of the object with a key, for keys that are named
	// by it. Other objects may change.
	Sum func(key string) (sum [sha256.Size]byte, ok bool)
	Log *slog.Logger // nil discards
}

// Cache reads through to an origin and keeps what it read in a folder, for ever
// and whole where an object is named by its hash. Such an object is checked when
// it arrives and when a process first reads it from the folder; one that is
// damaged is fetched again. Of objects that change it keeps the state that was
// read last, which only Local uses. A folder that can not be written costs
// speed and nothing else. Any number of goroutines may use it.
type Cache struct {
	cfg    CacheConfig
	origin Origin

	mu      sync.Mutex
	checked map[string]int64 // sizes of the objects that this process has checked
	failing atomic.Bool      // whether the folder could not be written last time
}

// NewCache returns a cache before an origin.
func NewCache(origin Origin, cfg CacheConfig) (*Cache, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the folder of the cache: %w", err)
	}
	return &Cache{cfg: cfg, origin: origin, checked: make(map[string]int64)}, nil
}

// Local returns what the folder has, without asking the origin: an object that
// is not there, or damaged, is ErrNotFound.
func (c *Cache) Local() *Cache { return &Cache{cfg: c.cfg, checked: make(map[string]int64)} }

// Version returns the version of an object that changes, as the origin has it.
func (c *Cache) Version(ctx context.Context, key string) (Version, error) {
	if c.origin != nil {
		return c.origin.Version(ctx, key)
	}
	_, version, err := c.Read(ctx, key)
	return version, err
}

// Read returns a whole object.
func (c *Cache) Read(ctx context.Context, key string) ([]byte, Version, error) {
	if _, ok := c.cfg.Sum(key); ok {
		size, err := c.fetch(ctx, key)
		if err != nil {
			return nil, "", err
		}
		body, err := c.ReadRange(ctx, key, 0, size)
		return body, versionOf(body), err
	}
	if c.origin == nil {
		body, err := os.ReadFile(c.path(key))
		return body, versionOf(body), missing(err, key)
	}
	body, version, err := c.origin.Read(ctx, key)
	if err == nil {
		c.keep(key, body)
	}
	return body, version, err
}

// ReadRange returns length bytes of an object from offset on.
func (c *Cache) ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	if _, err := c.fetch(ctx, key); err != nil {
		return nil, err
	}
	body, err := readFile(c.path(key), offset, length)
	if err == nil || c.origin == nil {
		return body, missing(err, key)
	}
	// The folder does not take files, or somebody takes them away.
	return c.origin.ReadRange(ctx, key, offset, length)
}

// Stat describes an object that is named by its hash.
func (c *Cache) Stat(ctx context.Context, key string) (Info, error) {
	size, err := c.fetch(ctx, key)
	if err != nil {
		return Info{}, err
	}
	return Info{Key: key, Size: size}, nil
}

// Retain removes all objects named by their hash but those with the given keys.
func (c *Cache) Retain(keys []string) error {
	keep := make(map[string]bool, len(keys))
	for _, key := range keys {
		keep[key] = true
	}
	root, err := os.OpenRoot(c.cfg.Dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing was written through it
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		key := strings.TrimSuffix(name, partial)
		if _, named := c.cfg.Sum(key); !named || keep[key] {
			return nil
		}
		c.mu.Lock()
		delete(c.checked, key)
		c.mu.Unlock()
		return root.Remove(name)
	})
}

// fetch makes sure that an object named by its hash is in the folder, whole, if
// the folder takes it, and returns its size.
func (c *Cache) fetch(ctx context.Context, key string) (size int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size, ok := c.checked[key]; ok {
		return size, nil
	}
	sum, ok := c.cfg.Sum(key)
	if !ok {
		return 0, fmt.Errorf("reading %q: it is not named by its hash, so a part of it can not be checked", key)
	}
	body, err := os.ReadFile(c.path(key))
	if err == nil && sha256.Sum256(body) == sum {
		c.checked[key] = int64(len(body))
		return int64(len(body)), nil
	}
	if err == nil {
		c.cfg.Log.Warn("an object in the cache is damaged: fetching it again", "key", key)
	}
	if c.origin == nil {
		return 0, missing(fs.ErrNotExist, key)
	}
	if body, _, err = c.origin.Read(ctx, key); err != nil {
		return 0, err
	}
	if sha256.Sum256(body) != sum {
		return 0, fmt.Errorf("reading %q: the origin sent something else, of %d bytes and hash %s",
			key, len(body), versionOf(body))
	}
	c.keep(key, body)
	c.checked[key] = int64(len(body))
	return int64(len(body)), nil
}

// partial ends the name of a file that is not whole yet.
const partial = ".part"

// keep puts an object into the folder, if that can be. It need not be durable:
// what a crash leaves is checked before it is used.
func (c *Cache) keep(key string, body []byte) {
	path := c.path(key)
	err := os.MkdirAll(filepath.Dir(path), 0o750)
	if err == nil {
		err = os.WriteFile(path+partial, body, 0o600)
	}
	if err == nil {
		err = os.Rename(path+partial, path)
	}
	if c.failing.Swap(err != nil) != (err != nil) && err != nil {
		c.cfg.Log.Error("the cache can not be written; reading on without it", "error", err)
	}
}

func (c *Cache) path(key string) string { return filepath.Join(c.cfg.Dir, filepath.FromSlash(key)) }

func readFile(path string, offset, length int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // a failed close of a reader loses nothing
	if offset < 0 || length < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	body := make([]byte, length)
	if _, err := file.ReadAt(body, offset); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return body, nil
}

// missing turns the absence of a file into that of an object.
func missing(err error, key string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %q from the cache: %w", key, ErrNotFound)
	}
	return err
}
