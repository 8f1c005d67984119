package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Gather reads the files of a folder that belong to a stack: all but those that
// git ignores, those whose name (or a folder's on the way) begins with a dot, and
// those that leave says true of. A link is taken as the file that it leads to, and
// refused where it leads out of the folder.
func Gather(ctx context.Context, dir string, leave func(path string) bool) ([]File, error) {
	names, err := list(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	defer root.Close() //nolint:errcheck // it was read
	var files []File
	for _, name := range names {
		if hidden(name) || leave != nil && leave(name) {
			continue
		}
		f, err := gatherOne(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // git knows it, and it was removed; or it went away just now
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// hidden reports whether a path, or a folder on the way, begins with a dot.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
}

// list returns the paths of a folder's files without those that git ignores. In no
// repository nothing is ignored.
func list(ctx context.Context, dir string) ([]string, error) {
	if inRepository(dir) {
		out, err := git(ctx, dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", ".")
		if err != nil {
			return nil, err
		}
		return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), nil
	}
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && hidden(name) && entry.IsDir():
			return fs.SkipDir
		case !entry.IsDir():
			names = append(names, name)
		}
		return ctx.Err()
	})
	return names, err
}

func gatherOne(root *os.Root, name string) (File, error) {
	if problem := pathProblem(name); problem != "" {
		return File{}, ovenbird.Errorf(ovenbird.Invalid, "the path %q %s; rename the file", name, problem)
	}
	where := filepath.Join(root.Name(), filepath.FromSlash(name))
	info, err := root.Stat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := root.Lstat(filepath.FromSlash(name)); err == nil {
			return File{}, ovenbird.Errorf(ovenbird.Invalid, "%s is a link to what is not there; remove it", where)
		}
		return File{}, err
	case err != nil:
		return File{}, ovenbird.Errorf(ovenbird.Invalid, "%s can not be read, or leads out of the stack's folder: %w; "+
			"put a copy of the file in its place", where, err)
	case info.IsDir():
		return File{}, ovenbird.Errorf(ovenbird.Invalid, "%s is a link to a folder, or a repository in a repository; "+
			"put the files themselves there", where)
	case !info.Mode().IsRegular():
		return File{}, ovenbird.Errorf(ovenbird.Invalid, "%s is not a plain file; remove it", where)
	case info.Size() > maxFile:
		return File{}, tooLarge(where, int(info.Size()))
	}
	body, err := readAtMost(root, name)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", where, err)
	}
	return File{Path: path.Clean(name), Executable: info.Mode()&0o111 != 0, Body: body}, nil
}

// readAtMost reads a file, and a byte more than a bundle takes of one that grew
// since it was looked at.
func readAtMost(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was read
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
