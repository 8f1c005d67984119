package bucket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gocloud.dev/blob"
)

const (
	// No key leads to a name that begins with a dot, so these are ours alone.
	tempFolder = ".tmp"
	lockFile   = ".lock"

	// abandonedAfter is how old a temporary file must be before it is taken for
	// the leftover of a crash. No write takes so long.
	abandonedAfter = 24 * time.Hour

	folderMode = 0o755
	fileMode   = 0o644
)

// OpenDisk returns the bucket that lies in the folder dir, which is made where
// it is missing. Several processes may have it open at once. Temporary files
// that a crash left behind long ago are removed.
//
// On disk a key can not be an object and the folder of other objects at once:
// with an object "a", writing "a/b" fails.
func OpenDisk(ctx context.Context, dir string) (*Bucket, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket in %s: %w", dir, err)
	}
	if err := d.removeAbandoned(ctx, time.Now()); err != nil {
		return nil, errors.Join(fmt.Errorf("cleaning the bucket in %s: %w", dir, err), d.Close())
	}
	b := New(blob.NewBucket(d), d.lock)
	b.disk = d
	return b, nil
}

func openDisk(dir string) (*disk, error) {
	if err := makeRoot(dir, syncOn); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{root: root, files: osFiles{root}}
	if err := d.makeFolder(tempFolder); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return d, nil
}

// makeRoot makes a bucket's folder and those above it where they are missing, and
// makes their names durable: what lies in a folder is lost with it.
func makeRoot(dir string, sync func(folder string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(filepath.Clean(dir))
	if above != dir {
		if err := makeRoot(above, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, folderMode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return sync(above)
}

// syncOn syncs a folder by its path on this machine.
func syncOn(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // a failed close of a folder loses nothing
	return f.Sync()
}

// removeAbandoned deletes temporary files last written long before now.
func (d *disk) removeAbandoned(ctx context.Context, now time.Time) error {
	names, err := d.readFolder(tempFolder)
	if err != nil {
		return err
	}
	for _, entry := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // its writer just finished
		}
		if err != nil {
			return err
		}
		if now.Sub(info.ModTime()) < abandonedAfter {
			continue
		}
		if err := d.files.remove(tempFolder + "/" + entry.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lock takes the bucket's lock file. The kernel lets go of it when the process
// ends, however it ends.
func (d *disk) lock(ctx context.Context) (func(), error) {
	// A description of its own for every taker: flock excludes descriptions,
	// so goroutines exclude each other like processes do.
	f, err := d.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	const longest = 20 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil //nolint:errcheck // closing a file that was not written lets go of the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
		// Polling, because a blocking flock can not be given up when ctx ends.
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(pause):
		}
	}
}
