package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const (
	// followBegins is how long it may take until a process has taken up what was
	// asked for.
	followBegins = 30 * time.Second
	followEvery  = 500 * time.Millisecond
	// followSays is how often a line is printed where there is no terminal.
	followSays = 5 * time.Second
)

// A course is how far work that the server does has come.
type course struct {
	begun, done bool
	line        string // in words
}

// follow shows how work of the server goes until it is done. Nobody says what
// takes it up, and unless where nothing has in time; when interrupted it says
// what is left running.
func follow(cmd *cobra.Command, nobody, left string, ask func(context.Context) (course, error)) error {
	ctx, out := cmd.Context(), cmd.ErrOrStderr()
	live := terminal(out)
	begun, said, last := time.Now(), time.Time{}, ""
	for {
		c, err := ask(ctx)
		if ctx.Err() != nil {
			return errors.New(left)
		}
		if err != nil {
			return err
		}
		if !c.begun && time.Since(begun) > followBegins {
			return errors.New(nobody)
		}
		if live {
			fmt.Fprint(out, "\r\x1b[K")
		}
		switch {
		case c.done:
			return nil
		case !c.begun:
		case live:
			fmt.Fprint(out, c.line)
		case c.line != last && time.Since(said) >= followSays:
			said, last = time.Now(), c.line
			fmt.Fprintln(out, c.line)
		}
		select {
		case <-ctx.Done():
			return errors.New(left)
		case <-time.After(followEvery):
		}
	}
}
