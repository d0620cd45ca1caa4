package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/mmcdole/gofeed"
)

// readJSON asks gofeed, then for what the document holds that a JSON Feed may
// hold: fields of the wrong type are brought to theirs, what follows the first
// value is dropped, and a body that was cut off ends with its last whole item.
func (p *Parsed) readJSON(doc *document) ([]*gofeed.Feed, error) {
	m, whole := lenientJSON(doc.text)
	items, isList := m["items"].([]any)
	version, _ := m["version"].(string)
	if !isList && !strings.Contains(version, "jsonfeed.org") {
		return nil, ErrNotFeed
	}
	doc.hub = hubOf(m)
	if len(items) > MaxItems {
		p.repaired("items_cut")
		m["items"], whole = items[:MaxItems], false
	}
	if whole {
		if feed, err := gofeedParse(doc.text); err == nil {
			return []*gofeed.Feed{feed}, nil
		}
	}
	text, err := json.Marshal(feedShape(m))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	feed, err := gofeedParse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	p.repaired("json")
	return []*gofeed.Feed{feed}, nil
}

// hubOf is the address of the first WebSub hub that the document names (JSON
// Feed 1.1, hubs), which gofeed leaves out. Hubs of other kinds are none.
func hubOf(m map[string]any) string {
	list, ok := m["hubs"].([]any)
	if !ok {
		list = []any{m["hubs"]} // one that is not in a list
	}
	for _, v := range list {
		hub, _ := v.(map[string]any)
		kind, _ := hub["type"].(string)
		address, _ := hub["url"].(string)
		if strings.EqualFold(strings.TrimSpace(kind), "websub") && address != "" {
			return address
		}
	}
	return ""
}

// lenientJSON reads the members of an object for as long as they can be read,
// and the elements of its items likewise. whole is whether nothing was wrong.
func lenientJSON(b []byte) (m map[string]any, whole bool) {
	m = make(map[string]any)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return m, false
	}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return m, false
		}
		if name != "items" {
			var v any
			if err := dec.Decode(&v); err != nil {
				return m, false
			}
			m[name] = v
			continue
		}
		items, err := jsonItems(dec)
		m["items"] = items
		if err != nil {
			return m, false
		}
	}
	if _, err := dec.Token(); err != nil {
		return m, false
	}
	return m, !dec.More()
}

func jsonItems(dec *json.Decoder) (items []any, err error) {
	items = []any{}
	t, err := dec.Token()
	if err != nil || t != json.Delim('[') {
		return items, fmt.Errorf("items is %v, not a list: %w", t, err)
	}
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			return items, err
		}
		if len(items) <= MaxItems {
			items = append(items, v)
		}
	}
	_, err = dec.Token()
	return items, err
}

// feedShape brings the members to the types of the format's specification.
func feedShape(m map[string]any) map[string]any {
	out := shape(m, "version", "title", "home_page_url", "feed_url", "description", "next_url", "icon", "language")
	var items []any
	list, _ := m["items"].([]any)
	for _, v := range list {
		it, ok := v.(map[string]any)
		if !ok {
			continue
		}
		o := shape(it, "id", "url", "external_url", "title", "content_html", "content_text", "summary", "image",
			"banner_image", "date_published", "date_modified", "language")
		if tags := asStrings(it["tags"]); len(tags) > 0 {
			o["tags"] = tags
		}
		items = append(items, o)
	}
	out["items"] = items
	return out
}

func shape(m map[string]any, names ...string) map[string]any {
	out := make(map[string]any)
	for _, n := range names {
		if s := asStrings(m[n]); len(s) > 0 {
			out[n] = s[0]
		}
	}
	authors, _ := m["authors"].([]any)
	if len(authors) == 0 && m["author"] != nil {
		authors = []any{m["author"]}
	}
	var shaped []any
	for _, a := range authors {
		switch a := a.(type) {
		case string:
			shaped = append(shaped, map[string]any{"name": a})
		case map[string]any:
			if s := asStrings(a["name"]); len(s) > 0 {
				shaped = append(shaped, map[string]any{"name": s[0]})
			}
		}
	}
	if shaped != nil {
		out["authors"] = shaped
	}
	return out
}

// asStrings is the value as the strings it holds.
func asStrings(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case bool:
		return []string{strconv.FormatBool(v)}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, asStrings(e)...)
		}
		return out
	}
	return nil
}
