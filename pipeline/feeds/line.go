package feeds

import (
	"time"

	"github.com/newswatch/newswatch/pipeline"
)

// A Line is an item as the command line prints it, one a line. Content is the
// article's content as the feed carried it, HTML or plain text; in
// [pipeline.Item] that name is the digest.
type Line struct {
	Key           string              `json:"key"`
	URL           string              `json:"url"`
	Title         string              `json:"title"`
	Summary       string              `json:"summary"`
	Content       string              `json:"content"`
	Author        string              `json:"author"`
	Published     *time.Time          `json:"published"` // null: the feed gives none that can be true
	PublishedFrom pipeline.DateSource `json:"published_from,omitempty"`
	GUID          string              `json:"guid"`
	Link          string              `json:"link,omitempty"`
	Image         string              `json:"image,omitempty"`
	Lang          string              `json:"lang,omitempty"`
	Tags          []string            `json:"tags,omitempty"`
	Version       string              `json:"version"` // digest of the content, pipeline.Item.Content
}

// LineOf is the line of an item.
func LineOf(it pipeline.Item) Line {
	l := Line{
		Key: it.Key, URL: it.URL, Title: it.Title, Summary: it.Summary, Content: it.HTML, Author: it.Author,
		PublishedFrom: it.PublishedFrom, GUID: it.GUID, Link: it.Link, Image: it.Image, Lang: it.Lang,
		Tags: it.Tags, Version: it.Content,
	}
	if l.Content == "" {
		l.Content = it.Text
	}
	if it.PublishedFrom == pipeline.DateFromFeed {
		t := it.Published.UTC()
		l.Published = &t
	}
	return l
}
