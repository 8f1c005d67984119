package engine

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrRunning says that another process runs the engine of this environment.
var ErrRunning = errors.New("another process runs this environment's engine")

// Lock makes this process the one that runs an environment's engine: a second
// one would take the first one's running workflows for abandoned. It holds the
// file at path locked until the process ends or calls unlock. The system drops
// the lock of a process that dies.
func Lock(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the engine's lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrRunning
		}
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}
