package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

func (c *cli) search() *cobra.Command {
	search := catalog.Search{}
	var typ string
	cmd := &cobra.Command{
		Use:   "search WORDS",
		Short: "Find titles and collections by words in their texts",
		Long: "Search looks through names, synopses and all other texts, in every language, for titles and collections that have all\n" +
			"the words, the last of which may be the beginning of one. Case and accents do not matter. Those that have the words\n" +
			"in names come first.",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) (err error) {
			search.Text, search.Type = strings.Join(list, " "), catalog.RecordType(typ)
			if typ != "" && search.Type != catalog.TypeTitle && search.Type != catalog.TypeCollection {
				return ovenbird.Errorf(ovenbird.Invalid, "--type %q: use title or collection", typ)
			}
			if search.Limit < 1 || search.Limit > 1000 {
				return ovenbird.Errorf(ovenbird.Invalid, "--limit %d: use 1 to 1000", search.Limit)
			}
			e, err := c.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.close()) }()
			found, err := e.catalog.Search(cmd.Context(), search)
			if err != nil {
				return err
			}
			return c.tellHits(found)
		},
	}
	cmd.Flags().StringVar(&typ, "type", "", "only title, or only collection")
	cmd.Flags().IntVar(&search.Limit, "limit", 20, "how many to find")
	cmd.Flags().StringVar(&search.After, "after", "", "go on after a page, with the next of its JSON")
	return cmd
}

func (c *cli) tellHits(found catalog.Hits) error {
	if found.Hits == nil {
		found.Hits = []catalog.Hit{}
	}
	data := struct {
		Hits []catalog.Hit `json:"hits"`
		Next string        `json:"next,omitempty"`
	}{found.Hits, found.Next}
	err := c.print(data, func(w io.Writer) error {
		for _, hit := range found.Hits {
			what := cmp.Or(string(hit.Kind), string(hit.Type))
			if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", hit.ID, what, hit.Field, hit.Locale, oneLine(hit.Text)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case len(found.Hits) == 0:
		c.note("nothing found")
	case found.Next != "":
		c.note("there are more: --limit shows more at once")
	}
	return err
}

// oneLine shortens a text to what fits beside others.
func oneLine(text string) string {
	const most = 100
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > most {
		line = append(line[:most-1], '…')
	}
	return string(line)
}
