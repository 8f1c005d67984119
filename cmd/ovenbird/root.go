package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// Exit codes.
const (
	exitFailure = 1 // it did not work; it may another time
	exitInvalid = 2 // the input or the usage is wrong
	exitHeld    = 3 // a safety rule stopped it; a person decides
)

// cli is one run of the program.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	siteDir, env, data string
	bucket             string
	database           string
	json               bool

	spot site.Spot // where in the site the current folder is; zero where --site named one
	lost error     // why it can not be told
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: stderr}
	root := c.root() //nolint:contextcheck // cobra hands the context to each command
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	c.note("ovenbird: %v", err)
	switch ovenbird.CodeOf(err) {
	case ovenbird.Invalid, ovenbird.NotFound:
		return exitInvalid
	case ovenbird.Held:
		return exitHeld
	default:
		return exitFailure
	}
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ovenbird",
		Short: "Bake a streaming catalog ahead of time and serve it as it is",
		Long: "Ovenbird bakes every document of every variation, per country and application, ahead of time\n" +
			"and serves it as it is: no request decides anything.\n\n" +
			"Exit codes: 0 done, 1 failure, 2 wrong input or usage, 3 held for a person to decide.",
		SilenceUsage: true, SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.siteDir, "site", ".", "folder of the site (default: the one that the current folder belongs to)")
	flags.StringVar(&c.env, "env", "dev", "name of the environment")
	flags.StringVar(&c.data, "data", ".ovenbird", "folder for the data of all environments")
	flags.StringVar(&c.database, "database", "",
		"PostgreSQL database, postgres://USER@HOST:PORT/NAME, with the password in PGPASSWORD or ~/.pgpass\n"+
			"(default: the environment's OVENBIRD_DATABASE, else SQLite in the folder for data)")
	flags.StringVar(&c.bucket, "bucket", "",
		"where releases lie: a folder, or s3://NAME/PREFIX?region=REGION, with the credentials where AWS's tools look\n"+
			"(default: the environment's OVENBIRD_BUCKET, else a folder in the folder for data)")
	flags.BoolVar(&c.json, "json", false, "print data as JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return ovenbird.Errorf(ovenbird.Invalid, "%w; see --help", err)
	})
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { c.locate(cmd) }
	needsCommand(root)
	root.AddCommand(c.up(), c.edge(), c.verify(), c.importFiles(), c.export(), c.sources(), c.bake(), c.releases(), c.edges(), c.explain(),
		c.schema(), c.token(), c.doctor(), c.search(), c.backup(), c.restore(), c.move())
	root.AddCommand(c.preview(), c.geoip(), c.auditLog(), c.site())
	return root
}

// needsCommand makes a word that is none of a group's commands an error, not a
// request for help. Alone, the group prints its help.
func needsCommand(group *cobra.Command) {
	group.Args, group.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	group.RunE = func(cmd *cobra.Command, list []string) error {
		if len(list) == 0 {
			return cmd.Help()
		}
		hint := "see --help"
		if near := cmd.SuggestionsFor(list[0]); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return ovenbird.Errorf(ovenbird.Invalid, "unknown command %q of %s; %s", list[0], cmd.CommandPath(), hint)
	}
}

// args checks the number of arguments.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return ovenbird.Errorf(ovenbird.Invalid, "%w; usage: %s", err, cmd.UseLine())
		}
		return nil
	}
}

// note writes a message for people.
func (c *cli) note(format string, args ...any) {
	fmt.Fprintf(c.stderr, format+"\n", args...) //nolint:errcheck // nobody is left to tell
}

// print writes data: as JSON where that is asked for, else as text does.
func (c *cli) print(data any, text func(w io.Writer) error) error {
	if !c.json {
		return text(c.stdout)
	}
	encoder := json.NewEncoder(c.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(data)
}

// parseInstant reads an --at flag; "" is the zero time.
func parseInstant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, ovenbird.Errorf(ovenbird.Invalid, "--at %q is not an instant: write it like 2026-01-31T00:00:00Z", s)
	}
	return at.UTC(), nil
}
