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
// read last before Retain, which only Local uses: that goes with the objects that
// are retained, also after a loss of power. A folder that can not be written costs
// speed and nothing else. Any number of goroutines may use it.
type Cache struct {
	cfg    CacheConfig
	origin Origin
	files  fileSystem

	turns   [turnCount]sync.Mutex // for checking and fetching an object, by its hash
	mu      sync.Mutex
	checked map[string]int64  // sizes of the objects that this process has checked
	latest  map[string][]byte // objects that change, as they were read since Retain
	settled map[string]bool   // objects that are known to survive a loss of power
	failing atomic.Bool       // whether the folder could not be written last time
	counts  struct{ found, fetched, damaged atomic.Int64 }
}

// turnCount is how many objects, at most, a Cache checks or fetches at once.
const turnCount = 16

// CacheCounts says what became of the objects that a process first asked a cache for.
type CacheCounts struct {
	Found   int64 // in the folder, whole
	Fetched int64 // from the origin
	Damaged int64 // in the folder, and so fetched again
}

// Counts returns what became of objects so far.
func (c *Cache) Counts() CacheCounts {
	return CacheCounts{c.counts.found.Load(), c.counts.fetched.Load(), c.counts.damaged.Load()}
}

// NewCache returns a cache before an origin.
func NewCache(origin Origin, cfg CacheConfig) (*Cache, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the folder of the cache: %w", err)
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of the cache: %w", err)
	}
	return &Cache{
		cfg: cfg, origin: origin, files: osFiles{root},
		checked: make(map[string]int64), latest: make(map[string][]byte), settled: make(map[string]bool),
	}, nil
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
		c.mu.Lock()
		defer c.mu.Unlock()
		c.latest[key] = body
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

// Retain removes all objects named by their hash but those with the given keys,
// once those, and what was read of others, are there to stay: at every moment the
// folder has what was retained last, or now.
func (c *Cache) Retain(keys []string) error {
	if err := c.settle(keys); err != nil {
		return err
	}
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
		delete(c.settled, key)
		c.mu.Unlock()
		return c.files.remove(name)
	})
}

// fetch makes sure that an object named by its hash is in the folder, whole, if
// the folder takes it, and returns its size.
func (c *Cache) fetch(ctx context.Context, key string) (size int64, err error) {
	sum, ok := c.cfg.Sum(key)
	if !ok {
		return 0, fmt.Errorf("reading %q: it is not named by its hash, so a part of it can not be checked", key)
	}
	turn := &c.turns[sum[0]%turnCount]
	turn.Lock()
	defer turn.Unlock()
	if size, ok := c.sizeOf(key); ok {
		return size, nil
	}
	found, size, err := sumFile(c.path(key))
	if err == nil && found == sum {
		c.counts.found.Add(1)
		c.setChecked(key, size)
		return size, nil
	}
	if err == nil {
		c.counts.damaged.Add(1)
		c.cfg.Log.Warn("an object in the cache is damaged: fetching it again", "key", key)
	}
	if c.origin == nil {
		return 0, missing(fs.ErrNotExist, key)
	}
	body, _, err := c.origin.Read(ctx, key)
	if err != nil {
		return 0, err
	}
	if sha256.Sum256(body) != sum {
		return 0, fmt.Errorf("reading %q: the origin sent something else, of %d bytes and hash %s",
			key, len(body), versionOf(body))
	}
	c.counts.fetched.Add(1)
	c.keep(key, body)
	c.unsettle(key)
	c.setChecked(key, int64(len(body)))
	return int64(len(body)), nil
}

func (c *Cache) sizeOf(key string) (size int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, ok = c.checked[key]
	return size, ok
}

// unsettle notes that an object has been written anew.
func (c *Cache) unsettle(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.settled, key)
}

// setChecked notes the size of an object that has just been checked.
func (c *Cache) setChecked(key string, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked[key] = size
}

// partial ends the name of a file that is not whole yet.
const partial = ".part"

// keep puts an object into the folder, if that can be. It need not be durable
// yet: what a crash leaves is checked before it is used.
func (c *Cache) keep(key string, body []byte) {
	err := c.write(key, body, false)
	if c.failing.Swap(err != nil) != (err != nil) && err != nil {
		c.cfg.Log.Error("the cache can not be written; reading on without it", "error", err)
	}
}

// write writes a file under another name first, so that it appears as a whole;
// also after a loss of power, if it is synced.
func (c *Cache) write(key string, body []byte, synced bool) error {
	for i, char := range key {
		if char != '/' {
			continue
		}
		if err := c.files.mkdir(key[:i]); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := c.files.remove(key + partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := c.files.create(key + partial)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil && synced {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return c.files.rename(key+partial, key)
}

// settle makes objects durable, and then what was read of those that change. An
// object that the folder did not take is no failure: it is not there to be found.
func (c *Cache) settle(keys []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if c.settled[key] {
			continue
		}
		err := c.syncAll(key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotFolder) {
			return err
		}
		c.settled[key] = err == nil
	}
	for key, body := range c.latest {
		if err := c.write(key, body, true); err != nil {
			return err
		}
		if err := c.syncAll(key); err != nil {
			return err
		}
	}
	clear(c.latest)
	return nil
}

// syncAll makes a file durable, and all names on the way to it.
func (c *Cache) syncAll(key string) error {
	if err := c.files.syncFile(key); err != nil {
		return err
	}
	for folder := folderOf(key); ; folder = folderOf(folder) {
		if err := c.files.syncFolder(folder); err != nil || folder == "." {
			return err
		}
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
