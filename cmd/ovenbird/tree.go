package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/audit"
	"ovenbird/internal/bucket"
	"ovenbird/internal/engine"
	"ovenbird/internal/lifecycle"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/tree"
)

// treeFlags are what publish-tree is told on the command line.
type treeFlags struct {
	to, afterHorizon, purgeKeys string
	countries                   []string
	maxAge                      time.Duration
	yes, watch, plan            bool
	config                      tree.Config
}

func (c *cli) publishTree() *cobra.Command {
	var f treeFlags
	cmd := &cobra.Command{
		Use:   "publish-tree --to BUCKET",
		Short: "Write a release as plain files, for CDNs that read a bucket directly",
		Long: "Publish-tree keeps /{country}/{application}[/{language}]/….json in a folder or a bucket that speaks S3: the\n" +
			"documents of the release that is served, as of now, with precompressed copies beside them (.br, .gz, .zst). It\n" +
			"writes only what differs from what it wrote last, and never links to what is not there. What a run that was\n" +
			"interrupted left undone, the next makes up for.\n\n" +
			"Files do not change by themselves when a license begins or ends: --watch stays, follows releases and the clock,\n" +
			"and prints `ready` when the tree is up to date. OVENBIRD_TREE makes `ovenbird up` do so. Read docs/trees.md first.\n\n" +
			"It prints what it is about to do. Where that is more than a million files, it asks for --yes.",
		Example: "  ovenbird releases publish-tree --to /srv/tree\n" +
			"  ovenbird releases publish-tree --to 's3://tree?region=eu-north-1' --countries FI,SE --watch --purge-keys /dev/stdout",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.writeTree(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "where the files go: a folder, or s3://NAME/PREFIX?region=REGION")
	flags.StringSliceVar(&f.countries, "countries", nil, "these alone, such as FI,SE; all by default")
	flags.StringSliceVar(&f.config.Applications, "applications", nil, "these alone, such as tv,web; all by default")
	flags.StringSliceVar(&f.config.Codings, "codings", tree.Codings(), "the precompressed copies to make; '' makes none")
	flags.DurationVar(&f.maxAge, "max-age", time.Minute, "for how long caches may keep a file of a bucket, never past its next transition")
	flags.BoolVar(&f.watch, "watch", false, "stay, and follow releases and transitions")
	flags.StringVar(&f.afterHorizon, "after-horizon", "keep",
		"what to do when the release has run out and no newer one is there: keep what cannot have ended, or withdraw all")
	flags.StringVar(&f.purgeKeys, "purge-keys", "", "file to append to what a CDN has to forget, one JSON object a line")
	flags.BoolVar(&f.plan, "plan", false, "print what would be done, and do nothing")
	flags.BoolVar(&f.config.Check, "check", false, "compare every file with what it has to be, and put right what is not")
	flags.BoolVar(&f.config.Rewrite, "rewrite", false, "write every file again")
	flags.BoolVar(&f.yes, "yes", false, "do it however much it is, also where other files lie in the way")
	return cmd
}

// settings returns the configuration that the flags stand for.
func (f treeFlags) settings() (tree.Config, error) {
	config := f.config
	config.Adopt = f.yes
	config.Codings = slices.DeleteFunc(slices.Clone(config.Codings), func(name string) bool { return name == "" })
	for _, code := range f.countries {
		country, err := ovenbird.ParseCountry(strings.TrimSpace(code))
		if err != nil {
			return config, ovenbird.Errorf(ovenbird.Invalid, "--countries: %w", err)
		}
		config.Countries = append(config.Countries, country)
	}
	if config.MaxAge = int(f.maxAge / time.Second); f.maxAge%time.Second != 0 {
		return config, ovenbird.Errorf(ovenbird.Invalid, "--max-age %s is not in whole seconds", f.maxAge)
	}
	if f.afterHorizon != "keep" && f.afterHorizon != "withdraw" {
		return config, ovenbird.Errorf(ovenbird.Invalid, "--after-horizon is %q; use keep or withdraw", f.afterHorizon)
	}
	config.Withdraw = f.afterHorizon == "withdraw"
	return config, nil
}

// writeTree brings a tree up to date, once or from then on.
func (c *cli) writeTree(ctx context.Context, f treeFlags) (err error) {
	if f.to == "" {
		return ovenbird.Errorf(ovenbird.Invalid, "say where the files go: --to DIR or --to s3://NAME/PREFIX?region=REGION")
	}
	config, err := f.settings()
	if err != nil {
		return err
	}
	e, err := c.openWithReleases(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	store, err := openTree(ctx, f.to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	if err := store.use(&config); err != nil {
		return err
	}
	return c.runTree(ctx, config, f, e.releases, store)
}

// runTree publishes into a store.
func (c *cli) runTree(ctx context.Context, config tree.Config, f treeFlags, releases *release.Store, store *treeStore) error {
	progress := c.newProgress("tree")
	defer progress.end()
	var purging error
	publisher, err := tree.New(config, tree.Deps{
		Releases: releases, Store: store.bucket, Log: slog.New(slog.NewTextHandler(c.stderr, nil)),
		Approve: func(p tree.Plan) error { return c.approve(p, f, store.remote()) }, Progress: progress.files,
		Published: func(r *tree.Report) { purging = errors.Join(purging, c.appendPurges(f.purgeKeys, r)) },
	})
	if err != nil {
		return err
	}
	report, err := publisher.Publish(ctx)
	if errors.Is(err, errPlanned) {
		return nil
	}
	if err != nil {
		return err
	}
	progress.end()
	err = errors.Join(c.appendPurges(f.purgeKeys, report),
		c.print(report, func(w io.Writer) error { return writeTreeReport(w, report) }))
	if err != nil || !f.watch {
		return err
	}
	var group lifecycle.Group
	group.Add("tree", publisher)
	err = group.Run(ctx, func() { fmt.Fprintln(c.stdout, "ready") }) //nolint:errcheck // who waits for it sees that it is missing
	return errors.Join(err, purging)
}

// mostFiles is how many files are written or deleted without --yes.
const mostFiles = 1_000_000

// errPlanned ends a run that was only to be planned.
var errPlanned = errors.New("only planned")

// approve prints what is about to be done, and refuses what is too much.
func (c *cli) approve(p tree.Plan, f treeFlags, remote bool) error {
	what := fmt.Sprintf("release %s: %d files to write, %d to delete", p.Release, p.Writes, p.Deletes)
	if p.Whole {
		what = fmt.Sprintf("release %s: %d files to look at, and to write where they are not right", p.Release, p.Writes)
	}
	if remote {
		// What S3 in us-east-1 takes for a PUT; other regions and stores differ a little.
		const dollarsPerPut = 0.005 / 1000
		what += fmt.Sprintf("; at S3's price for so many PUT requests, $%.2f at most", float64(p.Writes)*dollarsPerPut)
	}
	c.note("%s", what)
	switch {
	case f.plan:
		return errPlanned
	case p.Writes+p.Deletes > mostFiles && !f.yes:
		return ovenbird.Errorf(ovenbird.Held,
			"that is more than %d files: say --yes, or less with --countries, --applications and --codings", mostFiles)
	}
	return nil
}

// files shows how many files of how many were dealt with.
func (p *progress) files(done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := 5 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	if now := time.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.show(fmt.Sprintf("%s: %d of %d files, %.0f a second", p.what, done, of, float64(done)/now.Sub(p.start).Seconds()))
	}
}

func writeTreeReport(w io.Writer, r *tree.Report) error {
	next := "nothing changes by itself before the next release"
	if !r.Next.IsZero() {
		next = "next change " + r.Next.UTC().Format(time.RFC3339)
	}
	if r.Expired {
		next = "the release HAS RUN OUT: what the tree shows may have ended"
	}
	_, err := fmt.Fprintf(w, "tree of release %s as of %s: %d files written, %d deleted, %d were right; %s\n",
		r.Release, r.At.Format(time.RFC3339), r.Written, r.Deleted, r.Kept, next)
	return err
}

// appendPurges appends what a CDN has to forget to a file; "" is none.
func (c *cli) appendPurges(name string, r *tree.Report) (err error) {
	if name == "" || r.Written+r.Deleted == 0 {
		return nil
	}
	var lines []byte
	for _, purge := range r.Purges() {
		line, err := json.Marshal(purge)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // no secret is in it
	if err != nil {
		return ovenbird.Errorf(ovenbird.Unavailable, "writing --purge-keys: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(lines)
	return err
}

// treeStore is where a tree's files lie, and whether this process alone writes them.
type treeStore struct {
	bucket *bucket.Bucket
	dir    string // "" where it is no folder
	unlock func() error
}

// openTree opens a folder of plain files or a store that speaks S3.
func openTree(ctx context.Context, url string) (*treeStore, error) {
	dir, isFile := strings.CutPrefix(url, "file://")
	if strings.Contains(url, "://") && !isFile {
		b, err := bucket.Open(ctx, bucket.Config{URL: url})
		if err != nil {
			return nil, bucketFailed(err)
		}
		return &treeStore{bucket: b}, nil
	}
	b, err := bucket.OpenPlain(ctx, dir)
	if err != nil {
		return nil, bucketFailed(err)
	}
	return &treeStore{bucket: b, dir: dir}, nil
}

func (s *treeStore) remote() bool { return s.dir == "" }

// use locks a folder for this process, which a kernel sees to better than a lease,
// and leaves out of the configuration what a folder does not keep.
func (s *treeStore) use(config *tree.Config) (err error) {
	if s.remote() {
		return nil
	}
	config.MaxAge = 0
	path := filepath.Join(s.dir, filepath.FromSlash(tree.StateKey)+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the files beside it are for all to read
		return ovenbird.Errorf(ovenbird.Unavailable, "locking the tree: %w", err)
	}
	s.unlock, err = engine.Lock(path)
	if errors.Is(err, engine.ErrRunning) {
		return ovenbird.Errorf(ovenbird.Conflict, "another process writes the tree in %s", s.dir)
	}
	config.Exclusive = err == nil
	return err
}

func (s *treeStore) close() error {
	err := s.bucket.Close()
	if s.unlock != nil {
		err = errors.Join(err, s.unlock())
	}
	return err
}

// addTree adds the publisher of the environment's tree, if it asks for one.
func (e *environment) addTree(ctx context.Context, group *lifecycle.Group, log *slog.Logger, now func() time.Time) error {
	if e.settings.Tree == "" {
		return nil
	}
	store, err := openTree(ctx, e.settings.Tree)
	if err != nil {
		return err
	}
	config := tree.Config{
		Scope: tree.Scope{Countries: e.settings.TreeCountries, Codings: tree.Codings(), MaxAge: 60}, Poll: e.settings.Poll,
	}
	if err := store.use(&config); err != nil {
		return errors.Join(err, store.close())
	}
	publisher, err := tree.New(config, tree.Deps{Releases: e.releases, Store: store.bucket, Log: log, Now: now})
	if err != nil {
		return errors.Join(err, store.close())
	}
	group.Add("tree's bucket", closing{store.close})
	group.Add("tree", publisher)
	return nil
}

// closing is a service that is there from the start, and closed at the end.
type closing struct{ close func() error }

// Start does nothing.
func (closing) Start(context.Context, func(error)) error { return nil }

// Stop closes it.
func (c closing) Stop(context.Context) error { return c.close() }

// auditTree audits a tree with the release that it ought to hold.
func auditTree(ctx context.Context, config audit.Config, deps audit.Deps, url string, all bool) (report *audit.Report, err error) {
	if dir, isFile := strings.CutPrefix(url, "file://"); isFile || !strings.Contains(url, "://") {
		if _, err := os.Stat(dir); err != nil {
			return nil, ovenbird.Errorf(ovenbird.NotFound, "there is no tree in %s: %w", dir, err)
		}
	}
	store, err := openTree(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	reader, err := tree.NewReader(ctx, store.bucket, deps.Release.Manifest().Editions)
	if err != nil {
		return nil, err
	}
	before, audited := reader.State(), deps.Release.Ref().ID
	if held := before.Applied.Release.ID; held != audited {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "the tree holds release %s, and this audit is of %s: "+
			"bring it up to date with `ovenbird releases publish-tree`", held, audited)
	}
	deps.Tree = reader
	if report, err = audit.Run(ctx, config, deps); err != nil {
		return nil, err
	}
	if all {
		if err := addStrangers(ctx, reader, report); err != nil {
			return nil, err
		}
	}
	reader, err = tree.NewReader(ctx, store.bucket, deps.Release.Manifest().Editions)
	if ovenbird.CodeOf(err) == ovenbird.Conflict || err == nil && reader.State().Sequence != before.Sequence {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "the tree was written while it was read: begin again")
	}
	return report, err
}

// addStrangers adds the files to a report that belong to no variation of the tree.
func addStrangers(ctx context.Context, reader *tree.Reader, report *audit.Report) error {
	strangers, err := reader.Strangers(ctx)
	for _, name := range strangers {
		report.Violations = append(report.Violations, audit.Violation{
			Where: "tree", Kind: audit.Copy, Path: name, At: time.Now().UTC(), Found: "belongs to no variation of the tree",
		})
	}
	return err
}
