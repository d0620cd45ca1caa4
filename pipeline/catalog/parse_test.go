package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fromDesign is the example every document shows.
const fromDesign = `entities:
  - id: huawei
    name: Huawei
    kind: organization
    wikidata: Q160120
    names:
      - Huawei
      - { text: 华为, lang: zh }
      - { text: HW, exact: true, near: [phone, chip, 芯片], not: [homework] }
    tests: { match: ["санкции против Хуавея"], no_match: ["the huawei-like logo"] }
sources:
  - id: kommersant
    name: Коммерсантъ
    home: https://www.kommersant.ru
    country: RU
    lang: ru
    tags: [daily, business]
    feeds: [ { url: "https://www.kommersant.ru/RSS/main.xml", every: 10m } ]
    gap: 5s
    at_once: 2
    allow_private: true
channels:
  - { id: hook, kind: webhook, url: "https://hooks.example/nw", secret_file: /run/secrets/hook }
watches:
  - id: huawei-sanctions
    name: Huawei and sanctions
    query: entity:huawei AND (sanctions OR санкции OR 制裁)
    to: [hook]
    quiet: { from: "22:00", to: "07:00", tz: Europe/Moscow }
`

func mustParse(t testing.TB, text string) *Catalog {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	c := mustParse(t, fromDesign)
	if err := c.Validate(Checks{}); err != nil {
		t.Fatal(err)
	}
	wantSource := Source{
		ID: "kommersant", Name: "Коммерсантъ", Home: "https://www.kommersant.ru", Country: "RU", Lang: "ru",
		Tags:  []string{"daily", "business"},
		Feeds: []Feed{{URL: "https://www.kommersant.ru/RSS/main.xml", Every: Duration(10 * time.Minute)}},
		Gap:   Duration(5 * time.Second), AtOnce: 2, AllowPrivate: true,
	}
	wantSource.Version = Digest(&wantSource)
	if diff := cmp.Diff([]Source{wantSource}, c.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	wantNames := []Name{
		{Text: "Huawei"},
		{Text: "华为", Lang: "zh"},
		{Text: "HW", Exact: true, Near: []string{"phone", "chip", "芯片"}, Not: []string{"homework"}},
	}
	if diff := cmp.Diff(wantNames, c.Entities[0].Names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	wantWatch := Watch{
		ID: "huawei-sanctions", Name: "Huawei and sanctions", Query: "entity:huawei AND (sanctions OR санкции OR 制裁)",
		Kind: WatchMention, Group: GroupStory, To: []string{"hook"}, Quiet: &Quiet{From: "22:00", To: "07:00", TZ: "Europe/Moscow"},
	}
	wantWatch.Version = Digest(&wantWatch)
	if diff := cmp.Diff([]Watch{wantWatch}, c.Watches); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
}

// Every fault is told with its line and field, and all of them at once.
func TestParseFaults(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // all the lines of the error, in order
	}{
		{"unknown fields", "sources:\n  - id: a\n    nam: A\n    name: A\n    feeds:\n      - { url: \"http://a.example/\", evry: 5m }\n", []string{
			"f.yaml:3: sources[0].nam: unknown field; known are id, name, home, country, lang, tags, feeds, gap, at_once, allow_private, http1, user_agent, proxy, pages, extract",
			"f.yaml:6: sources[0].feeds[0].evry: unknown field; known are url, every",
		}},
		{"unknown at the top", "source: []\n", []string{"f.yaml:1: source: unknown field; known are sources, entities, watches, channels"}},
		{"fields of the program can't be set", "channels:\n  - id: a\n    kind: log\n    managed_by: x\n", []string{
			"f.yaml:4: channels[0].managed_by: unknown field; known are id, kind, url, url_file, secret_file, allow_private",
		}},
		{"wrong types", "sources:\n  - id: a\n    name: [A]\n    at_once: two\n    allow_private: yes\n    gap: 5\n    tags: x\n    feeds: { url: x }\n", []string{
			"f.yaml:3: sources[0].name: want a single value, found a list",
			"f.yaml:4: sources[0].at_once: want a whole number, found \"two\"",
			"f.yaml:5: sources[0].allow_private: want true or false, found \"yes\"",
			"f.yaml:6: sources[0].gap: \"5\" is not a duration such as 10m, 1h30m or 5s",
			"f.yaml:7: sources[0].tags: want a list, found \"x\"",
			"f.yaml:8: sources[0].feeds: want a list, found a mapping",
		}},
		{"bool as text", "sources:\n  - id: a\n    name: true\n", []string{
			"f.yaml:3: sources[0].name: want a text, found true; put it in quotation marks",
		}},
		{"not a mapping", "- a\n- b\n", []string{"f.yaml:1: want a mapping of fields, found a list"}},
		{"field twice", "sources:\n  - id: a\n    id: b\n    name: A\n", []string{"f.yaml:3: sources[0].id: stands already in line 2"}},
		{"syntax", "sources:\n  - id: \"a\n    name: A\n", []string{"f.yaml:2: YAML: found unexpected end of stream"}},
		{"faults of several objects", "sources:\n  - id: A b\n    name: \"\"\n    country: ru\n    lang: russian\nentities:\n  - id: e\n    name: E\n    kind: firm\n    wikidata: 160\n    names:\n      - E\n      - { text: \" \" }\n      - { text: E }\n", []string{
			"f.yaml:2: source A b: id: \"A b\" must be 1 to 64 of a-z, 0-9 and -, and not begin with -",
			"f.yaml:3: source A b: name: must not be empty",
			"f.yaml:4: source A b: country: \"ru\" is not a country of two capital letters such as RU",
			"f.yaml:5: source A b: lang: \"russian\" is not a language such as en, ru, zh, zh-Hant or pt-BR",
			"f.yaml:9: entity e: kind: \"firm\" is none of person, organization, place, event, product, law, topic",
			"f.yaml:10: entity e: wikidata: \"160\" is not an item such as Q160120",
			"f.yaml:13: entity e: names[1].text: must not be empty",
			"f.yaml:14: entity e: names[2].text: \"E\" stands in names[0] already",
		}},
		{"missing fields point at the object", "entities:\n  - id: e\n\n  - id: f\n    name: F\n    kind: topic\n", []string{
			"f.yaml:2: entity e: name: must not be empty",
			"f.yaml:2: entity e: kind: \"\" is none of person, organization, place, event, product, law, topic",
			"f.yaml:2: entity e: names: must hold at least one name",
			"f.yaml:4: entity f: names: must hold at least one name",
		}},
		{"id twice", "channels:\n  - { id: a, kind: log }\n  - { id: b, kind: log }\n  - { id: a, kind: log }\n", []string{
			"f.yaml:4: channel a: id: the id stands already in line 2",
		}},
		{"watch", "watches:\n  - id: w\n    name: W\n    query: \"  \"\n    kind: spike\n    group: day\n    to: [a, a]\n    quiet: { from: \"7\", to: \"24:00\", tz: Mars/Base }\n", []string{
			"f.yaml:4: watch w: query: must not be empty",
			"f.yaml:5: watch w: kind: spike is not available yet; available: mention, silence",
			"f.yaml:6: watch w: group: \"day\" is none of story, entity, source, none",
			"f.yaml:7: watch w: to[1]: \"a\" stands there twice",
			"f.yaml:8: watch w: quiet.from: \"7\" is not a time of day such as 22:00",
			"f.yaml:8: watch w: quiet.to: \"24:00\" is not a time of day such as 22:00",
			"f.yaml:8: watch w: quiet.tz: \"Mars/Base\" is not a time zone such as Europe/Moscow",
		}},
		{"watch of kind silence", "watches:\n  - { id: all, name: A, kind: silence }\n  - { id: w, name: W, kind: silence, group: source }\n", []string{
			"f.yaml:3: watch w: group: means nothing to a watch of kind silence: each spell of a feed alerts once",
		}},
		{"channels", "channels:\n  - { id: a, kind: slack, url_file: /x }\n  - { id: b, kind: pigeon }\n  - { id: c, kind: webhook }\n  - { id: d, kind: webhook, url: ftp://x, url_file: /x }\n  - { id: e, kind: log, url: http://x }\n", []string{
			"f.yaml:2: channel a: kind: slack is not available yet; available: log, webhook",
			"f.yaml:3: channel b: kind: \"pigeon\" is none of log, webhook, slack, telegram, discord, teams, ntfy, email",
			"f.yaml:4: channel c: url: must be given, or url_file",
			"f.yaml:5: channel d: url: \"ftp://x\" must begin with http:// or https://",
			"f.yaml:5: channel d: url_file: can't stand beside url",
			"f.yaml:6: channel e: url: url, url_file and secret_file mean nothing to a channel of kind log",
		}},
		{"addresses", "sources:\n  - id: a\n    name: A\n    home: a.example\n    feeds:\n      - url: https://u:secret@a.example/\n      - url: \"http://a.example/x y\"\n      - url: http://a.example/f\n      - url: https://A.example/f\n      - { url: http://b.example, every: 1ms }\n", []string{
			"f.yaml:4: source a: home: \"a.example\" must begin with http:// or https://",
			"f.yaml:6: source a: feeds[0].url: \"https://u:xxxxx@a.example/\" holds a user name or password",
			"f.yaml:7: source a: feeds[1].url: \"http://a.example/x y\" is not an address",
			"f.yaml:9: source a: feeds[3].url: https://A.example/f stands in feeds[2] already",
			"f.yaml:10: source a: feeds[4].every: 1ms must be between 1s and 168h",
		}},
		{"countries as people write them", "sources:\n  - { id: a, name: A, country: UK }\n  - { id: b, name: B, country: QX }\n", []string{
			"f.yaml:2: source a: country: \"UK\" is written GB in ISO 3166-1",
			"f.yaml:3: source b: country: \"QX\" is not a country in ISO 3166-1",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if !errors.Is(err, ErrInvalid) {
				t.Error("the error is no ErrInvalid")
			}
			var got []string
			for _, e := range FieldErrors(err) {
				got = append(got, e.Error())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseEmpty(t *testing.T) {
	for _, text := range []string{"", " \n\t\n"} {
		if _, err := Parse("f.yaml", []byte(text)); !errors.Is(err, ErrEmpty) {
			t.Errorf("Parse(%q): %v, want ErrEmpty", text, err)
		}
	}
	for _, text := range []string{"{}", "sources:\n", "sources: []\n", "# only a comment\nsources: null\n"} {
		c, err := Parse("f.yaml", []byte(text))
		if err != nil || c.Len() != 0 {
			t.Errorf("Parse(%q): %v, %v, want an empty catalog", text, c, err)
		}
	}
}

func TestParseForms(t *testing.T) {
	want := mustParse(t, fromDesign)
	asJSON, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	// JSON of the API also holds what only the program sets.
	var plain map[string][]map[string]any
	if err := json.Unmarshal(asJSON, &plain); err != nil {
		t.Fatal(err)
	}
	for _, objects := range plain {
		for _, o := range objects {
			delete(o, "version")
		}
	}
	asJSON, err = json.MarshalIndent(plain, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("f.json", asJSON)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Errorf("from JSON: %+v, want %+v", got, want)
	}
}

func TestParseAliases(t *testing.T) {
	got := mustParse(t, "sources:\n  - { id: 163, name: 36, tags: &t [a, NO] }\n  - { id: b, name: B, tags: *t }\n")
	if diff := cmp.Diff([]string{"a", "NO"}, got.Sources[1].Tags); diff != "" {
		t.Error(diff)
	}
	if got.Sources[0].ID != "163" || got.Sources[0].Name != "36" {
		t.Errorf("source %+v, want the numbers as texts", got.Sources[0])
	}
	got = mustParse(t, "sources: [{ id: a, name: A }]\n---\nsources: [{ id: b, name: B }]\n")
	if len(got.Sources) != 2 {
		t.Errorf("two documents gave %d sources", len(got.Sources))
	}
	got, err := Parse("f.json", []byte(`{"sources":[{"id":"a","name":"\ud842\udfb7 \\ud842"}]}`))
	if err != nil || got.Sources[0].Name != `𠮷 \ud842` {
		t.Errorf("surrogates: %v, %v", got, err)
	}
}

// Aliases of aliases must not cost memory without bound.
func TestParseAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("entities:\n  - id: a\n    name: A\n    kind: topic\n    names:\n      - text: a\n        near: &a0 [" + strings.Repeat("x,", 2000) + "x]\n")
	for range 4000 {
		b.WriteString("      - { text: a, near: *a0 }\n")
	}
	_, err := Parse("f.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "aliases repeat more than") {
		t.Fatalf("%.200v, want an error about aliases", err)
	}
}

func TestWithoutRoundTripLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		want := randomCatalog(rng)
		if err := want.Validate(Checks{}); err != nil {
			t.Fatalf("catalog %d: %v", i, err)
		}
		text, err := Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse("f.yaml", text)
		if err != nil {
			t.Fatalf("catalog %d: %v\n%s", i, err, text)
		}
		if !got.Equal(want) {
			t.Fatalf("catalog %d: %+v, want %+v\n%s", i, got, want, text)
		}
		for o := range want.Objects() {
			data, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseObject(o.Ref().Kind, data)
			if err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if Digest(back) != Digest(o) {
				t.Fatalf("from JSON: %+v, want %+v", back, o)
			}
		}
	}
}

// words are texts that YAML could take for something else.
var words = []string{"Huawei", "华为", "no", "null", "~", "true", "0x10", "1_000", "- a", "a: b", "#x", "'", "\"", "{a}", "2015-12-01", "=", "<<", "é", "Ё ж", "\\n", "@x", "`", "%", "!t", "&a", "*a", "1e3", ".5", "|", ">"}

func randomCatalog(rng *rand.Rand) *Catalog {
	word := func() string { return words[rng.IntN(len(words))] + " w" + fmt.Sprint(rng.IntN(1000)) }
	some := func() []string {
		var all []string
		for range rng.IntN(3) {
			all = append(all, word())
		}
		return all
	}
	c := new(Catalog)
	for i := range rng.IntN(4) {
		s := Source{
			ID: fmt.Sprintf("s%d", i), Name: word(), Lang: []string{"", "ru", "zh-Hant"}[rng.IntN(3)],
			Country: []string{"", "NO", "RU"}[rng.IntN(3)], Tags: some(), AllowPrivate: rng.IntN(2) == 0,
			Gap: Duration(rng.IntN(3600)) * Duration(time.Second), AtOnce: rng.IntN(4),
			HTTP1: rng.IntN(2) == 0, UserAgent: []string{"", "Reader/1.0 (+https://me.example)"}[rng.IntN(2)],
			Proxy: []string{"", "socks5://localhost:1080", "http://proxy:3128"}[rng.IntN(3)],
			Pages: []string{"", PagesAlways, PagesNever}[rng.IntN(3)],
			Extract: []*ExtractRules{
				nil,
				{Body: `div[class="a  b &<\"]"] > p, #т`, Author: ".by"},
				{Title: "h1", Date: "time", Drop: []string{".ad", "aside > p"}},
			}[rng.IntN(3)],
		}
		for j := range rng.IntN(3) {
			s.Feeds = append(s.Feeds, Feed{URL: fmt.Sprintf("https://s%d.example/%d?a=b&c=#x", i, j), Every: Duration(rng.IntN(2)) * Duration(time.Hour)})
		}
		c.Sources = append(c.Sources, s)
	}
	for i := range rng.IntN(3) {
		e := Entity{ID: fmt.Sprintf("e%d", i), Name: word(), Kind: EntityKinds()[rng.IntN(7)], Tests: EntityTests{Match: some(), NoMatch: some()}}
		for j := range 1 + rng.IntN(4) {
			e.Names = append(e.Names, Name{Text: words[rng.IntN(3)] + fmt.Sprint(j), Exact: rng.IntN(2) == 0, Near: some(), Not: some(), Must: some()})
		}
		c.Entities = append(c.Entities, e)
	}
	c.Channels = []Channel{{ID: "log", Kind: "log"}, {ID: "hook", Kind: "webhook", URLFile: "/run/secrets/x"}}
	for i := range rng.IntN(3) {
		w := Watch{ID: fmt.Sprintf("w%d", i), Name: word(), Query: word() + "\n " + word(), Kind: WatchMention, Group: Groups()[rng.IntN(4)], To: []string{"log"}}
		if rng.IntN(2) == 0 {
			w.Quiet = &Quiet{From: "22:00", To: "07:00"}
		}
		c.Watches = append(c.Watches, w)
	}
	return c
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{"10m": "10m", "90m": "1h30m", "60s": "1m", "5s": "5s", "1h": "1h", "100h": "100h", "1h0m1s": "1h0m1s", "500ms": "500ms"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s: %v, %v, want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "10", "ten", "1d", "5 m"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %v, want an error", text, d)
		}
	}
}

func TestParseObjectFaults(t *testing.T) {
	for _, tt := range []struct{ kind, text, want string }{
		{"entity", `{"id":"a","nam":"x"}`, `unknown field "nam"`},
		{"entity", `{"id":"a","names":[{"txt":"x"}]}`, `unknown field "txt"`},
		{"entity", `{"id":1}`, "Entity.id"},
		{"source", `{"id":"a","gap":"soon"}`, "is not a duration"},
		{"source", `{"id":"a"} {}`, "more follows"},
		{"source", `{"id":`, "unexpected EOF"},
		{"planet", `{}`, "no kind"},
	} {
		_, err := ParseObject(tt.kind, []byte(tt.text))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want ErrInvalid with %q", tt.kind, tt.text, err, tt.want)
		}
	}
	obj, err := ParseObject("watch", []byte(`{"id":"w","name":"W","query":"x","managed_by":"file","version":"9"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Watch{ID: "w", Name: "W", Query: "x", Kind: "mention", Group: "story"}, obj); diff != "" {
		t.Error(diff)
	}
}

func TestValidateWithOthers(t *testing.T) {
	c := mustParse(t, `
sources:
  - { id: a, name: A, feeds: [{ url: "https://a.example/f" }] }
  - { id: b, name: B, feeds: [{ url: "http://A.example/f" }] }
watches:
  - { id: w, name: W, query: "bad (", to: [gone] }
`)
	err := c.Validate(Checks{Query: func(_, q string) error { return fmt.Errorf("query: at %d: no )", len(q)) }})
	var got []string
	for _, e := range FieldErrors(err) {
		got = append(got, e.Error())
	}
	want := []string{
		"test.yaml:4: source b: feeds[0].url: http://A.example/f is a feed of source a already",
		"test.yaml:6: watch w: query: query: at 5: no )",
		"test.yaml:6: watch w: to[0]: there is no channel \"gone\"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestDigest(t *testing.T) {
	a := &Source{ID: "a", Name: "A", Tags: []string{"x"}}
	b := &Source{ID: "a", Name: "A", Tags: []string{"x"}, ManagedBy: "file", Version: "old"}
	if Digest(a) != Digest(b) || len(Digest(a)) != 16 {
		t.Errorf("digests %s and %s, want the same 16 digits", Digest(a), Digest(b))
	}
	b.Tags = []string{"y"}
	if Digest(a) == Digest(b) {
		t.Error("the digest of another content is the same")
	}
	if b.ManagedBy != "file" || b.Version != "old" {
		t.Error("Digest changed its object")
	}
}

func TestLookup(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		c := randomCatalog(rng)
		rng.Shuffle(len(c.Sources), func(i, j int) { c.Sources[i], c.Sources[j] = c.Sources[j], c.Sources[i] })
		for _, c := range []*Catalog{c, c.Sorted()} {
			for o := range c.Objects() {
				if c.Object(o.Ref()) != o {
					t.Fatalf("%s not found", o.Ref())
				}
				if c.Object(Ref{o.Ref().Kind, "none"}) != nil {
					t.Fatal("found what is not there")
				}
			}
		}
		if s := c.Sorted(); !slices.IsSortedFunc(s.Sources, func(a, b Source) int { return strings.Compare(a.ID, b.ID) }) {
			t.Fatal("not sorted")
		}
	}
}

// Diff's events, applied to the old catalog, give the new one.
func TestDiff(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		old, now := randomCatalog(rng).Sorted(), randomCatalog(rng).Sorted()
		state := make(map[Ref]Object)
		for o := range old.Objects() {
			state[o.Ref()] = o
		}
		for _, e := range Diff(old, now) {
			ref := Ref{e.Kind, e.ID}
			before, _ := e.Before.(Object)
			if state[ref] != before {
				t.Fatalf("%s: before is %v, want %v", ref, before, state[ref])
			}
			if after, ok := e.After.(Object); ok {
				state[ref] = after
			} else {
				delete(state, ref)
			}
		}
		got := new(Catalog)
		for _, o := range state {
			got.add(o)
		}
		if !got.Sorted().Equal(now) {
			t.Fatalf("got %+v, want %+v", got.Sorted(), now)
		}
		if n := len(Diff(now, now)); n != 0 {
			t.Fatalf("%d events between equals", n)
		}
	}
}

// Whatever comes in, Parse does not panic, and what it takes it writes again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(fromDesign))
	f.Add([]byte("sources: [{ id: a, name: A }]\n---\nchannels: []"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("sources: &a\n  - *a"))
	f.Add([]byte("<<: {}\n? [a]\n: b"))
	f.Add([]byte(`{"sources":[{"id":"a","name":"\ud842\udfb7"}]}`))
	f.Add([]byte("entities: [{id: a, name: a, kind: topic, names: [a, {text: b, near: [c]}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrEmpty) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		text, err := Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse("again.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !back.Equal(c) {
			t.Fatalf("%+v, want %+v\n%s", back, c, text)
		}
	})
}

func TestHowASourceIsAsked(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`http1: true, user_agent: "Reader/1.0 (+https://me.example)", proxy: "http://proxy:3128"`, ""},
		{`proxy: "socks5://localhost:1080"`, ""},
		{`proxy: "proxy:3128"`, "proxy"},
		{`proxy: "ftp://proxy:3128"`, `must begin with http://`},
		{`proxy: "http://me:secret@proxy:3128"`, "holds a user name or password"},
		{`proxy: "http://proxy:3128/path"`, "more than a host and a port"},
		{`user_agent: "Читатель"`, "not ASCII"},
		{`user_agent: "a\nHost: b"`, "control character"},
	} {
		c, err := Parse("f.yaml", []byte("sources: [ { id: a, name: A, feeds: [ { url: https://a.example/f } ], "+tc.text+" } ]"))
		if err == nil {
			err = c.Validate(Checks{})
		}
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.text, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v, want %q in it", tc.text, err, tc.want)
		}
	}
}

// Whatever the API is given as an object, ParseObject does not panic, and what it
// takes is stored and read as it was.
func FuzzParseObject(f *testing.F) {
	f.Add(KindEntity, []byte(`{"id":"huawei","name":"Huawei","kind":"organization","names":["Huawei",{"text":"HW","exact":true,"near":["chip"]}]}`))
	f.Add(KindSource, []byte(`{"id":"a","name":"A","home":"https://a.example","feeds":[{"url":"https://a.example/rss","every":"10m"}],"extract":{"body":".x"}}`))
	f.Add(KindWatch, []byte(`{"id":"w","name":"W","query":"a OR b","to":["desk"],"quiet":{"from":"22:00","to":"07:00","tz":"UTC"}}`))
	f.Add(KindChannel, []byte(`{"id":"desk","kind":"webhook","url":"https://h.example","managed_by":"x","version":"y"}`))
	f.Add(KindChannel, []byte(`null {}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		obj, err := ParseObject(kind, data)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		stored, err := encode(obj, "file")
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(obj.Ref(), stored)
		if err != nil {
			t.Fatalf("%v\n%s", err, stored)
		}
		if Digest(back) != Digest(obj) {
			t.Fatalf("stored as %s, which is read as %+v", stored, back)
		}
	})
}
