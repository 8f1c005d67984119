package bucket

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// trailer is what follows an object's body in its file: the attributes as JSON,
// their length in 4 bytes (big endian), and trailerMagic. The body comes first
// so that it can be looked at with ordinary tools.
type trailer struct {
	ContentType        string            `json:"content_type,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
}

const (
	trailerMagic  = "\nOBJECT1"
	trailerFooter = 4 + len(trailerMagic)
)

var errNotObject = errors.New("the file is not an object of this bucket, or it was cut")

func (t trailer) encode() ([]byte, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encoding attributes: %w", err)
	}
	body = append([]byte{'\n'}, body...)
	body = binary.BigEndian.AppendUint32(body, uint32(len(body)))
	return append(body, trailerMagic...), nil
}

// readTrailer reads the attributes of a file of the given size, and how many of
// its bytes are the body.
func readTrailer(f io.ReaderAt, size int64) (t trailer, bodySize int64, err error) {
	const usual = 512 // most trailers come with one read
	tail := make([]byte, min(size, usual))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return trailer{}, 0, err
	}
	if len(tail) < trailerFooter || string(tail[len(tail)-len(trailerMagic):]) != trailerMagic {
		return trailer{}, 0, errNotObject
	}
	length := int64(binary.BigEndian.Uint32(tail[len(tail)-trailerFooter:]))
	bodySize = size - length - int64(trailerFooter)
	if bodySize < 0 {
		return trailer{}, 0, errNotObject
	}
	attributes := make([]byte, length)
	if _, err := f.ReadAt(attributes, bodySize); err != nil {
		return trailer{}, 0, err
	}
	if err := json.Unmarshal(attributes, &t); err != nil {
		return trailer{}, 0, fmt.Errorf("%w: %w", errNotObject, err)
	}
	return t, bodySize, nil
}
