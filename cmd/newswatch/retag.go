package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/newswatch/newswatch/cmd/internal/client"
	"github.com/newswatch/newswatch/pipeline"
)

const retagPath = apiPath + "retag"

// retagRequest is what the server is asked for.
type retagRequest struct {
	Entities []string `json:"entities,omitempty"`
	Alert    bool     `json:"alert,omitempty"`
}

func newRetag() *cobra.Command {
	var s server
	var req retagRequest
	var wait bool
	cmd := &cobra.Command{
		Use:   "retag [ID…]",
		Short: "Tag articles of the archive anew",
		Long: `Entities that are added, changed or deleted are applied to the articles there
are by themselves, in the background and without alerts; the page of an entity,
and newswatch get status, show how far that is.

retag does it by hand: with ids, in the articles that may mention these
entities; without, in all articles (after an upgrade that tags better, say).
Entities that newswatch had before it applied them to its archive are looked for
in older articles only so.

With --alert, watches that match an article by its new tags and did not when it
was news alert, by their usual rules: grouped, and each thing once. That also
goes for tags that came quietly, when the entity was added. Articles that were
loaded quietly (load without --alert) stay quiet. retag of an entity that was
deleted and whose tags were kept takes them out.

The running newswatch does the work, also when it is restarted meanwhile. --wait
shows how it goes until it is done.

Exit codes: 0 done or begun, 1 failed, 2 wrong use, 3 there is no such entity.`,
		Example: `  newswatch retag huawei --alert --wait
  newswatch retag`,
		Args: cobra.ArbitraryArgs,
		PreRunE: func(_ *cobra.Command, args []string) error {
			for _, id := range args {
				if id == "" {
					return errors.New("an id is empty")
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			req.Entities = args
			return runRetag(cmd, c, req, wait)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&req.Alert, "alert", false, "let watches alert on what is new")
	cmd.Flags().BoolVar(&wait, "wait", false, "show how it goes until it is done")
	return cmd
}

func runRetag(cmd *cobra.Command, c *client.Client, req retagRequest, wait bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	var asked pipeline.RetagRequest
	if err := c.Do(ctx, http.MethodPost, retagPath, "application/json", bytes.NewReader(body), &asked); err != nil {
		return err
	}
	if !wait {
		_, err := fmt.Fprintln(out, "asked for; newswatch get status or the pages show how it goes")
		return err
	}
	var passes []pipeline.RetagPass
	err = follow(cmd, "no process that extracts has taken it up; it will when one is there", "interrupted; newswatch goes on with it",
		func(ctx context.Context) (course, error) {
			if passes, err = passesOf(ctx, c, asked.ID); err != nil {
				return course{}, err
			}
			begun := len(passes) > 0
			going := slices.ContainsFunc(passes, func(p pipeline.RetagPass) bool { return p.State != pipeline.RetagDone })
			return course{begun, begun && !going, passSum(passes)}, nil
		})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, passSum(passes))
	return err
}

// passesOf are the passes of a request.
func passesOf(ctx context.Context, c *client.Client, request string) (of []pipeline.RetagPass, err error) {
	var list struct {
		Items []pipeline.RetagPass `json:"items"`
	}
	if err := c.Get(ctx, retagPath, nil, &list); err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		if p.Request == request {
			of = append(of, p)
		}
	}
	return of, nil
}

// passSum is what all passes have done, in words.
func passSum(ps []pipeline.RetagPass) string {
	var candidates, looked, changed, failed int
	for _, p := range ps {
		candidates, looked, changed, failed = candidates+p.Candidates, looked+p.Looked, changed+p.Changed, failed+p.Failed
	}
	text := fmt.Sprintf("%d of %d articles looked at, %d tagged anew", looked, max(candidates, looked), changed)
	if failed > 0 {
		text += fmt.Sprintf(", %d too large for their tags", failed)
	}
	for _, p := range ps {
		if p.Error != "" {
			return text + "; it waits: " + p.Error
		}
	}
	return text
}
