package web

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/newswatch/newswatch/pipeline"
	"github.com/newswatch/newswatch/pipeline/catalog"
)

// A Hook is a path below which strangers call, without a token and by whatever
// name they know this server: its handler must see for itself who they are.
// Nothing else is reached that way.
type Hook struct {
	Path    string // such as /websub, without a slash at its end
	Handler http.Handler
}

// hooked answers the calls of the hook past the checks of who asks.
func (s *Server) hooked(next http.Handler) http.Handler {
	hook := s.deps.Hook
	if hook == nil {
		return next
	}
	open := s.limited(s.recovered(hook.Handler))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, hook.Path+"/") {
			open.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A Discovery is what asking an address for feeds gave.
type Discovery struct {
	URL   string            `json:"url" doc:"The address asked first."`
	Feeds []DiscoveredFeed  `json:"feeds"`
	Tried []DiscoveryFailed `json:"tried" doc:"What was asked and is no feed."`
}

// A DiscoveredFeed is a feed that was asked and can be followed.
type DiscoveredFeed struct {
	URL    string    `json:"url"`
	Title  string    `json:"title,omitempty"`
	Format string    `json:"format"`
	Lang   string    `json:"lang,omitempty"`
	Home   string    `json:"home,omitempty" doc:"Address of the site, as the feed gives it."`
	Why    string    `json:"why" doc:"How it was found."`
	Items  int       `json:"items"`
	Newest time.Time `json:"newest,omitzero"`
	Source string    `json:"source,omitempty" doc:"Id of the source that has it already."`
}

// A DiscoveryFailed is an address that is no feed.
type DiscoveryFailed struct {
	URL    string `json:"url"`
	Why    string `json:"why" doc:"Why it was asked."`
	Result string `json:"result" doc:"What it gave, in words."`
}

type discoverInput struct {
	Body struct {
		URL          string `json:"url" minLength:"1" maxLength:"2000" doc:"A feed, or a page of a site; without a scheme https is tried first."`
		AllowPrivate bool   `json:"allow_private,omitempty" doc:"It may be on a private network."`
		HTTP1        bool   `json:"http1,omitempty" doc:"It is asked without HTTP/2."`
		UserAgent    string `json:"user_agent,omitempty" doc:"It is asked under this User-Agent."`
		Proxy        string `json:"proxy,omitempty" doc:"It is asked through this proxy."`
	}
}

func (s *Server) routeDiscover() {
	s.routeFeedList()
	s.routeKept()
	// The command line's feeds add, and the page that adds a source.
	huma.Register(s.api, op(http.MethodPost, "/feeds:discover", "discover-feeds", "catalog", "Find the feeds of a site; nothing is stored"),
		func(ctx context.Context, in *discoverInput) (*struct{ Body Discovery }, error) {
			if s.deps.Discover == nil {
				return nil, notHere("Fetching")
			}
			src := catalog.Source{
				ID: "asked", Name: "asked", AllowPrivate: in.Body.AllowPrivate, HTTP1: in.Body.HTTP1, UserAgent: in.Body.UserAgent, Proxy: in.Body.Proxy,
			}
			if err := src.Validate(); err != nil {
				return nil, s.problemOf(ctx, "Discovery", err)
			}
			d, err := s.deps.Discover(ctx, in.Body.URL, src)
			if err != nil {
				return nil, s.problemOf(ctx, "Discovery", err)
			}
			s.known(&d)
			return &struct{ Body Discovery }{d}, nil
		})
}

// known says of feeds that are in the catalog already in which source.
func (s *Server) known(d *Discovery) {
	if d.Feeds == nil {
		d.Feeds = []DiscoveredFeed{}
	}
	if d.Tried == nil {
		d.Tried = []DiscoveryFailed{}
	}
	if s.deps.Catalog == nil {
		return
	}
	for _, src := range s.deps.Catalog.Snapshot().Sources {
		for _, f := range src.Feeds {
			for i := range d.Feeds {
				if catalog.FeedKey(d.Feeds[i].URL) == catalog.FeedKey(f.URL) {
					d.Feeds[i].Source = src.ID
				}
			}
		}
	}
}

type feedsInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items wanted."`
	Cursor string `query:"cursor" doc:"next_cursor of the page before."`
	State  string `query:"state" doc:"Only feeds in this state: new, ok, failing…"`
}

func (s *Server) routeFeedList() {
	// The command line's feeds list.
	huma.Register(s.api, op(http.MethodGet, "/feeds", "list-feeds", "operation", "Every feed and how it does, by source and address"),
		func(ctx context.Context, in *feedsInput) (*listOutput[FeedStatus], error) {
			if s.deps.Catalog == nil || s.deps.Feeds == nil {
				return nil, notHere("Feeds")
			}
			health, err := s.deps.Feeds.Feeds(ctx, "")
			if err != nil {
				return nil, s.problemOf(ctx, "Feeds", err)
			}
			last, err := base64.RawURLEncoding.DecodeString(in.Cursor)
			if err != nil {
				return nil, newProblem(http.StatusBadRequest, "The cursor is not one this list gave.")
			}
			bySource := make(map[string][]FeedStatus)
			for _, h := range health {
				bySource[h.Source] = append(bySource[h.Source], h)
			}
			var page []FeedStatus
			sources := s.deps.Catalog.Snapshot().Sources
			for i := range sources {
				of := feedsOf(&sources[i], bySource[sources[i].ID])
				slices.SortFunc(of, func(x, y FeedStatus) int { return cmp.Compare(x.URL, y.URL) })
				for _, f := range of {
					if in.State != "" && f.State != in.State || feedPlace(f) <= string(last) {
						continue
					}
					if len(page) == in.Limit {
						return newList(page, base64.RawURLEncoding.EncodeToString([]byte(feedPlace(page[len(page)-1])))), nil
					}
					page = append(page, f)
				}
			}
			return newList(page, ""), nil
		})
}

func (s *Server) routeKept() {
	// The command line's feeds check --kept.
	huma.Register(s.api, op(http.MethodGet, "/feeds:kept", "get-kept-body", "operation", "The last body of a feed that could not be read; it is kept until the feed can be"),
		func(ctx context.Context, in *struct {
			URL string `query:"url" required:"true" maxLength:"2000" doc:"Address of the feed in the catalog."`
		}) (*struct{ Body KeptBody }, error) {
			if s.deps.Feeds == nil {
				return nil, notHere("Feeds")
			}
			k, err := s.deps.Feeds.Kept(ctx, in.URL)
			if errors.Is(err, pipeline.ErrNotFound) {
				return nil, newProblem(http.StatusNotFound, "No body of that feed is kept: it has never been unreadable, or can be read again.")
			}
			if err != nil {
				return nil, s.problemOf(ctx, "Kept body", err)
			}
			return &struct{ Body KeptBody }{*k}, nil
		})
}

// feedPlace orders feeds by source, then address: ids have no character as low
// as the one between.
func feedPlace(f FeedStatus) string { return f.Source + "\n" + f.URL }
