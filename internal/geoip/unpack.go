package geoip

import (
	"archive/tar"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"

	"ovenbird/internal/ovenbird"
)

// unpack returns the one file that is wanted of a package. Nothing else of it is
// ever written anywhere, whatever it is called.
func unpack(archive io.Reader) ([]byte, error) {
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	// The files beside it are smaller: the limit is on all of the archive.
	for files := tar.NewReader(io.LimitReader(plain, 2*longestDatabase)); ; {
		file, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, ovenbird.Errorf(ovenbird.Invalid, "it has no %s", entryName)
		case err != nil:
			return nil, err
		case file.Name != entryName:
			continue
		case file.Typeflag != tar.TypeReg:
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s is no plain file", entryName)
		case file.Size > longestDatabase:
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has more than %d bytes", entryName, longestDatabase)
		}
		return io.ReadAll(files)
	}
}
