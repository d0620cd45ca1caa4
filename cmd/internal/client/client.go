// Package client talks to a running newswatch over its HTTP API. In go paths
// under /api/v1 and values, out come values or the server's problem document
// as an error.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// What can be wrong with the server asked, rather than with the request.
var (
	ErrNotRunning   = errors.New("no newswatch is running there")
	ErrNotNewswatch = errors.New("what answers there is not newswatch")
)

// maxProblem is the most bytes read of an answer that is an error.
const maxProblem = 1 << 20

// A Problem is the server's RFC 9457 problem document.
type Problem struct {
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail"`
	Position *int     `json:"position"` // where in a query the error is: bytes from 0; nil: not of a query
	Errors   []Detail `json:"errors"`
}

// A Detail is one thing wrong with a request.
type Detail struct {
	Message  string `json:"message"`
	Location string `json:"location"` // query.limit, body.names[0], line 12…
}

// Error is the detail, then what is wrong in particular, one a line.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, e := range p.Errors {
		if e.Message == "" || strings.Contains(text, e.Message) {
			continue
		}
		text += "\n  "
		if part, name, ok := strings.Cut(e.Location, "."); ok && (part == "query" || part == "body" || part == "path") {
			text += name + ": "
		}
		text += e.Message
	}
	if p.Status == http.StatusUnauthorized {
		text += "\n  Give it in NEWSWATCH_TOKEN or with --token-file."
	}
	return text
}

// A Client asks one server.
type Client struct {
	server string
	token  string
	http   *http.Client
}

// New returns a client of the server, such as http://127.0.0.1:8080; without a
// scheme http is meant. The token may be empty.
func New(server, token string) *Client {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	return &Client{server: strings.TrimRight(server, "/"), token: token, http: &http.Client{}}
}

// Get asks for a path with a query and decodes the answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.Do(ctx, http.MethodGet, path, "", nil, out)
}

// Do sends a request with an optional body and decodes the answer into out,
// unless that is nil. The errors are [ErrNotRunning], [ErrNotNewswatch], a
// [*Problem], or of the connection.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	resp, err := c.send(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if !isType(resp, "application/json") {
		return c.stranger(resp, nil)
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw, err = io.ReadAll(resp.Body)
	} else {
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// Stream sends a request and copies the answer, which is to be of the type, to
// w as it comes. One that breaks off is an error. The errors are those of Do.
func (c *Client) Stream(ctx context.Context, method, path, want string, w io.Writer) error {
	resp, err := c.send(ctx, method, path, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !isType(resp, want) {
		return c.stranger(resp, nil)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// send returns an answer that is no error.
func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, body)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", c.server, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%s: %w (start one with `newswatch run`, or name another with --server)", c.server, ErrNotRunning)
		}
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, c.problem(resp)
	}
	return resp, nil
}

// problem is the error of an answer that is one. Something else may have
// answered: another program on the port, or a proxy in front.
func (c *Client) problem(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.server, resp.Status, err)
	}
	p := &Problem{}
	if !isType(resp, "application/problem+json") || json.Unmarshal(body, p) != nil {
		return c.stranger(resp, body)
	}
	p.Status = resp.StatusCode
	return p
}

func (c *Client) stranger(resp *http.Response, body []byte) error {
	said := resp.Status
	if isType(resp, "text/plain") && len(body) > 0 && len(body) < 500 {
		said += ", " + string(bytes.TrimSpace(body))
	}
	return fmt.Errorf("%s: %w: %s", c.server, ErrNotNewswatch, said)
}

func isType(resp *http.Response, want string) bool {
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && got == want
}
