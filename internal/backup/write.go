package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/database"
	"ovenbird/internal/ovenbird"
)

const (
	// magic begins every backup of the format that this package writes and reads.
	magic = "ovenbird backup 1\n"
	// kin begins those of any format.
	kin = "ovenbird backup "
	// seal stands before the checksum at the end.
	seal = "\nsha256 "
)

// sealed is how long the end of a backup is.
const sealed = len(seal) + 2*sha256.Size + 1

// taker takes what a dump reads.
type taker interface {
	head(m *Manifest) error
	row(line []byte) error
	endTable(t *Table) error
}

// dump reads all tables as of one moment.
func (c Config) dump(ctx context.Context, db *database.DB, to taker) (*Manifest, error) {
	if err := c.migrate(ctx, db, nil); err != nil {
		return nil, err
	}
	m, err := c.pattern(ctx, nil)
	if err != nil {
		return nil, err
	}
	m.Made, m.Program = c.now().UTC(), c.Program
	err = db.ReadTx(ctx, func(tx *sql.Tx) (err error) {
		if m.Sequence, err = c.Sequence(ctx, tx); err != nil {
			return err
		}
		if err := to.head(m); err != nil {
			return err
		}
		for i := range m.Tables {
			if err := dumpTable(ctx, tx, &m.Tables[i], to); err != nil {
				return fmt.Errorf("read table %s: %w", m.Tables[i].Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func dumpTable(ctx context.Context, tx *sql.Tx, t *Table, to taker) error {
	var sum total
	err := t.each(ctx, tx, func(line []byte) error {
		sum.add(sha256.Sum256(line))
		return to.row(line)
	})
	if err != nil {
		return err
	}
	sum.into(t)
	return to.endTable(t)
}

// writer writes the file.
type writer struct {
	hash  hash.Hash
	plain io.Writer // the file and the hash
	zip   *zstd.Encoder
	lines *bufio.Writer
}

func newWriter(file io.Writer) (*writer, error) {
	w := &writer{hash: sha256.New()}
	w.plain = io.MultiWriter(file, w.hash)
	if _, err := io.WriteString(w.plain, magic); err != nil {
		return nil, err
	}
	zip, err := zstd.NewWriter(w.plain, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w.zip, w.lines = zip, bufio.NewWriterSize(zip, 64<<10)
	return w, nil
}

func (w *writer) line(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.row(line)
}

func (w *writer) head(m *Manifest) error {
	head := *m // rows and hashes are not known yet: they follow each table
	return w.line(&head)
}

func (w *writer) row(line []byte) error {
	if _, err := w.lines.Write(line); err != nil {
		return err
	}
	return w.lines.WriteByte('\n')
}

// ending follows the rows of a table.
type ending struct {
	End  string `json:"end"`
	Rows int64  `json:"rows"`
	Hash string `json:"hash"`
}

func (w *writer) endTable(t *Table) error { return w.line(ending{t.Name, t.Rows, t.Hash}) }

func (w *writer) close() error {
	if err := errors.Join(w.lines.Flush(), w.zip.Close()); err != nil {
		return err
	}
	_, err := io.WriteString(w.plain, seal+hex.EncodeToString(w.hash.Sum(nil))+"\n")
	return err
}

// Write writes a backup of a database as of one moment. Others may go on writing
// to it.
func Write(ctx context.Context, cfg Config, db *database.DB, file io.Writer) (*Manifest, error) {
	w, err := newWriter(file)
	if err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	m, err := cfg.dump(ctx, db, w)
	if err != nil {
		return nil, fmt.Errorf("back up %s: %w", db.Name(), err)
	}
	if err := w.close(); err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	return m, nil
}

// WriteFile makes the file at path a backup, which only its owner can read. What
// is there is the old file or the whole new one, whenever the process is stopped.
func WriteFile(ctx context.Context, cfg Config, db *database.DB, path string) (m *Manifest, err error) {
	partial := path + ".partial"
	file, err := os.OpenFile(partial, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the backup: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "another process is writing %s: %w", partial, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(partial))
		}
	}()
	if err := file.Truncate(0); err != nil { // one that was killed may have left it
		return nil, fmt.Errorf("make the backup: %w", err)
	}
	if m, err = Write(ctx, cfg, db, file); err != nil {
		return nil, err
	}
	if err := errors.Join(file.Sync(), os.Rename(partial, path), syncFolder(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return m, nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
