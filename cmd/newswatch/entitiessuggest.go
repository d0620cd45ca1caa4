package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/extractors/tags"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

var wikidataID = regexp.MustCompile(`^Q[1-9][0-9]{0,11}$`)

func newEntitiesSuggest() *cobra.Command {
	var langs, file string
	var catalogs []string
	cmd := &cobra.Command{
		Use:   "suggest QID | --file FILE",
		Short: "Write a catalog entry from a Wikidata entity; no server needed",
		Long: `Write an entity with the labels and aliases that Wikidata has of it, as YAML to be
looked through, kept and applied: each name once, its kind from what the item is
an instance of, and beside each name that may not do what is meant a comment.

  newswatch entities suggest Q160120 > huawei.yaml
  newswatch entities test -f huawei.yaml
  newswatch apply -f huawei.yaml

QID is asked of www.wikidata.org; --file reads a saved document instead
(https://www.wikidata.org/wiki/Special:EntityData/QID.json; - is standard input).
Names are compared with those of the catalog files, or of the starter catalog.

Exit codes: 0 done, 1 failed, 2 wrong use.`,
		Args: cobra.MaximumNArgs(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") {
				return errors.New("entities suggest: give either an item such as Q160120 or a document with --file")
			}
			if len(args) == 1 && !wikidataID.MatchString(args[0]) {
				return fmt.Errorf("%q is not an item such as Q160120", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			others, err := entitiesOf(catalogs)
			if err != nil {
				return err
			}
			from := file
			if len(args) == 1 {
				from = "https://www.wikidata.org/wiki/Special:EntityData/" + args[0] + ".json"
			}
			data, _, _, err := readFeed(cmd.Context(), cmd.InOrStdin(), from, false)
			if err != nil {
				return err
			}
			e, notes, err := tags.Suggest(data, strings.FieldsFunc(langs, func(r rune) bool { return r == ',' || r == ' ' }))
			if err != nil {
				return err
			}
			out, err := suggestion(e, notes, others)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	cmd.Flags().StringVar(&langs, "langs", "en,ru,zh,uk", "languages of the names, separated by commas")
	cmd.Flags().StringVar(&file, "file", "", "a saved document; - is standard input")
	cmd.Flags().StringArrayVar(&catalogs, "catalog", nil, "catalog file to compare names with; may be given several times")
	return cmd
}

// suggestion is the entity as a catalog file, with what lint says as comments.
func suggestion(e catalog.Entity, notes []string, others []catalog.Entity) ([]byte, error) {
	above := []string{"From https://www.wikidata.org/wiki/" + e.Wikidata + "; look through the names before you apply it."}
	above = append(above, notes...)
	for _, o := range others {
		switch {
		case o.Wikidata == e.Wikidata:
			above = append(above, "The catalog has it already, as "+o.ID+".")
		case o.ID == e.ID:
			above = append(above, "The catalog has another entity of the id "+o.ID+".")
		}
	}
	if guesses := spellings(e); len(guesses) > 0 {
		above = append(above, "It may also be written, by the sound of its names: "+strings.Join(guesses, ", ")+".")
	}
	beside := make(map[int][]string)
	for _, w := range tags.Lint(e, others) {
		for i, n := range e.Names {
			if n.Text == w.Name {
				beside[i] = append(beside[i], w.Msg)
				break
			}
		}
	}
	return catalog.MarshalEntity(e, above, beside)
}

// spellings are those of its first name in each script that the entity has not
// got: guesses to choose from.
func spellings(e catalog.Entity) []string {
	var out []string
	asked := make(map[string]bool) // language of the guesses
	for _, n := range e.Names {
		guesses := tags.Transliterations(n.Text, e.Kind, n.Lang)
		if len(guesses) == 0 || asked[guesses[0].Lang] {
			continue
		}
		asked[guesses[0].Lang] = true
		for _, g := range guesses {
			if !slices.ContainsFunc(e.Names, func(n catalog.Name) bool { return strings.EqualFold(n.Text, g.Text) }) {
				out = append(out, g.Text)
			}
		}
	}
	return out
}
