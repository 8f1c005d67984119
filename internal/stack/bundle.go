package stack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ovenbird/internal/ovenbird"
)

// What a bundle may hold. A stack is written by people; what is larger than this
// is data, and belongs in a bucket or a catalog.
const (
	maxFiles  = 10_000
	maxFile   = 4 << 20  // bytes
	maxBundle = 64 << 20 // bytes, all files together
	maxPath   = 400      // bytes
)

// File is a file of a stack.
type File struct {
	Path       string // slash-separated, from the top of the bundle
	Executable bool   // the one mode that matters
	Body       []byte
}

// Bundle is a version of a stack. It is immutable.
type Bundle struct {
	// ID names the bundle: the SHA-256, in hex, of its listing.
	ID string

	files   []File // by path
	archive []byte
}

// NewBundle makes a bundle of files, in any order. Files that no bundle may hold
// are Invalid.
func NewBundle(files []File) (*Bundle, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	if err := checkFiles(sorted); err != nil {
		return nil, err
	}
	archive, err := pack(sorted)
	if err != nil {
		return nil, fmt.Errorf("write the archive of a bundle: %w", err)
	}
	sum := sha256.Sum256(listing(sorted))
	return &Bundle{ID: hex.EncodeToString(sum[:]), files: sorted, archive: archive}, nil
}

// Listing returns what ID is the SHA-256 of: a line for each file with its mode,
// the SHA-256 of its content, and its path, in the order of paths. Anybody can
// make it again with standard tools.
func (b *Bundle) Listing() []byte { return listing(b.files) }

func listing(files []File) []byte {
	var list bytes.Buffer
	list.WriteString("ovenbird stack 1\n")
	for _, f := range files {
		fmt.Fprintf(&list, "%o %x %s\n", f.mode(), sha256.Sum256(f.Body), f.Path)
	}
	return list.Bytes()
}

func (f *File) mode() fs.FileMode {
	if f.Executable {
		return 0o755
	}
	return 0o644
}

// List returns the bundle's files in the order of their paths. Nobody may change
// their bodies.
func (b *Bundle) List() []File { return slices.Clone(b.files) }

// Archive returns the bundle as a zip archive without compression, whose bytes
// depend on the files alone. Nobody may change them.
func (b *Bundle) Archive() []byte { return b.archive }

// Files returns the bundle's files to read.
func (b *Bundle) Files() fs.FS {
	files, err := zip.NewReader(bytes.NewReader(b.archive), int64(len(b.archive)))
	if err != nil {
		panic("stack: a bundle's own archive can not be read: " + err.Error())
	}
	return files
}

// OpenBundle reads an archive that Archive made. What is not the archive of a
// bundle is Invalid. Callers compare ID with the name they asked for.
func OpenBundle(archive []byte) (*Bundle, error) {
	files, err := unpack(archive)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "this is not the archive of a stack: %w", err)
	}
	return NewBundle(files)
}

// made is the time that every file in an archive has: the first that zip knows.
var made = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func pack(files []File) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.Path, Method: zip.Store, Modified: made}
		header.SetMode(f.mode())
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.Body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// unpack reads the files of an archive. It reads no more than the archive has
// bytes: nothing in it is compressed, and no two files may share bytes.
func unpack(archive []byte) ([]File, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	if len(r.File) > maxFiles {
		return nil, fmt.Errorf("it has %d files; %d are allowed", len(r.File), maxFiles)
	}
	files := make([]File, 0, len(r.File))
	left := uint64(len(archive))
	for _, entry := range r.File {
		switch size := entry.UncompressedSize64; {
		case entry.Method != zip.Store || size != entry.CompressedSize64:
			return nil, fmt.Errorf("%q in it is compressed", entry.Name)
		case size > left:
			return nil, errors.New("its files have more bytes than it has itself")
		default:
			left -= size
		}
		body, err := unpackOne(entry)
		if err != nil {
			return nil, fmt.Errorf("%q in it: %w", entry.Name, err)
		}
		files = append(files, File{Path: entry.Name, Executable: entry.Mode()&0o111 != 0, Body: body})
	}
	return files, nil
}

func unpackOne(entry *zip.File) (body []byte, err error) {
	if !entry.Mode().IsRegular() {
		return nil, errors.New("it is not a plain file")
	}
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // the reader checks the sum at the end of the file
	return io.ReadAll(r)
}

// checkFiles says what is wrong with the files of a bundle, which are sorted.
func checkFiles(files []File) error {
	if len(files) == 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "the stack has no files")
	}
	if len(files) > maxFiles {
		return ovenbird.Errorf(ovenbird.Invalid, "the stack has %d files; %d are allowed: what is data belongs elsewhere",
			len(files), maxFiles)
	}
	total := 0
	folded := make(map[string]string, len(files))
	for i := range files {
		f := &files[i]
		if problem := pathProblem(f.Path); problem != "" {
			return ovenbird.Errorf(ovenbird.Invalid, "the path %q %s; rename the file", f.Path, problem)
		}
		if len(f.Body) > maxFile {
			return tooLarge(f.Path, len(f.Body))
		}
		total += len(f.Body)
		if total > maxBundle {
			return ovenbird.Errorf(ovenbird.Invalid, "the stack has more than %d bytes: what is data belongs elsewhere", maxBundle)
		}
		if err := checkClash(folded, f.Path); err != nil {
			return err
		}
	}
	return nil
}

// checkClash refuses paths that are one on some machines (they tell apart no
// capitals), and a file where another path needs a folder. folded has what was
// seen of files, and of the folders they lie in.
func checkClash(folded map[string]string, name string) error {
	for at, asFile := name, true; at != "."; at, asFile = path.Dir(at), false {
		key := strings.ToLower(at)
		other, seen := folded[key]
		mark := at
		if !asFile {
			mark += "/"
		}
		if seen && (asFile || other != mark) {
			return ovenbird.Errorf(ovenbird.Invalid, "the paths %q and %q can not be told apart everywhere; rename one", other, mark)
		}
		folded[key] = mark
	}
	return nil
}

func tooLarge(name string, size int) error {
	return ovenbird.Errorf(ovenbird.Invalid,
		"the file %s has %d bytes; %d are allowed in a stack: keep data in a bucket or the catalog, or have git ignore the file",
		name, size, maxFile)
}

// pathProblem says why no bundle may hold a path; "" when one may.
func pathProblem(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`):
		return "is not a plain path"
	case len(name) > maxPath:
		return fmt.Sprintf("is longer than %d bytes", maxPath)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "has a control character in it"
	default:
		return ""
	}
}
