package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// kinds are the catalog's kinds as the command line takes them, singular or
// plural, and their API paths.
var kinds = map[string]string{
	"source": "sources", "sources": "sources",
	"entity": "entities", "entities": "entities",
	"watch": "watches", "watches": "watches",
	"channel": "channels", "channels": "channels",
}

func newApply() *cobra.Command {
	var s server
	var files []string
	var force bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE…",
		Short: "Put a catalog file (YAML or OPML) into the running server",
		Long: `Put sources, entities, watches and channels into the running server. What the
file no longer holds since it was last applied is removed; files are told apart
by their names. A bad file changes nothing and says which line; so does one with
an entity whose tests fail, unless --force is given. FILE may be - for standard
input.

Exit codes: 0 done, 1 failed or refused, 2 wrong use.`,
		Args: cobra.ArbitraryArgs,
		PreRunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("apply: what is %q for? Give each file with -f", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			for _, file := range files {
				data, name, err := readInput(cmd.InOrStdin(), file)
				if err != nil {
					return err
				}
				var res struct{ Added, Changed, Unchanged, Removed int }
				path := apiPath + "apply?name=" + url.QueryEscape(name)
				if force {
					path += "&force=true"
				}
				if err := c.Do(cmd.Context(), http.MethodPost, path, "application/yaml", bytes.NewReader(data), &res); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d added, %d changed, %d unchanged, %d removed\n", file, res.Added, res.Changed, res.Unchanged, res.Removed)
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "file to apply; may be given several times")
	cmd.Flags().BoolVar(&force, "force", false, "store entities even where their tests fail")
	_ = cmd.MarkFlagRequired("file") // it exists
	return cmd
}

func readInput(stdin io.Reader, file string) (data []byte, name string, err error) {
	if file == "-" {
		data, err = io.ReadAll(stdin)
		return data, "stdin", err
	}
	data, err = os.ReadFile(file)
	return data, filepath.Base(file), err
}

func newDelete() *cobra.Command {
	var s server
	var tags string
	cmd := &cobra.Command{
		Use:   "delete KIND ID",
		Short: "Delete a source, entity, watch or channel of the running server",
		Long: `Delete a source, entity, watch or channel. What is managed by a file can only
be deleted there. The tags of an entity are taken out of the articles there are,
in the background; --tags keep leaves them. Alerts that were sent stay.

Exit codes: 0 done, 1 failed or refused, 2 wrong use, 3 no such object.`,
		Args: cobra.ExactArgs(2),
		PreRunE: func(cmd *cobra.Command, args []string) error {
			if kinds[strings.ToLower(args[0])] == "" {
				return fmt.Errorf("unknown kind %q: want source, entity, watch or channel", args[0])
			}
			if args[1] == "" {
				return errors.New("the id is empty")
			}
			if cmd.Flags().Changed("tags") && kinds[strings.ToLower(args[0])] != "entities" {
				return errors.New("--tags: only entities have tags")
			}
			return oneOf("tags", tags, "remove", "keep")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			kind := strings.ToLower(args[0])
			path := apiPath + kinds[kind] + "/" + url.PathEscape(args[1])
			if kinds[kind] == "entities" {
				path += "?tags=" + tags
			}
			if err := c.Do(cmd.Context(), http.MethodDelete, path, "", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "deleted %s %s\n", kind, args[1])
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&tags, "tags", "remove", "of an entity: remove its tags from the articles there are, or keep them")
	return cmd
}
