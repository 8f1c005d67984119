package accesslog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// mostPending is how many bytes of lines may wait to be written: about 30,000 lines.
const mostPending = 8 << 20

// Config says where and how a Log writes.
type Config struct {
	Format Format
	// Path is the file to append to; "" is Out.
	Path string
	Out  io.Writer    // where there is no file
	Log  *slog.Logger // hears when lines can not be written, once; nil discards
}

// Log is an access log. It is a lifecycle service. Any number of goroutines may
// use it.
type Log struct {
	cfg  Config
	wake chan struct{} // has a token when there may be lines to write, or it is time to end
	done chan struct{}

	mu      sync.Mutex
	pending []byte
	ending  bool

	file    *os.File // nil where it writes to Out
	failing bool     // of the goroutine that writes
	reopen  atomic.Bool
	dropped atomic.Int64
}

// New opens the file, if there is to be one, so that a mistake shows at once.
func New(cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if l.cfg.Log == nil {
		l.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Path != "" {
		file, err := openLog(cfg.Path)
		if err != nil {
			return nil, err
		}
		l.file = file
	}
	return l, nil
}

func openLog(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640) //nolint:gosec // programs of the group read logs
	if err != nil {
		return nil, fmt.Errorf("opening the access log: %w", err)
	}
	return file, nil
}

// Add adds a line. It waits for nothing but other lines being added.
func (l *Log) Add(e *Entry) {
	l.mu.Lock()
	full := len(l.pending) >= mostPending || l.ending
	if !full {
		l.pending = l.cfg.Format.Append(l.pending, e)
	}
	l.mu.Unlock()
	if full {
		l.dropped.Add(1)
		return
	}
	l.nudge()
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Reopen has the file opened anew before anything else is written, for whoever
// moves it away.
func (l *Log) Reopen() {
	l.reopen.Store(true)
	l.nudge()
}

// Dropped returns how many lines were lost because they could not be written.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Start begins to write.
func (l *Log) Start(context.Context, func(error)) error {
	go func() {
		defer close(l.done)
		var lines []byte
		for range l.wake {
			l.mu.Lock()
			lines, l.pending = l.pending, lines[:0]
			ending := l.ending
			l.mu.Unlock()
			l.write(lines)
			if ending {
				return
			}
		}
	}()
	return nil
}

// Stop writes what is left and closes the file. It must come after whoever adds
// lines has ended. Where writing takes longer than ctx lasts, lines are lost.
func (l *Log) Stop(ctx context.Context) error {
	l.mu.Lock()
	l.ending = true
	l.mu.Unlock()
	l.nudge()
	select {
	case <-l.done:
	case <-ctx.Done():
		return fmt.Errorf("writing the last of the access log: %w", ctx.Err())
	}
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("closing the access log: %w", err)
	}
	return nil
}

// write writes lines, all of them or, where that fails, as many as it can.
func (l *Log) write(lines []byte) {
	if l.reopen.Swap(false) && l.file != nil {
		l.replace()
	}
	if len(lines) == 0 {
		return
	}
	out := l.cfg.Out
	if l.file != nil {
		out = l.file
	}
	written, err := out.Write(lines)
	if err != nil {
		l.dropped.Add(count(lines[written:]))
	}
	if failing := err != nil; failing != l.failing {
		l.failing = failing
		if failing {
			l.cfg.Log.Error("the access log can not be written; serving goes on, and lines are lost", "error", err)
		} else {
			l.cfg.Log.Info("the access log can be written again", "lost", l.dropped.Load())
		}
	}
}

// replace opens the file anew; where it can not, the one that is open stays.
func (l *Log) replace() {
	file, err := openLog(l.cfg.Path)
	if err == nil {
		l.file, err = file, l.file.Close()
	}
	if err != nil {
		l.cfg.Log.Error("the access log was not opened anew", "error", err)
	}
}

// count returns how many lines, or parts of one, there are.
func count(lines []byte) (n int64) {
	for _, c := range lines {
		if c == '\n' {
			n++
		}
	}
	return n
}
