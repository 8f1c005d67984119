package geoip

import (
	"bytes"
	"context"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

const (
	// PublicRegistry is where npm's packages are.
	PublicRegistry = "https://registry.npmjs.org/"
	packageName    = "@ip-location-db/geo-whois-asn-country-mmdb"
	entryName      = "package/geo-whois-asn-country.mmdb"
)

// The most that is read, in bytes: several times what there is today.
const (
	longestMetadata = 1 << 20
	longestArchive  = 64 << 20
	longestDatabase = 256 << 20
)

// Config says what to refresh, and from where.
type Config struct {
	File     string       // what edges read
	Registry string       // of npm packages; "" is PublicRegistry
	Client   *http.Client // nil: one that waits for five minutes at most
}

// Report is what a refresh came to.
type Report struct {
	File    string `json:"file"`
	Version string `json:"version"` // of the package
	Changed bool   `json:"changed"` // false: the file had this content already, and was not touched
	Old     *Info  `json:"old,omitempty"`
	New     Info   `json:"new"`
}

// Refresh fetches the newest data and puts it in place of the file, which is kept
// beside it with the suffix .bak. Whatever goes wrong, the file stays as it is.
func Refresh(ctx context.Context, c Config) (Report, error) {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 5 * time.Minute}
	}
	before, err := os.ReadFile(c.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Report{}, ovenbird.Errorf(ovenbird.Unavailable, "reading what is there: %w", err)
	}
	report := Report{File: c.File}
	if old, err := Parse(before); err == nil {
		report.Old = &old.info
	}
	newest, err := c.newest(ctx)
	if err != nil {
		return report, err
	}
	report.Version = newest.Version
	archive, err := c.archive(ctx, newest)
	if err != nil {
		return report, err
	}
	body, err := unpack(bytes.NewReader(archive))
	if err != nil {
		return report, ovenbird.Errorf(ovenbird.Invalid, "unpacking %s %s: %w", packageName, newest.Version, err)
	}
	made, err := Parse(body)
	if err != nil {
		return report, ovenbird.Errorf(ovenbird.Invalid, "the data in %s %s is not usable: %w", packageName, newest.Version, err)
	}
	report.New, report.Changed = made.info, !bytes.Equal(before, body)
	if !report.Changed {
		return report, nil
	}
	return report, replace(c.File, before, body)
}

// version is what a registry says of a package.
type version struct {
	Version string `json:"version"`
	Dist    struct {
		Tarball   string `json:"tarball"`
		Integrity string `json:"integrity"`
	} `json:"dist"`
}

func (c Config) newest(ctx context.Context) (v version, err error) {
	registry, err := url.Parse(c.registry())
	if err != nil || registry.Host == "" {
		return v, ovenbird.Errorf(ovenbird.Invalid, "the registry %q is no address, such as %s", c.registry(), PublicRegistry)
	}
	address := strings.TrimSuffix(registry.String(), "/") + "/" + strings.Replace(packageName, "/", "%2f", 1) + "/latest"
	body, err := c.get(ctx, address, longestMetadata)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(body, &v); err != nil || v.Dist.Tarball == "" {
		return v, ovenbird.Errorf(ovenbird.Invalid, "%s does not answer as a registry of npm packages does", c.registry())
	}
	return v, nil
}

func (c Config) registry() string {
	if c.Registry == "" {
		return PublicRegistry
	}
	return c.Registry
}

// archive fetches the package and checks that it is what the registry says.
func (c Config) archive(ctx context.Context, v version) ([]byte, error) {
	var want []byte
	for hash := range strings.FieldsSeq(v.Dist.Integrity) {
		if encoded, ok := strings.CutPrefix(hash, "sha512-"); ok {
			want, _ = base64.StdEncoding.DecodeString(encoded)
		}
	}
	if len(want) != sha512.Size {
		return nil, ovenbird.Errorf(ovenbird.Invalid,
			"the registry has no SHA-512 of %s %s, so it can not be checked", packageName, v.Version)
	}
	address := v.Dist.Tarball
	// As npm does: a mirror may tell where the public registry has it.
	if rest, public := strings.CutPrefix(address, PublicRegistry); public {
		address = strings.TrimSuffix(c.registry(), "/") + "/" + rest
	}
	body, err := c.get(ctx, address, longestArchive)
	if err != nil {
		return nil, err
	}
	if got := sha512.Sum512(body); subtle.ConstantTimeCompare(got[:], want) != 1 {
		return nil, ovenbird.Errorf(ovenbird.Invalid,
			"what came of %s %s is not what the registry says it is: try again", packageName, v.Version)
	}
	return body, nil
}

// get reads an address, up to a limit.
func (c Config) get(ctx context.Context, address string, limit int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the registry's address: %w", err)
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "fetching GeoIP data: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode != http.StatusOK {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "fetching %s: %s", address, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "fetching %s: %w", address, err)
	case int64(len(body)) > limit:
		return nil, ovenbird.Errorf(ovenbird.Invalid, "fetching %s: it has more than %d bytes", address, limit)
	default:
		return body, nil
	}
}

// replace puts a new file in place of one, whose content it keeps beside. Each is
// there as a whole or not at all.
func replace(file string, before, after []byte) error {
	if before != nil {
		if err := write(file+".bak", before); err != nil {
			return err
		}
	}
	return write(file, after)
}

func write(file string, body []byte) error {
	made, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.partial")
	if err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "writing %s: %w", file, err)
	}
	_, err = made.Write(body)
	err = errors.Join(err, made.Chmod(0o644), made.Sync(), made.Close())
	if err == nil {
		err = os.Rename(made.Name(), file)
	}
	if err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "writing %s: %w", file, errors.Join(err, os.Remove(made.Name())))
	}
	return nil
}
