package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/newswatch/newswatch/extractors"
	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/fetch"
)

// maxPage is the most bytes of an article page, decoded.
const maxPage = 10 << 20

// pages gets the pages of items with the fetch client, in the words of package
// extractors.
type pages struct{ client *fetch.Client }

// Fetch implements extractors.Fetcher.
func (p pages) Fetch(ctx context.Context, it pipeline.Item) (extractors.Raw, error) {
	resp, err := p.client.Get(ctx, fetch.Request{
		URL:          it.URL,
		Accept:       "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
		MaxBytes:     maxPage,
		AllowPrivate: it.Private,
		Gap:          time.Duration(it.GapMS) * time.Millisecond,
		AtOnce:       it.AtOnce,
		HTTP1:        it.HTTP1,
		UserAgent:    it.UserAgent,
		Proxy:        it.Proxy,
		Robots:       true,
		Only:         maybePage,
	})
	if err != nil {
		return extractors.Raw{}, pageError(err)
	}
	return extractors.Raw{
		URL: resp.URL, ContentType: resp.Header.Get("Content-Type"), Body: resp.Body, Fetched: time.Now(),
	}, nil
}

// maybePage says whether a body of that media type may be a page: servers call
// pages text, XML and octets too. A film or a PDF is not worth its megabytes.
func maybePage(mediaType string) bool {
	switch mediaType {
	case "", "text/html", "application/xhtml+xml", "text/plain", "text/xml", "application/xml",
		"application/octet-stream", "binary/octet-stream", "unknown/unknown", "*/*":
		return true
	}
	return false
}

// pageError says what a failed fetch means for an article: its turn comes
// later, the page is bad, or the process is stopping.
func pageError(err error) error {
	var busy *fetch.BusyError
	if errors.As(err, &busy) {
		return pipeline.Later(busy.Wait, err)
	}
	var fe *fetch.Error
	if !errors.As(err, &fe) || fe.Class == fetch.ClassCanceled {
		return err
	}
	reason := string(fe.Class)
	switch fe.Class {
	case fetch.ClassHTTPStatus:
		reason = fmt.Sprintf("http_%d", fe.Status)
	case fetch.ClassType: // the article goes on with what the feed has, and says why
		return &extractors.PageError{Reason: "not_html", Detail: fe.MediaType + ", not a page"}
	}
	return &extractors.PageError{Reason: reason, Detail: err.Error(), Temporary: fe.Temporary()}
}
