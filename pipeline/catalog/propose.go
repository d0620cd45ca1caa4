package catalog

// ProposeID makes an id for the source of a feed, by the rule for feeds from
// OPML: the site's name or, on hosts that carry the feeds of many, the title's.
// home may be empty.
func ProposeID(title, home, feed string) string {
	o := outline{title: tidy(title), home: home, feed: Feed{URL: feed}}
	return freeID(o, groupKey(o), nil)
}

// FeedKey is equal for two spellings of one feed's address: over http and
// https, in whatever case its host is written.
func FeedKey(address string) string { return feedKey(address) }
