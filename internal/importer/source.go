package importer

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Source is a file to import, compressed with gzip or not.
type Source struct {
	Name   string // for messages
	Reader io.Reader
	Size   int64 // bytes in it; 0 when unknown
	// Path is the absolute path of the file, by which an interrupted import is
	// found again; "" for what can be read only once.
	Path string
}

// Open opens a file to import; "-" is stdin. The caller closes what it returns.
func Open(path string, stdin io.Reader) (Source, io.Closer, error) {
	if path == "-" {
		return Source{Name: "stdin", Reader: stdin}, io.NopCloser(nil), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return Source{}, nil, ovenbird.Errorf(ovenbird.NotFound, "open the file to import: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = ovenbird.Errorf(ovenbird.Invalid, "%s is a folder; name a file", path)
	}
	if err != nil {
		return Source{}, nil, errors.Join(err, file.Close())
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Source{}, nil, errors.Join(err, file.Close())
	}
	if !info.Mode().IsRegular() {
		absolute = "" // a pipe can not be read twice
	}
	return Source{Name: path, Reader: file, Size: info.Size(), Path: absolute}, file, nil
}

// rewind goes back to the start.
func (s Source) rewind() error {
	seeker, ok := s.Reader.(io.Seeker)
	if !ok {
		return errors.New("it can be read only once")
	}
	_, err := seeker.Seek(0, io.SeekStart)
	return err
}

// isTable reports whether a file is CSV or TSV by its name.
func isTable(name string) bool {
	extension := filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))
	return extension == ".csv" || extension == ".tsv"
}

// input is the uncompressed content of a source, after its byte order mark.
type input struct {
	*bufio.Reader
	counter *counter
}

// read returns how many bytes were read of the source itself.
func (i *input) read() int64 { return i.counter.n }

type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

const readBuffer = 64 << 10

// openInput looks at the first bytes, not at the name, to know a gzip.
func openInput(src Source) (*input, error) {
	count := &counter{from: src.Reader}
	in := bufio.NewReaderSize(count, readBuffer)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzip, err := gzip.NewReader(in)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s is a broken gzip: %w", src.Name, err)
		}
		in = bufio.NewReaderSize(unzip, readBuffer)
	}
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		_, _ = in.Discard(3) // what Peek has seen is there
	}
	return &input{in, count}, nil
}

// endOfInput turns the end of the file into no error, and what stops reading it
// before that into one with the line.
func endOfInput(name string, line int64, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case ovenbird.CodeOf(err) == ovenbird.Invalid:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), isCorrupt(err):
		const remedy = "what stands before is imported"
		return ovenbird.Errorf(ovenbird.Invalid, "%s: the gzip is broken after line %d: %w; %s", name, line, err, remedy)
	default:
		return fmt.Errorf("read on after line %d: %w", line, err)
	}
}

// errLineTooLong comes with the start of a line that is over the limit.
var errLineTooLong = errors.New("the line is too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	in     *bufio.Reader
	limit  int
	number int64 // of the line read last, from 1
	buffer []byte
}

func newLineReader(in *input, limit int) *lineReader { return &lineReader{in: in.Reader, limit: limit} }

// next returns the next line without its end, valid until the next call. A line
// over the limit is skipped whole: its start comes with errLineTooLong.
func (l *lineReader) next() ([]byte, error) {
	l.buffer = l.buffer[:0]
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.buffer)+len(part) > l.limit+1 {
			long = true
			part = part[:max(0, min(len(part), l.limit-len(l.buffer)))]
		}
		l.buffer = append(l.buffer, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(l.buffer) == 0) {
			return nil, err
		}
		break
	}
	l.number++
	line := bytes.TrimRight(l.buffer, "\r\n")
	if long || len(line) > l.limit {
		return line[:min(len(line), l.limit)], errLineTooLong
	}
	return line, nil
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}
