// Package buckettest is the suite that every kind of bucket must pass.
package buckettest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // as below
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"

	"ovenbird/internal/bucket"
)

// Run runs the suite. open returns an empty bucket each time it is called; the
// suite closes it.
func Run(t *testing.T, open func(t *testing.T) *bucket.Bucket) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *bucket.Bucket)
	}{
		{"CreatedObjectIsRead", createdObjectIsRead},
		{"CreateAgain", createAgain},
		{"MissingObjectIsNotFound", missingObjectIsNotFound},
		{"ReadRange", readRange},
		{"SwapReplacesWhatWasExpected", swapReplacesWhatWasExpected},
		{"LostSwapChangesNothing", lostSwapChangesNothing},
		{"EverySwapCounts", everySwapCounts},
		{"OneOfManyCreatorsOfDifferentContentWins", oneCreatorWins},
		{"ListIsOrderedAndWhole", listIsOrderedAndWhole},
		{"PutReplacesWhateverThereIs", putReplaces},
		{"DeletedObjectIsGone", deletedObjectIsGone},
		{"OddKeysAreKeptOrRefused", oddKeysAreKeptOrRefused},
		{"BadKeysAreRefused", badKeysAreRefused},
		{"CanceledContextWritesNothing", canceledContextWritesNothing},
		{"ProbeSucceedsAndLeavesNothing", probeSucceedsAndLeavesNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			test.run(t, b)
		})
	}
}

func mustCreate(t *testing.T, b *bucket.Bucket, key, body string) {
	t.Helper()
	if err := b.Create(t.Context(), key, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func wantBody(t *testing.T, b *bucket.Bucket, key, want string) {
	t.Helper()
	body, version, err := b.Read(t.Context(), key)
	if err != nil || string(body) != want {
		t.Errorf("%q: got %q, %v; want %q", key, body, err, want)
	}
	if polled, err := b.Version(t.Context(), key); err != nil || polled != version {
		t.Errorf("%q: Version returned %q, %v; Read returned %q", key, polled, err, version)
	}
}

func createdObjectIsRead(t *testing.T, b *bucket.Bucket) {
	for _, body := range []string{"", "x", `{"a":1}`, string(bytes.Repeat([]byte("0123456789"), 300_000))} {
		key := "sizes/" + strconv.Itoa(len(body))
		mustCreate(t, b, key, body)
		wantBody(t, b, key, body)
		info, err := b.Stat(t.Context(), key)
		if err != nil || info.Size != int64(len(body)) || info.Key != key || info.Modified.IsZero() {
			t.Errorf("%q: got %+v, %v", key, info, err)
		}
	}
}

func createAgain(t *testing.T, b *bucket.Bucket) {
	mustCreate(t, b, "a", "same")
	mustCreate(t, b, "a", "same")
	if err := b.Create(t.Context(), "a", []byte("else")); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("other content of the same length: got %v, want ErrChanged", err)
	}
	wantBody(t, b, "a", "same")
}

func missingObjectIsNotFound(t *testing.T, b *bucket.Bucket) {
	ctx := t.Context()
	mustCreate(t, b, "folder/object", "x")
	for _, key := range []string{"missing", "folder", "folder/", "folder/object/below"} {
		_, _, read := b.Read(ctx, key)
		_, ranged := b.ReadRange(ctx, key, 0, 1)
		_, version := b.Version(ctx, key)
		_, stat := b.Stat(ctx, key)
		for doing, err := range map[string]error{
			"Read": read, "ReadRange": ranged, "Version": version, "Stat": stat, "Delete": b.Delete(ctx, key),
		} {
			if !errors.Is(err, bucket.ErrNotFound) {
				t.Errorf("%s of %q: got %v, want ErrNotFound", doing, key, err)
			}
		}
	}
}

func readRange(t *testing.T, b *bucket.Bucket) {
	mustCreate(t, b, "a", "0123456789")
	for _, test := range []struct {
		offset, length int64
		want           string
		err            error
	}{
		{0, 10, "0123456789", nil},
		{3, 4, "3456", nil},
		{9, 1, "9", nil},
		{4, 0, "", nil},
		{10, 0, "", nil},
		{9, 2, "", io.ErrUnexpectedEOF},
		{11, 1, "", io.ErrUnexpectedEOF},
		{0, 1 << 50, "", io.ErrUnexpectedEOF},
	} {
		got, err := b.ReadRange(t.Context(), "a", test.offset, test.length)
		if string(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%d bytes at %d: got %q, %v; want %q, %v", test.length, test.offset, got, err, test.want, test.err)
		}
	}
}

func swapReplacesWhatWasExpected(t *testing.T, b *bucket.Bucket) {
	var version bucket.Version
	for i := range 5 {
		next, err := b.Swap(t.Context(), "head", fmt.Appendf(nil, "state %d", i), version)
		if err != nil {
			t.Fatal(err)
		}
		if next == version || next == "" {
			t.Errorf("version %q follows %q", next, version)
		}
		version = next
		wantBody(t, b, "head", fmt.Sprintf("state %d", i))
	}
}

func lostSwapChangesNothing(t *testing.T, b *bucket.Bucket) {
	ctx := t.Context()
	if _, err := b.Swap(ctx, "head", []byte("x"), "some version"); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("no object where one is expected: got %v, want ErrChanged", err)
	}
	first, err := b.Swap(ctx, "head", []byte("first"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Swap(ctx, "head", []byte("x"), ""); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("an object where none is expected: got %v, want ErrChanged", err)
	}
	if _, err := b.Swap(ctx, "head", []byte("second"), first); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Swap(ctx, "head", []byte("x"), first); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("another version: got %v, want ErrChanged", err)
	}
	wantBody(t, b, "head", "second")
}

// everySwapCounts has writers add to a number, which comes out right only if no
// swap overwrites another.
func everySwapCounts(t *testing.T, b *bucket.Bucket) {
	const writers, additions = 4, 10
	if _, err := b.Swap(t.Context(), "n", []byte("0"), ""); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range additions {
				if err := increment(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	wantBody(t, b, "n", strconv.Itoa(writers*additions))
}

func increment(ctx context.Context, b *bucket.Bucket) error {
	for {
		body, version, err := b.Read(ctx, "n")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(body))
		if err != nil {
			return err
		}
		_, err = b.Swap(ctx, "n", []byte(strconv.Itoa(n+1)), version)
		if !errors.Is(err, bucket.ErrChanged) {
			return err
		}
	}
}

func oneCreatorWins(t *testing.T, b *bucket.Bucket) {
	const creators = 8
	var all sync.WaitGroup
	won := make(chan string, creators)
	for i := range creators {
		all.Go(func() {
			body := strconv.Itoa(i)
			switch err := b.Create(t.Context(), "a", []byte(body)); {
			case err == nil:
				won <- body
			case !errors.Is(err, bucket.ErrChanged):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Fatalf("%d creators were told that they won", len(won))
	}
	wantBody(t, b, "a", <-won)
}

func listIsOrderedAndWhole(t *testing.T, b *bucket.Bucket) {
	var want []string
	for i := range 1100 { // more than a page
		want = append(want, fmt.Sprintf("p/%02x/%d", i%7, i))
	}
	want = append(want, "p/0", "p/00-", "p/00.x", "p/é", "p/.hidden")
	for _, key := range append([]string{"o", "q/1"}, want...) {
		mustCreate(t, b, key, key)
	}
	for _, key := range []string{"p/a//b", "p/a/b/", "p/./a", "p/a\x01"} {
		if b.Create(t.Context(), key, []byte(key)) == nil {
			want = append(want, key)
		}
	}
	slices.Sort(want)
	var got []string
	for info, err := range b.List(t.Context(), "p/") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != int64(len(info.Key)) || info.Modified.IsZero() {
			t.Errorf("listed %+v", info)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d keys, want %d:\n%q\n%q", len(got), len(want), got, want)
	}
	for info, err := range b.List(t.Context(), "nothing begins like this") {
		t.Errorf("listed %v, %v", info, err)
	}
}

func deletedObjectIsGone(t *testing.T, b *bucket.Bucket) {
	mustCreate(t, b, "a/b", "x")
	if err := b.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Read(t.Context(), "a/b"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	mustCreate(t, b, "a/b", "y")
	wantBody(t, b, "a/b", "y")
}

// OddKeys are keys that a store may refuse, and has to keep as they are if it
// does not.
var OddKeys = []string{
	"..", "x/../../outside", "/etc/absolute", ".", "x/./here", ".lock", ".tmp/x", "a//", "trailing/", "/",
	"a\\b", "a%2Fb", "%", "%%", "new\nline", "nul\x00", "\x7f", "späce é 日本", "CON", "a b", "*?<>|:\"", "two..", "__0x61__", "+&=#",
}

// oddKeysAreKeptOrRefused: there is no third way, such as to keep one under the
// key of another.
func putReplaces(t *testing.T, b *bucket.Bucket) {
	headers := bucket.Headers{
		ContentType: "application/json", ContentEncoding: "gzip", CacheControl: "no-cache",
		Metadata: map[string]string{"surrogate-key": "a b"},
	}
	mustCreate(t, b, "a/b.json.gz", "old")
	for _, body := range []string{"new", "newer"} {
		for _, key := range []string{"a/b.json.gz", "a/c.json.gz"} {
			if err := b.Put(t.Context(), key, []byte(body), headers); err != nil {
				t.Fatal(err)
			}
			wantBody(t, b, key, body)
		}
	}
	for info, err := range b.List(t.Context(), "a/") {
		if err != nil {
			t.Fatal(err)
		}
		sum := md5.Sum([]byte("newer")) //nolint:gosec // what stores say of an object, not a secret
		if info.MD5 != nil && !bytes.Equal(info.MD5, sum[:]) {
			t.Errorf("%s has the MD5 %x", info.Key, info.MD5)
		}
	}
	version, err := b.Version(t.Context(), "a/b.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Swap(t.Context(), "a/b.json.gz", []byte("swapped"), version); err != nil {
		t.Errorf("what Put wrote has version %s, which can not be swapped: %v", version, err)
	}
}

func oddKeysAreKeptOrRefused(t *testing.T, b *bucket.Bucket) {
	var kept []string
	for _, key := range OddKeys {
		if err := b.Create(t.Context(), key, []byte("body of "+key)); err == nil {
			kept = append(kept, key)
			continue
		}
		if _, _, err := b.Read(t.Context(), key); !errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%q was refused; reading it: got %v, want ErrNotFound", key, err)
		}
		if _, err := b.Swap(t.Context(), key, []byte("x"), ""); err == nil {
			t.Errorf("Create refused %q, and Swap did not", key)
		}
	}
	if len(kept) < len(OddKeys)/3 {
		t.Errorf("kept only %q", kept)
	}
	for _, key := range kept {
		wantBody(t, b, key, "body of "+key)
	}
	var listed []string
	for info, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, info.Key)
	}
	slices.Sort(kept)
	if !slices.Equal(listed, kept) {
		t.Errorf("listed %q, want %q", listed, kept)
	}
}

func badKeysAreRefused(t *testing.T, b *bucket.Bucket) {
	for _, key := range []string{"", "\xff", "a/\xc3\x28"} {
		if err := b.Create(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("%q was accepted", key)
		}
	}
}

func canceledContextWritesNothing(t *testing.T, b *bucket.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Create(ctx, "a", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Create: got %v", err)
	}
	if _, err := b.Swap(ctx, "a", []byte("x"), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Swap: got %v", err)
	}
	if _, _, err := b.Read(t.Context(), "a"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func probeSucceedsAndLeavesNothing(t *testing.T, b *bucket.Bucket) {
	for range 2 {
		if err := b.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for info, err := range b.List(t.Context(), "") {
		t.Errorf("left %v, %v", info, err)
	}
}
