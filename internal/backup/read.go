package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"ovenbird/internal/ovenbird"
)

// Verify reads a whole backup, checks its checksums and the form of every row, and
// says what it holds. An error is Invalid where the file is damaged, of another
// format, or no backup.
func Verify(path string) (*Manifest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "open the backup: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	m, err := verify(file)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", path, err)
	}
	return m, nil
}

func verify(file *os.File) (*Manifest, error) {
	content, err := checkSeal(file)
	if err != nil {
		return nil, err
	}
	r, err := newReader(content)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var values []any
	for i := range r.manifest.Tables {
		t := &r.manifest.Tables[i]
		err := r.table(t, func(line []byte) (err error) {
			values, err = t.parseRow(values[:0], line)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return r.manifest, r.end()
}

// checkSeal returns what is between the first line and the checksum, which it has
// compared.
func checkSeal(file *os.File) (io.Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	begin := make([]byte, min(int64(len(magic)), info.Size()))
	if _, err := file.ReadAt(begin, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(begin) != magic {
		if bytes.HasPrefix(begin, []byte(kin)) {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "it is of a newer format; use the version of ovenbird that made it")
		}
		return nil, ovenbird.Errorf(ovenbird.Invalid, "it is no backup of ovenbird")
	}
	size := info.Size() - int64(sealed)
	if size < int64(len(magic)) {
		return nil, damaged("it ends too early")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, size)); err != nil {
		return nil, err
	}
	end := make([]byte, sealed)
	if _, err := file.ReadAt(end, size); err != nil {
		return nil, err
	}
	if string(end) != seal+hex.EncodeToString(sum.Sum(nil))+"\n" {
		return nil, damaged("its checksum does not match its content")
	}
	return io.NewSectionReader(file, int64(len(magic)), size-int64(len(magic))), nil
}

func damaged(how string) error {
	return ovenbird.Errorf(ovenbird.Invalid, "it is damaged: %s; use another one", how)
}

// reader reads what writer has written.
type reader struct {
	zip      *zstd.Decoder
	lines    *bufio.Reader
	manifest *Manifest
}

func newReader(content io.Reader) (*reader, error) {
	zip, err := zstd.NewReader(content, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, damaged(err.Error())
	}
	r := &reader{zip: zip, lines: bufio.NewReaderSize(zip, 64<<10), manifest: new(Manifest)}
	head, err := r.line()
	if err != nil {
		zip.Close()
		return nil, err
	}
	if err := json.Unmarshal(head, r.manifest); err != nil {
		zip.Close()
		return nil, damaged("its head is not readable")
	}
	return r, nil
}

func (r *reader) close() { r.zip.Close() }

func (r *reader) line() ([]byte, error) {
	line, err := r.lines.ReadBytes('\n')
	if err != nil {
		return nil, damaged(err.Error())
	}
	return line[:len(line)-1], nil
}

// table calls fn with each row, and checks that they are those that were written.
func (r *reader) table(t *Table, fn func(line []byte) error) error {
	var sum total
	for {
		line, err := r.line()
		if err != nil {
			return err
		}
		if len(line) > 0 && line[0] == '{' {
			return t.finish(line, &sum)
		}
		sum.add(sha256.Sum256(line))
		if err := fn(line); errors.Is(err, errRow) {
			return damaged(fmt.Sprintf("row %d of table %s does not have the form of its table", sum.rows, t.Name))
		} else if err != nil {
			return err
		}
	}
}

func (t *Table) finish(line []byte, sum *total) error {
	var said ending
	sum.into(t)
	if err := json.Unmarshal(line, &said); err != nil || said != (ending{t.Name, t.Rows, t.Hash}) {
		return damaged("table " + t.Name + " does not hold what was written")
	}
	return nil
}

func (r *reader) end() error {
	if _, err := r.lines.ReadByte(); !errors.Is(err, io.EOF) {
		return damaged("it goes on behind its end")
	}
	return nil
}
